"""Runtimes compute what the module computes, and say clearly when they cannot."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from archsearch.cost.protocol import LatencyProtocol
from archsearch.cost.runtimes import RUNTIMES, prepare
from archsearch.cost.runtimes import extra as extra_module
from archsearch.cost.runtimes.operator_place import named_operator
from archsearch.cost.timers import launch_share
from archsearch.errors import InputError, TrialError

NEEDS = {
    "onnxruntime": ("onnxruntime", "onnx", "onnxscript"),
    "openvino": ("openvino",),
    "litert": ("ai_edge_litert", "litert_torch"),
}


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.LayerNorm(8)
        self.qkv = nn.Linear(8, 24)

    def forward(self, x):
        x = self.norm(self.conv(x).flatten(2).transpose(1, 2))
        query, key, value = self.qkv(x)[:, None].chunk(3, dim=3)  # (B, 1, N, C) each
        return nn.functional.scaled_dot_product_attention(query, key, value)


class Unexportable(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvals(x)


@pytest.fixture
def images():
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))


def _skip_unless_installed(runtime):
    missing = [name for name in NEEDS.get(runtime, ()) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def _output(result):
    if isinstance(result, torch.Tensor):
        return result.detach().numpy()
    if isinstance(result, np.ndarray):
        return result
    return np.asarray(result[0])


@pytest.mark.filterwarnings("ignore")  # of the exporters
@pytest.mark.parametrize(
    "runtime",
    [
        "eager",
        "onnxruntime",
        "openvino",
        "litert",
        pytest.param("compiled", marks=pytest.mark.slow),
    ],
)
def test_output_is_the_modules(runtime, images):
    _skip_unless_installed(runtime)
    model = Network().eval()
    with torch.no_grad():
        expected = model(images).numpy()
    with torch.inference_mode():
        found = _output(prepare(runtime, model, images)())
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_runtime_of_a_protocol_is_known():
    assert set(LatencyProtocol.model_fields["runtime"].annotation.__args__) == set(RUNTIMES)


def test_unknown_runtime(images):
    with pytest.raises(InputError, match=r"must be a known runtime, but got 'eagre'.*'eager'"):
        prepare("eagre", Network(), images)


@pytest.mark.parametrize(
    ("runtime", "extra"), [("onnxruntime", "onnx"), ("openvino", "openvino"), ("litert", "litert")]
)
def test_missing_package_names_the_extra(runtime, extra, images, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(extra_module.importlib, "import_module", missing)
    with pytest.raises(InputError, match=rf"not installed.*archsearch\[{extra}\]"):
        prepare(runtime, Network(), images)


@pytest.mark.filterwarnings("ignore")
def test_a_failed_export_names_the_operator(images):
    _skip_unless_installed("onnxruntime")
    with pytest.raises(
        TrialError, match=r"cannot be exported to ONNX because of operator aten\.\w+"
    ):
        prepare("onnxruntime", Unexportable(), images)


def test_operator_is_found_in_the_cause():
    error = ValueError("export failed")
    error.__cause__ = RuntimeError("no function for aten::_linalg_eigvals.default here")
    assert named_operator(error) == " because of operator aten._linalg_eigvals.default"
    assert named_operator(ValueError("nothing")) == ""


def test_onnxruntime_has_no_bfloat16(images):
    _skip_unless_installed("onnxruntime")
    with pytest.raises(
        InputError, match=r"dtype: bfloat16 is not supported by onnxruntime.*float32"
    ):
        prepare("onnxruntime", Network().bfloat16(), images.bfloat16())


def test_cuda_graph_needs_cuda(images):
    with pytest.raises(InputError, match="cuda_graph needs a CUDA device"):
        prepare("cuda_graph", Network(), images)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_graph_output_is_the_modules(images):
    model = Network().eval().cuda()
    run = prepare("cuda_graph", model, images.cuda())
    with torch.no_grad():
        expected = model(images.cuda()).cpu()
    run()
    torch.cuda.synchronize()
    torch.testing.assert_close(run().cpu(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_host_starts_a_replay_at_once_and_eager_kernels_one_by_one(images):
    small = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(60))).eval().cuda()
    eager, replay = (
        launch_share(prepare(runtime, small, images.cuda()), torch.device("cuda"))
        for runtime in ("eager", "cuda_graph")
    )
    assert replay < 0.8 * eager

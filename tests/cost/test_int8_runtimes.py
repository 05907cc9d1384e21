"""Runtimes quantise what they say, name what they leave in float, and refuse what they lack."""

import importlib.util
import multiprocessing
import re
import sys

import numpy as np
import pytest
import torch
from torch import nn

from archsearch.cost import Probe, int8_instructions
from archsearch.cost.protocol import LatencyProtocol
from archsearch.cost.runtimes import INT8_RUNTIMES, check_runtime, prepare_int8
from archsearch.cost.runtimes.inference import Fallback, block_of, described
from archsearch.cost.runtimes.onnx_graph import write_onnx
from archsearch.cost.runtimes.openvino_layers import module_of
from archsearch.cost.runtimes.operator_place import block_calling
from archsearch.errors import InputError, TrialError

NEEDS = {
    "onnxruntime": ("onnxruntime", "onnx", "onnxscript"),
    "openvino": ("openvino", "nncf"),
    "litert": ("ai_edge_litert", "litert_torch", "ai_edge_quantizer"),
}
SHAPE = (3, 16, 16)
#: XNNPACK's linear layers want a weight, and the converter makes them of products of one head
FALLBACKS = {
    "litert": tuple(
        Fallback("FULLY_CONNECTED", block, "run outside XNNPACK")
        for block in ("blocks.0", "blocks.1")
    )
}


class Block(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        query, key, value = self.qkv(self.norm(x))[:, None].chunk(3, dim=3)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(mixed.squeeze(1))


class Network(nn.Module):
    """A convolution with a batch norm, two attention blocks, and a head."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 4, stride=4), nn.BatchNorm2d(16))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.stem(x).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class Unexportable(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.second = Eigenvalues()

    def forward(self, x):
        return self.second(self.first(x))


class Eigenvalues(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Linear(16, 16)

    def forward(self, x):
        return torch.linalg.eigvals(self.scale(x)).real


@pytest.fixture(params=sorted(INT8_RUNTIMES))
def runtime(request):
    missing = [name for name in NEEDS[request.param] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    return request.param


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return Network().eval()


def images(count, seed=1):
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed))


def converted(runtime, model, folder, any_batch=False):
    chosen = INT8_RUNTIMES[runtime]
    file = folder / f"float{chosen.ending}"
    with torch.no_grad():
        chosen.convert(model, images(2 if any_batch else 1), file, any_batch=any_batch)
    return chosen, file


@pytest.mark.filterwarnings("ignore")  # of the converters
def test_int8_predicts_about_what_the_module_does(runtime, model, tmp_path):
    chosen, file = converted(runtime, model, tmp_path)
    batches = [images(1, seed).numpy() for seed in range(8)]
    output = tmp_path / f"int8{chosen.ending}"
    chosen.quantize(file, batches, output)
    plain, quantised = chosen.load(file, 1), chosen.load(output, 1)
    seen = np.concatenate([plain.predict(each).copy() for each in batches])
    found = np.concatenate([quantised.predict(each).copy() for each in batches])
    with torch.no_grad():
        expected = torch.cat([model(torch.from_numpy(each)) for each in batches]).numpy()
    np.testing.assert_allclose(seen, expected, atol=1e-4)
    error = np.abs(found - expected).max() / np.abs(expected).max()
    # 8 bits: neither the same numbers nor others
    assert 1e-4 < error < 0.15
    assert plain.fallbacks == quantised.fallbacks == FALLBACKS.get(runtime, ())


@pytest.mark.filterwarnings("ignore")
def test_operators_are_named_by_their_modules(runtime, model, tmp_path):
    chosen, file = converted(runtime, model, tmp_path)
    modules = set(chosen.operators(file).values())
    assert {"blocks.0.qkv", "blocks.0.out", "blocks.1.qkv", "head"} <= modules
    units = ["stem", "blocks.0", "blocks.1", "head"]
    assert {block_of(module, units) for module in modules} >= set(units)


@pytest.mark.filterwarnings("ignore")
def test_a_network_whose_operators_are_all_kept_stays_float(runtime, model, tmp_path):
    chosen, file = converted(runtime, model, tmp_path)
    output = tmp_path / f"kept{chosen.ending}"
    batch = images(1).numpy()
    chosen.quantize(file, [batch], output, list(chosen.operators(file)))
    found, expected = (chosen.load(each, 1).predict(batch).copy() for each in (output, file))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_what_is_kept_brings_the_logits_closer(runtime, model, tmp_path):
    chosen, file = converted(runtime, model, tmp_path)
    batch = images(1).numpy()
    expected = chosen.load(file, 1).predict(batch).copy()
    operators = chosen.operators(file)
    errors = []
    for name, module in (("none", "?"), ("all_but_head", "head")):
        output = tmp_path / f"{name}{chosen.ending}"
        kept = [] if name == "none" else [n for n, each in operators.items() if each != module]
        chosen.quantize(file, [batch], output, kept)
        errors.append(np.abs(chosen.load(output, 1).predict(batch) - expected).mean())
    assert errors[1] < errors[0]


@pytest.mark.filterwarnings("ignore")
def test_onnx_weights_are_int8_by_channel_and_activations_uint8(model, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    chosen, file = converted("onnxruntime", model, tmp_path)
    output = tmp_path / "int8.onnx"
    chosen.quantize(file, [images(1).numpy()], output)
    graph = onnx.load(output).graph
    constants = {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}
    nodes = {node.output[0]: node for node in graph.node}
    products = [n for n in graph.node if n.op_type in ("Conv", "MatMul", "Gemm")]
    weighted = [n for n in products if nodes.get(n.input[1], n).op_type == "DequantizeLinear"]
    # the stem, two blocks of qkv and out, and the head; four products of attention stay in float
    assert (len(weighted), len(products) - len(weighted)) == (6, 4)
    for node in weighted:
        weights, scales, *_ = (constants[name] for name in nodes[node.input[1]].input)
        axis = 0 if node.op_type == "Conv" else {"MatMul": 1, "Gemm": 0}[node.op_type]
        assert weights.dtype == np.int8
        assert scales.size in (weights.shape[axis], weights.shape[-1])
        activation = nodes[node.input[0]]
        assert activation.op_type == "DequantizeLinear"
        assert constants[activation.input[2]].dtype == np.uint8


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_product_that_runs_in_float_is_a_fallback(model, tmp_path, monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    chosen, file = converted("onnxruntime", model, tmp_path)
    output = tmp_path / "int8.onnx"
    chosen.quantize(file, [images(1).numpy()], output)
    own = onnxruntime.SessionOptions

    def unoptimised():
        options = own()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return options

    monkeypatch.setattr(onnxruntime, "SessionOptions", unoptimised)
    names = described(chosen.load(output, 1).fallbacks, ["stem", "blocks.0", "blocks.1", "head"])
    # each linear layer is a product with the sum after it
    assert "2 Gemm in blocks.0: computed in float32" in names
    assert "2 Gemm in blocks.1: computed in float32" in names
    assert "Conv in stem: computed in float32" in names


def test_the_latency_in_int8_needs_no_images(runtime, model):
    with torch.inference_mode():
        made = prepare_int8(runtime, model, images(1))
        assert np.asarray(made.run()).shape == (1, 10)


@pytest.mark.filterwarnings("ignore")
def test_openvino_reports_no_use_of_it(model, tmp_path):
    # its reporter forks processes that hold pipes open, and wait for the network
    pytest.importorskip("openvino")
    converted("openvino", model, tmp_path)
    assert sys.modules["openvino_telemetry"] is None
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("name", ["eager", "compiled"])
def test_runtimes_without_int8_are_refused(name):
    with pytest.raises(
        InputError, match=r"must be a runtime with int8 \(onnxruntime, openvino, litert"
    ):
        check_runtime(name, "cpu", "int8")


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("onnxruntime", "onnxruntime", "onnx"),
        ("openvino", "nncf", "openvino"),
        ("litert", "litert_torch", "litert"),
        ("litert", "ai_edge_quantizer", "litert"),
    ],
)
def test_a_missing_quantiser_names_its_extra(name, package, extra, monkeypatch):
    def found(name):
        return None if name == package else object()

    monkeypatch.setattr(importlib.util, "find_spec", found)
    with pytest.raises(InputError, match=rf"{package}.*not installed.*archsearch\[{extra}\]"):
        check_runtime(name, "cpu", "int8")


def test_an_operator_that_is_missing_is_named_with_its_block(tmp_path):
    pytest.importorskip("onnxscript")
    model = Unexportable()
    with pytest.raises(TrialError, match=r"operator aten\.\w+(\.\w+)? in second"):
        write_onnx(model.eval(), torch.randn(1, 16, 16), tmp_path / "x.onnx")
    assert block_calling("aten._linalg_eig", model, torch.randn(1, 16, 16)) == "second"
    # taken apart before it is dispatched: OpenVINO names it so
    assert block_calling("aten.linalg_eigvals", model, torch.randn(1, 16, 16)) == "second"
    assert block_calling("aten.roll.default", model, torch.randn(1, 16, 16)) == ""


def test_fallbacks_of_one_block_are_counted():
    found = [
        Fallback("Conv", "stages.1.blocks.0.ffn.conv", "computed in float32"),
        Fallback("Conv", "stages.1.blocks.0.ffn.gate", "computed in float32"),
        Fallback("MatMul", "stages.1.blocks.10.out", "computed in float32"),
        Fallback("Einsum", "", "run by slow reference code"),
    ]
    units = ["stages.1.blocks.0", "stages.1.blocks.1", "stages.1.blocks.10"]
    assert described(found, units) == (
        "2 Conv in stages.1.blocks.0: computed in float32",
        "MatMul in stages.1.blocks.10: computed in float32",
        "Einsum in the network itself: run by slow reference code",
    )
    assert block_of("stages.1.norm", units) == "stages.1.norm"
    name = "__module.stages.0.blocks.0.attention.qkv/aten::linear/MatMul"
    assert module_of(name) == "stages.0.blocks.0.attention.qkv"


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", {"avx2"}, False),
        ("x86_64", {"avx2", "avx512_vnni"}, True),
        ("AMD64", {"avx_vnni"}, True),
        ("aarch64", {"asimd"}, False),
        ("aarch64", {"asimd", "asimddp"}, True),
        ("riscv64", {"v"}, None),
    ],
)
def test_int8_instructions(machine, flags, expected, monkeypatch):
    monkeypatch.setattr(int8_instructions.platform, "machine", lambda: machine)
    monkeypatch.setattr(int8_instructions.platform, "system", lambda: "Linux")
    monkeypatch.setattr(int8_instructions, "_flags", lambda: frozenset(flags))
    assert int8_instructions.has_int8_instructions() is expected
    said = int8_instructions.slow_int8_note("int8")
    assert bool(re.search("no instructions for int8.*measured all the same", said)) is (
        expected is False
    )
    assert int8_instructions.slow_int8_note("float32") == ""
    assert int8_instructions.may_overflow() is (machine == "x86_64" and expected is False)


@pytest.mark.slow
def test_the_probe_measures_int8_and_files(runtime, model, tmp_path):
    protocol = LatencyProtocol(
        runtime=runtime, dtype="int8", time_limit_s=0.1, min_blocks=6, warmup_limit_s=0.1
    )
    _, file = converted(runtime, model, tmp_path)
    with Probe() as probe:
        made = probe.measure("tests.cost.test_int8_runtimes:made", protocol)
        read = probe.measure_file(file, SHAPE, protocol)
    assert made.dtype == read.dtype == "int8"
    assert made.runtime == runtime
    assert 0 < made.median_ms < 100
    assert 0 < read.median_ms < 100
    with Probe() as probe, pytest.raises(InputError, match="cannot run it on images"):
        probe.measure_file(file, (4, 16, 16), protocol)


def made():
    """Return the network, as a user's function does."""
    return Network().eval(), SHAPE

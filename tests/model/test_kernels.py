"""Linear layers through oneDNN: same numbers, same gradients, and plain where it cannot."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from archsearch.cost import count_macs
from archsearch.model import build_model, onednn_is_faster, use_onednn, use_torch
from archsearch.model.kernels import OneDnnLinear, OneDnnPointwise, onednn_linear
from archsearch.resources import find_yaml
from archsearch.space import load_space

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"),
    reason="this PyTorch has no oneDNN",
)


@pytest.fixture(autouse=True)
def every_product(monkeypatch):
    """Let oneDNN compute the small products of these tests too."""
    monkeypatch.setattr("archsearch.model.kernels._WORTH_A_CALL", 1)


def test_small_products_are_left_to_torch(monkeypatch):
    linear = use_onednn(nn.Linear(8, 8))
    calls = []
    monkeypatch.setattr("archsearch.model.kernels.onednn_linear", lambda x, *_: calls.append(x))
    linear(torch.randn(2, 8))
    assert len(calls) == 1
    monkeypatch.setattr("archsearch.model.kernels._WORTH_A_CALL", 1_000_000)
    assert linear(torch.randn(2, 8)).shape == (2, 8)
    assert len(calls) == 1


@pytest.mark.parametrize("shape", [(5,), (2, 7), (2, 3, 4)])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_and_its_gradients(shape, bias):
    torch.manual_seed(0)
    plain = nn.Linear(6, 9, bias=bias)
    fast = use_onednn(copy.deepcopy(plain))
    assert type(fast) is OneDnnLinear
    x = torch.randn(*shape, 6)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    left, right = fast(ours), plain(theirs)
    torch.testing.assert_close(left, right)
    weights = torch.randn_like(left)
    (left * weights).sum().backward()
    (right * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    for a, b in zip(fast.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_gradients_against_finite_differences_twice():
    torch.manual_seed(0)
    x = torch.randn(3, 4, requires_grad=True)
    weight = torch.randn(5, 4, requires_grad=True)

    def loss(x, weight):
        return onednn_linear(x, weight, None).square().sum()

    (first,) = torch.autograd.grad(loss(x, weight), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), weight)
    (first_plain,) = torch.autograd.grad((x @ weight.t()).square().sum(), x, create_graph=True)
    (second_plain,) = torch.autograd.grad(first_plain.sum(), weight)
    torch.testing.assert_close(second, second_plain)


def test_only_what_needs_a_gradient_gets_one():
    linear = use_onednn(nn.Linear(4, 4).requires_grad_(False))
    x = torch.randn(2, 4, requires_grad=True)
    linear(x).sum().backward()
    assert x.grad is not None
    assert linear.weight.grad is None
    linear.weight.requires_grad_(True)
    linear(torch.randn(2, 4)).sum().backward()
    assert linear.weight.grad is not None
    assert linear.bias.grad is None


def test_pointwise_convolutions_on_both_layouts():
    torch.manual_seed(0)
    plain = nn.Conv2d(6, 9, 1)
    fast = use_onednn(copy.deepcopy(plain))
    assert type(fast) is OneDnnPointwise
    x = torch.randn(2, 6, 5, 4)
    torch.testing.assert_close(fast(x), plain(x))
    last = x.contiguous(memory_format=torch.channels_last)
    out = fast(last)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, plain(last))
    out.sum().backward()
    plain(last).sum().backward()
    torch.testing.assert_close(fast.weight.grad, plain.weight.grad)


@pytest.mark.parametrize(
    "other", [nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1, stride=2), nn.Conv2d(4, 4, 1, groups=2)]
)
def test_other_convolutions_stay(other):
    assert type(use_onednn(nn.Sequential(other))[0]) is nn.Conv2d


def networks():
    space = load_space(find_yaml("lightweight", "spaces"))
    rng = np.random.default_rng(0)
    return [space.arch(space.sample(rng)) for _ in range(6)]


@pytest.mark.parametrize("arch", networks(), ids=lambda arch: arch.digest[:8])
def test_networks_agree_and_go_back(arch):
    network = build_model(arch, seed=0).eval()
    x = torch.randn(2, arch.in_channels, arch.image_size, arch.image_size)
    with torch.no_grad():
        expected = network(x)
        macs = count_macs(network, x[:1].shape)
        fast = use_onednn(copy.deepcopy(network))
        assert any(type(part) is OneDnnLinear for part in fast.modules())
        assert (fast(x) - expected).abs().max() <= 1e-5 * expected.abs().max()
        counted = count_macs(fast, x[:1].shape)
        assert counted.total == macs.total
        assert not counted.unsupported
        assert torch.equal(use_torch(fast)(x), expected)
        assert not any(isinstance(part, OneDnnLinear | OneDnnPointwise) for part in fast.modules())


def test_autocast_export_and_double_precision_compute_as_before():
    plain = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 4)).eval()
    fast = use_onednn(copy.deepcopy(plain))
    x = torch.randn(3, 8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(x), plain(x))
    with torch.no_grad():
        assert torch.equal(fast.double()(x.double()), plain.double()(x.double()))
        fast.float()
        program = torch.export.export(fast, (x,))
    called = {str(node.target) for node in program.graph.nodes}
    assert not any("mkldnn" in name for name in called)
    assert fast(x[:0]).shape == (0, 4)


def test_saved_and_loaded_like_any_module(tmp_path):
    fast = use_onednn(nn.Sequential(nn.Linear(4, 4)))
    torch.save(fast.state_dict(), tmp_path / "weights.pt")
    nn.Sequential(nn.Linear(4, 4)).load_state_dict(torch.load(tmp_path / "weights.pt"))


@pytest.mark.parametrize(
    ("name", "instructions", "expected"),
    [
        ("AMD EPYC", "AVX512", True),
        ("AMD EPYC", "AVX2", False),
        ("Intel(R) Xeon(R)", "AVX512", False),
        (None, "AVX512", False),
    ],
)
def test_where_it_helps_is_decided_by_the_cpu(monkeypatch, name, instructions, expected):
    # the processor's own flags say AVX-512 in every case: the limit decides
    flags = {"cpu_name": name, "avx512_f": True}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: flags, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: instructions)
    assert onednn_is_faster() is expected
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert onednn_is_faster() is False

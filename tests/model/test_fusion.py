"""Fused networks: the same logits with fewer layers."""

import copy

import pytest
import torch
from torch import nn

from archsearch import zoo
from archsearch.arch import Arch
from archsearch.blocks import ConditionalPosition, LocalAggregation, LocalityFfn
from archsearch.export.proof import randomize
from archsearch.model import build_model
from archsearch.model.fusion import fuse
from tests.export.export_archs import ARCHS

QUICK = {"lightvit_tiny", "edgevit_xxs", "sepvit_lite", "localvit_tiny", "localvit_pvt"}
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d)


def check(arch: Arch) -> nn.Module:
    """Compare a network that learned something with its fused copy; return the copy."""
    model = build_model(arch, seed=0).eval()
    randomize(model, seed=1)
    before = copy.deepcopy(model.state_dict())
    fused = fuse(model)
    x = torch.randn(2, arch.in_channels, arch.image_size, arch.image_size)
    with torch.no_grad():
        expected, found = model(x), fused(x)
    scale = max(1.0, expected.abs().max().item())
    assert (expected - found).abs().max().item() <= 1e-5 * scale
    # the original is left alone
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    return fused


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in zoo.names()]
)
def test_every_zoo_model(name):
    arch = zoo.arch(name)
    fused = check(arch)
    left = [each for each in fused.modules() if isinstance(each, BATCH_NORM)]
    # a batch norm right ahead of the pooling has nothing after it to go into
    assert len(left) == (arch.head.norm == "batch")


@pytest.mark.parametrize("name", ARCHS)
def test_every_block(name):
    check(ARCHS[name])


def test_each_fold_by_itself():
    torch.manual_seed(0)
    x = torch.randn(2, 5, 6, 8)
    for block in (ConditionalPosition(8, 5), LocalAggregation(8, 12), LocalityFfn(8, 12)):
        whole = nn.ModuleList([block]).eval()
        randomize(whole, seed=2)
        fused = fuse(whole)
        arguments = (x, None) if isinstance(block, LocalityFfn) else (x,)
        with torch.no_grad():
            ours, theirs = whole[0](*arguments), fused[0](*arguments)
        ours, theirs = (each[0] if isinstance(each, tuple) else each for each in (ours, theirs))
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        assert not any(isinstance(each, BATCH_NORM) for each in fused.modules())

"""Folded networks compute the same with fewer layers."""

import pytest
import torch
from torch import nn

from archsearch import zoo
from archsearch.model import fold_batch_norms

BatchNorm = nn.modules.batchnorm._BatchNorm


@pytest.mark.parametrize("kernels", ["torch", "onednn"])
@pytest.mark.parametrize("name", ["lightvit_tiny", "edgevit_xxs", "localvit_pvt", "localvit_t2t"])
def test_folded_networks_agree(name, kernels):
    network = zoo.build(name, depth=1, num_classes=10, image_size=64, seed=0, kernels=kernels)
    with torch.no_grad():
        for part in network.modules():
            if isinstance(part, BatchNorm):
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
                part.weight.uniform_(0.5, 2)
                part.bias.normal_(0, 0.3)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    folded = fold_batch_norms(network)
    assert not any(isinstance(part, BatchNorm) for part in folded.modules())
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, logits = network.eval()(x), folded(x)
    assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_what_cannot_be_folded_stays():
    network = zoo.build("edgevit_xxs", num_classes=0, depth=1, image_size=64)
    assert isinstance(fold_batch_norms(network).head.norm, BatchNorm)
    plain = zoo.build("deit_tiny", depth=1, image_size=64).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(fold_batch_norms(plain)(x), plain(x))

"""Our networks give the logits of the official code for the same weights."""

import pytest
import torch

from archsearch import zoo
from archsearch.cost import count_macs, count_params
from tests.zoo.official_weights import PAIRS, images, official_state, parity


@pytest.fixture(scope="module", params=PAIRS, ids=PAIRS.values())
def pair(request):
    """Return what the official code printed, and our network with the same weights."""
    official = request.param
    return parity(official), zoo.load_official(PAIRS[official], official_state(official)).eval()


def test_logits(pair):
    expected, network = pair
    with torch.no_grad():
        logits = network(images())
    error = (logits - expected.logits).abs().max() / expected.logits.abs().max()
    assert error < 1e-5, f"relative error {error:.1e}"  # the bar is 1e-4; float32 gives 1e-6


def test_parameters(pair):
    expected, network = pair
    assert count_params(network) == expected.params


def norm_work(network):
    """Return what fvcore counts for normalisation: 5 a value of layer norms, 2 of batch norms."""
    total = 0
    hooks = []

    def add(factor):
        def hook(module, inputs, output):
            nonlocal total
            total += factor * output.numel()

        return hook

    for module in network.modules():
        if isinstance(module, torch.nn.LayerNorm):
            hooks.append(module.register_forward_hook(add(5)))
        elif isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            hooks.append(module.register_forward_hook(add(2)))
    with torch.no_grad():
        network(torch.zeros(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    return total


def test_multiply_adds(pair):
    """fvcore counts norms too; what is left is work of the official code that changes nothing.

    LightViT's code makes keys and values of the global tokens and throws them away (1.0 %);
    EdgeViT's norms tokens that its sampler then drops.
    """
    expected, network = pair
    macs = count_macs(network, (1, 3, 224, 224)).total
    assert macs / expected.fvcore == pytest.approx(1.0, abs=0.022)
    explained = macs + norm_work(network)
    assert explained / expected.fvcore == pytest.approx(1.0, abs=0.011)
    assert explained <= expected.fvcore * 1.001

"""The zoo on a graphics card computes what it computes on the processor."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from archsearch import zoo

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.mark.parametrize("name", zoo.names())
def test_logits_and_gradients_are_those_of_the_processor(name):
    # in double precision: at the kink of a ReLU6 a rounding error turns a gradient around
    model = zoo.build(name, seed=0).eval().double()
    images = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)).double()
    labels = torch.tensor([1, 2])
    on_host = _step(model, images, labels)
    on_card = _step(model.cuda(), images.cuda(), labels.cuda())
    for host, card in zip(on_host, on_card, strict=True):
        assert torch.linalg.norm(card.cpu() - host) <= 1e-6 * torch.linalg.norm(host)


def _step(model, images, labels):
    """Return logits and the gradient of the first learned weight, which all others act on."""
    model.zero_grad(set_to_none=True)
    logits = model(images)
    cross_entropy(logits, labels).backward()
    first = next(
        parameter
        for parameter in model.parameters()
        if parameter.ndim > 1 and parameter.requires_grad
    )
    return logits.detach(), first.grad.detach().clone()

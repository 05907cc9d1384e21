"""The pooled features of a network: what its classifier reads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from archsearch.errors import InputError, Problem


def classifier_of(model: nn.Module) -> nn.Module:
    """Return the layer that makes logits of pooled features.

    It is what timm's ``get_classifier()`` names; of other networks the last linear layer.

    Raises:
        InputError: there is no such layer.
    """
    get: Any = getattr(model, "get_classifier", None)
    named = get() if get is not None else None
    if isinstance(named, tuple | list):
        # distilled networks have a second one, for the teacher's token
        named = named[0] if named else None
    if isinstance(named, nn.Module) and not isinstance(named, nn.Identity):
        return named
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not layers:
        rule = "has no linear layer at its end, and so no pooled features"
        remedy = "let the network have get_classifier(), as timm's networks do, or use no features"
        raise InputError(Problem("recipe.teacher", rule, type(model).__name__, remedy))
    return layers[-1]


@contextmanager
def reading_features(classifier: nn.Module) -> Iterator[list[Tensor]]:
    """Collect what ``classifier`` reads inside the block, one tensor (B, D) a call.

    Positions of tokens and maps are averaged.
    """
    found: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        found.append(_pooled(inputs[0], classifier))

    # not left in place: the average of weights is a deep copy of the network, hooks included
    handle = classifier.register_forward_pre_hook(keep)
    try:
        yield found
    finally:
        handle.remove()


def _pooled(features: Tensor, classifier: nn.Module) -> Tensor:
    """(B, D), (B, D, H, W) of a convolution, or (B, ..., D) -> (B, D)."""
    if features.ndim == 4 and isinstance(classifier, nn.Conv2d):
        return features.mean(dim=(2, 3))
    if features.ndim > 2:
        return features.flatten(1, -2).mean(dim=1)
    return features

"""Weights that go with an export."""

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn

from archsearch import zoo
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem
from archsearch.model import build_model


def trained_model(arch: Arch, weights: Path | None, zoo_name: str = "") -> nn.Module:
    """Return the network in evaluation mode, with the weights of a file or initial ones.

    Args:
        arch: the architecture.
        weights: safetensors with the network's own keys; or, for a model of the zoo, an official
            checkpoint. None keeps the weights of seed 0.
        zoo_name: name of a model of the zoo; empty for other architectures.

    Raises:
        InputError: the file cannot be read or holds other weights.
    """
    model = build_model(arch, seed=0).eval()
    if weights is None:
        return model
    if not weights.is_file():
        raise InputError(Problem("weights", "there is no such file", str(weights)))
    own = model.state_dict()
    if zoo_name and not _has_keys(weights, set(own)):
        return zoo.load_official(zoo_name, weights).eval()
    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise InputError(
            Problem("weights", f"must be a safetensors file ({error})", file=str(weights))
        ) from None
    wrong = [key for key in own | state if key not in own or key not in state]
    wrong += [key for key in own if key in state and own[key].shape != state[key].shape]
    if wrong:
        raise InputError(
            Problem(
                "weights",
                f"must be those of this architecture, but {len(wrong)} tensors differ "
                f"({', '.join(sorted(wrong)[:3])}, ...)",
                file=str(weights),
            )
        )
    model.load_state_dict(state)
    return model


def _has_keys(path: Path, keys: set[str]) -> bool:
    try:
        with safe_open(path, framework="pt") as file:
            return set(file.keys()) == keys
    except (SafetensorError, OSError):
        return False

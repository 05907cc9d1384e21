"""The weights of an export."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from archsearch import zoo
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem
from archsearch.model import build_model
from archsearch.model.transfer import weights_file
from archsearch.train import ModelFile
from archsearch.zoo.checkpoint import read_checkpoint

#: tensors that an error names of each kind
_NAMED = 4


def trained_model(network: Arch | ModelFile, weights: Path | None, zoo_name: str = "") -> nn.Module:
    """Return the network in evaluation mode, with the weights of a file or initial ones.

    Args:
        network: an architecture or a Python file.
        weights: a checkpoint with the network's own keys, or wrapped as training scripts do (see
            `archsearch.zoo.checkpoint`); for a model of the zoo also an official one. None keeps
            the weights of seed 0.
        zoo_name: name of a model of the zoo; empty for other networks.

    Raises:
        InputError: the file cannot be read or holds other weights.
    """
    if isinstance(network, ModelFile):
        model = network.build(network, seed=0).eval()
    else:
        model = build_model(network, seed=0).eval()
    if weights is None:
        return model
    if not weights.is_file():
        raise InputError(Problem("weights", "there is no such file", file=str(weights)))
    own = model.state_dict()
    state = read_checkpoint(weights)
    if zoo_name and set(state) != set(own):
        return zoo.load_official(zoo_name, state).eval()
    if lines := _differences(own, state):
        raise InputError(
            Problem(
                "weights", f"must be those of this architecture, but {lines}", file=str(weights)
            )
        )
    model.load_state_dict(state)
    return model


def weights_beside(model: nn.Module, path: Path | None) -> bytes:
    """Return the file of weights; one that is there with the same tensors stays as it is.

    A training's file says more of its network than an export knows, such as the names of classes.
    """
    data = weights_file(model)
    if path is None or not path.is_file():
        return data
    known = path.read_bytes()
    try:
        before, now = load(known), load(data)
    except SafetensorError:
        return data
    same = before.keys() == now.keys() and all(
        before[name].dtype == now[name].dtype and torch.equal(before[name], now[name])
        for name in now
    )
    return known if same else data


def _differences(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
    """Return how a state dict differs from the network's; empty for not at all."""
    other = {
        f"{key} {list(state[key].shape)} in place of {list(own[key].shape)}"
        for key in own.keys() & state.keys()
        if own[key].shape != state[key].shape
    }
    kinds = {
        "missing": own.keys() - state.keys(),
        "unexpected": state.keys() - own.keys(),
        "of another shape": other,
    }
    count = sum(map(len, kinds.values()))
    if not count:
        return ""
    lines = [f"{kind}: {_some(sorted(keys))}" for kind, keys in kinds.items() if keys]
    return f"{count} tensors differ ({'; '.join(lines)})"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more

"""Read a checkpoint as plain tensors, and nothing else."""

import argparse
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from archsearch.errors import InputError, Problem

#: keys under which training scripts put the weights, most wanted first
_WRAPPERS = ("model", "state_dict", "module")


def read_checkpoint(source: Mapping[str, Any] | str | Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint on the CPU.

    Files are read with ``weights_only=True``: a pickle that would run code is refused. What
    training scripts wrap around a state dict (``{"model": ...}``, ``{"state_dict": ...}``, a
    ``module.`` before every key) is taken off.

    Args:
        source: a ``.pth`` or ``.safetensors`` file, or what `torch.load` returned for one.

    Raises:
        InputError: the file is missing, cut off, or holds other things than tensors.
    """
    name = "" if isinstance(source, Mapping) else str(source)
    data = source if isinstance(source, Mapping) else _read_file(Path(source))
    for wrapper in _WRAPPERS:
        inside = data.get(wrapper)
        if isinstance(inside, Mapping) and inside:
            data = inside
    problems = [
        Problem(str(key), "must be a tensor", type(value).__name__, file=name)
        for key, value in data.items()
        if not (isinstance(key, str) and isinstance(value, Tensor))
    ]
    if not data:
        problems.append(Problem("", "holds no tensors", file=name))
    if problems:
        raise InputError(problems)
    state = dict(data)
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state


def _read_file(path: Path) -> Mapping[str, Any]:
    def problem(rule: str, remedy: str = "") -> InputError:
        return InputError(Problem("", rule, remedy=remedy, file=str(path)))

    if not path.is_file():
        raise problem("file not found", "check the path")
    try:
        if path.suffix == ".safetensors":
            data: Any = load_file(path)
        else:
            # the arguments of a training script often lie beside the weights: names and values
            with (
                torch.serialization.safe_globals([argparse.Namespace]),
                warnings.catch_warnings(),
            ):
                warnings.simplefilter("ignore")  # of other pickles, which are refused all the same
                data = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = _first_line(error)
        raise problem(
            f"must hold tensors only, so that reading it runs no code ({reason})",
            "save the state dict again, with torch.save(model.state_dict(), path)",
        ) from None
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise problem(
            f"is no whole checkpoint ({_first_line(error)})", "copy or download it again"
        ) from None
    if not isinstance(data, Mapping):
        raise problem(f"must hold a state dict, but holds {type(data).__name__}")
    return data


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:160]

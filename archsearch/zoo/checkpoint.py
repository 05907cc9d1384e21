"""Read a checkpoint as plain tensors, and nothing else."""

import argparse
import pickle
import tarfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from archsearch.errors import InputError, Problem

#: keys under which training scripts put the weights, preferred ones first: averaged ones, as in
#: timm
_WRAPPERS = ("state_dict_ema", "model_ema", "ema_state_dict", "model", "state_dict", "module")
#: prefixes that distributed and compiled networks add to every key
_PREFIXES = ("module.", "_orig_mod.")


def read_checkpoint(source: Mapping[str, Any] | str | Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint on the CPU.

    Files are read with ``weights_only=True``: a pickle that would run code is refused. What
    training scripts wrap around a state dict (``{"model": ...}``, ``{"state_dict": ...}``, a
    ``module.`` or ``_orig_mod.`` before every key) is taken off. Of several, the averaged weights
    (``state_dict_ema``, ``model_ema``) are taken.

    Args:
        source: a ``.pth`` or ``.safetensors`` file, or what `torch.load` returned for one.

    Raises:
        InputError: the file is missing, cut off, or holds other things than tensors.
    """
    name = "" if isinstance(source, Mapping) else str(source)
    data = source if isinstance(source, Mapping) else _read_file(Path(source))
    while inside := next((data[key] for key in _WRAPPERS if _wraps(data.get(key))), None):
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
    while prefix := next((each for each in _PREFIXES if _all_have(state, each)), ""):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _wraps(inside: object) -> bool:
    return isinstance(inside, Mapping) and bool(inside)


def _all_have(state: Mapping[str, Tensor], prefix: str) -> bool:
    return all(key.startswith(prefix) for key in state)


def _read_file(path: Path) -> Mapping[str, Any]:
    def refused(rule: str, remedy: str = "") -> InputError:
        return InputError(Problem("", rule, remedy=remedy, file=str(path)))

    if not path.is_file():
        raise refused("there is no such file", "check the path")
    if path.suffix != ".safetensors" and not _may_be_torch_s(path):
        rule = "is no whole checkpoint: it does not begin as torch.save begins a file"
        raise refused(rule, "name a file of torch.save, or .safetensors")
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
        raise refused(
            f"must hold tensors only, so that reading it runs no code ({reason})",
            "save the state dict again, with torch.save(model.state_dict(), path)",
        ) from None
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise refused(
            f"is no whole checkpoint ({_first_line(error)})", "copy or download it again"
        ) from None
    if not isinstance(data, Mapping):
        raise refused(f"must hold a state dict, but holds {type(data).__name__}")
    return data


def _may_be_torch_s(path: Path) -> bool:
    """Tell whether a file begins as `torch.save` begins one: a zip file, a pickle, or a tar."""
    try:
        with path.open("rb") as file:
            begin = file.read(2)
        return begin == b"PK" or begin[:1] == b"\x80" or tarfile.is_tarfile(path)
    except OSError:
        # said when it is read
        return True


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")[:160]

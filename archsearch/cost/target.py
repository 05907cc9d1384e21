"""What is to be measured: an architecture, a name, or a module, and how it crosses the pipe."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import list_models
from torch import nn

from archsearch.arch import Arch, BlockSource, register_source, sources_in
from archsearch.errors import InputError, Problem, nearest
from archsearch.model import build_model

#: an architecture; ``timm:NAME``; ``package.module:function`` or ``file.py:function``; or a module
Target = Arch | str | nn.Module


@dataclass(frozen=True)
class BuiltTarget:
    """A network ready to be measured.

    Attributes:
        model: the network.
        input_shape: ``(C, H, W)`` of one image.
    """

    model: nn.Module
    input_shape: tuple[int, int, int]


def build_target(target: Target, input_shape: Sequence[int] | None = None) -> BuiltTarget:
    """Build what ``target`` stands for.

    Args:
        target: an architecture, a name or a module.
        input_shape: ``(C, H, W)``; None takes the target's own.

    Raises:
        InputError: the name leads nowhere, or no input shape is known.
    """
    if isinstance(target, Arch):
        own: Any = (target.in_channels, target.image_size, target.image_size)
        model: Any = build_model(target)
    elif isinstance(target, nn.Module):
        model, own = target, _own_shape(target)
    elif target.startswith("timm:"):
        model = build_timm(target.removeprefix("timm:"))
        own = _own_shape(model)
    else:
        made = builder(target)()
        model, own = made if isinstance(made, tuple) else (made, _own_shape(made))
        if not isinstance(model, nn.Module):
            raise InputError(
                Problem("", "must return a module, or a module and its input shape", target)
            )
    shape = tuple(input_shape or own or ())
    if len(shape) != 3:
        raise InputError(
            Problem(
                "input_shape",
                "must be (C, H, W)",
                shape or None,
                "say it: this network does not know its own",
            )
        )
    return BuiltTarget(model, (shape[0], shape[1], shape[2]))


def build_timm(name: str) -> nn.Module:
    """Build a timm model without pretrained weights.

    Raises:
        InputError: timm has no such model.
    """
    known = list_models()
    base = name.split(".")[0]
    if base not in known:
        raise InputError(Problem("", "timm has no such model", name, nearest(base, known)))
    model: nn.Module = timm.create_model(name)
    return model


def pack(target: Target, input_shape: Sequence[int] | None, folder: Path) -> dict[str, Any]:
    """Return plain data that `unpack` turns back into the target in another process.

    A module is saved below ``folder``.

    Raises:
        InputError: the module cannot be pickled.
    """
    shape = list(input_shape) if input_shape is not None else None
    if isinstance(target, Arch):
        data = target.to_dict()
        sources = [asdict(source) for source in sources_in(data)]
        return {"arch": data, "blocks": sources, "input_shape": shape}
    if isinstance(target, str):
        return {"name": target, "input_shape": shape}
    file = folder / f"module-{id(target)}.pt"
    try:
        torch.save(target, file)
    except Exception as error:
        raise InputError(
            Problem(
                "",
                f"this module cannot be sent to the probe process ({error})",
                type(target).__name__,
                "define its class in an importable file, or pass 'package.module:function'",
            )
        ) from None
    return {"file": str(file), "input_shape": shape}


def unpack(data: dict[str, Any]) -> BuiltTarget:
    """Build what `pack` described."""
    shape = data.get("input_shape")
    if "arch" in data:
        for source in data["blocks"]:
            register_source(BlockSource(**source))
        return build_target(Arch.model_validate(data["arch"]), shape)
    if "name" in data:
        return build_target(str(data["name"]), shape)
    # written by our own parent process a moment ago
    return build_target(torch.load(data["file"], weights_only=False), shape)


def _own_shape(model: object) -> tuple[int, ...] | None:
    """Return the input shape that a model declares, as timm's, ours and exported ones do."""
    config = getattr(model, "default_cfg", None)
    # exported files have the attribute
    declared = getattr(model, "input_size", None)
    shape = config.get("input_size") if isinstance(config, dict) else declared
    return tuple(shape) if shape else None


def builder(name: str) -> Callable[..., Any]:
    """Return the function that ``package.module:function`` or ``file.py:function`` stands for.

    Raises:
        InputError: there is no such file, module or function, or importing it fails.
    """
    module_name, _, function = name.rpartition(":")
    if not module_name or not function:
        raise InputError(
            Problem(
                "", "must be 'timm:NAME', 'package.module:function' or 'file.py:function'", name
            )
        )
    if module_name.endswith(".py"):
        module = _from_file(Path(module_name))
    else:
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise InputError(Problem("", f"cannot be imported ({error})", name)) from None
    made = getattr(module, function, None)
    if not callable(made):
        known = [each for each, value in vars(module).items() if callable(value)]
        raise InputError(
            Problem("", f"{module_name} has no '{function}'", name, nearest(function, known))
        )
    found: Callable[..., Any] = made
    return found


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise InputError(Problem("", "there is no such file", str(path)))
    # a name of its own: two files of one name are two modules, one file is one
    name = f"file_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # classes are looked up by the name of their module
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(Problem("", f"cannot be imported ({error!r})", str(path))) from None
    return module

"""The network to be measured: an `Arch`, a name or a module, and its form in the pipe."""

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from archsearch.arch import Arch, BlockSource, register_source, sources_in
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import ImageSize, read_size, sides_of, size_of
from archsearch.model import build_model
from archsearch.user_code import UserFunction, explain_errors, load_function

#: an architecture; ``timm:NAME``; ``model.py``, ``model.py:function`` or
#: ``package.module:function``; or a module
Target = Arch | str | nn.Module

#: ``(C, H, W)``, ``(H, W)``, or the side of a square
InputShape = ImageSize | Sequence[int]


@dataclass(frozen=True)
class BuiltTarget:
    """A network ready to be measured.

    Attributes:
        model: the network.
        input_shape: ``(C, H, W)`` of one image.
    """

    model: nn.Module
    input_shape: tuple[int, int, int]


def build_target(
    target: Target, input_shape: InputShape | None = None, *, batch_size: int = 1
) -> BuiltTarget:
    """Build what ``target`` stands for.

    Args:
        target: an architecture, a name or a module.
        input_shape: ``(C, H, W)``; ``(H, W)``, or the side of square images, with the channels of
            the network; None takes the target's own.
        batch_size: images that a user's network is tried with.

    Raises:
        InputError: the name leads nowhere, no input shape is known, or a user's function or its
            network raises.
    """
    if isinstance(target, Arch):
        arch = fitted(target, input_shape)
        return BuiltTarget(build_model(arch), arch.input_shape)
    if isinstance(target, nn.Module):
        shape = _shape(type(target).__name__, target, _own_shape(target), input_shape)
        if _is_lazy(target):
            _run_once(target, (batch_size, *shape), type(target).__name__)
        return BuiltTarget(target, shape)
    if target.startswith("timm:"):
        model = build_timm(target.removeprefix("timm:"), input_shape)
        shape = _shape(target, model, _own_shape(model), input_shape)
        if shape != _own_shape(model):
            _run_once(model, (batch_size, *shape), target)
        return BuiltTarget(model, shape)
    function = load_function(target)
    model, own = module_of(function(), function)
    shape = _shape(target, model, own, input_shape)
    # a network of unknown origin: run it once here, where the error message can be clear
    _run_once(model, (batch_size, *shape), function.name, function.file)
    return BuiltTarget(model, shape)


def module_of(made: object, function: UserFunction) -> tuple[nn.Module, tuple[int, ...] | None]:
    """Return the network that a user's function made, on the CPU, and the shape that it says.

    Raises:
        InputError: it made something else.
    """
    model, own = made, None
    if isinstance(made, tuple) and len(made) == 2:
        model, own = made
    if not isinstance(model, nn.Module):
        raise InputError(
            Problem(
                function.name,
                "must return a network (torch.nn.Module), or a network and its input shape, "
                f"but returns {_described(made)}",
            )
        )
    if own is not None and not _is_shape(own):
        raise InputError(
            Problem(
                function.name,
                "must say its input shape as (C, H, W)",
                own,
            )
        )
    with explain_errors(function.name, function.file):
        own = tuple(own) if own is not None else _own_shape(model)
        return model.to("cpu"), own


def _shape(
    name: str,
    model: nn.Module,
    own: tuple[int, ...] | None,
    wanted: InputShape | None,
) -> tuple[int, int, int]:
    """Return the shape of one image."""
    if isinstance(wanted, int) or (wanted and len(wanted) == 2):
        height, width = sides_of(wanted)
        wanted = (own[0] if own else _channels(model, height * width), height, width)
    shape = tuple(wanted or own or ())
    if not _is_shape(shape):
        raise InputError(
            Problem(
                name,
                "does not say what input it takes" if not shape else "must take images (C, H, W)",
                shape or None,
                "give the shape, --input 1,3,224,224 (in Python, input_shape=(3, 224, 224)), or "
                "let the network have an attribute input_size = (3, 224, 224)",
            )
        )
    return shape[0], shape[1], shape[2]


def _channels(model: nn.Module, pixels: int) -> int:
    """Return the channels of the images, as the first layer with weights tells them."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and not _is_lazy(module):
            return module.in_channels
        if isinstance(module, nn.Linear) and not _is_lazy(module):
            return max(1, module.in_features // pixels)
    return 3


def _run_once(model: nn.Module, shape: tuple[int, ...], name: str, file: str = "") -> None:
    """Run an inference, which also makes the weights of lazy layers."""
    size = " x ".join(map(str, shape))
    training = model.training
    with explain_errors(name, file, f"the network does not run on an input of {size}: it"):
        try:
            with torch.no_grad():
                model.eval()(torch.zeros(shape))
        finally:
            model.train(training)


def _is_lazy(model: nn.Module) -> bool:
    return any(is_lazy(each) for each in itertools.chain(model.parameters(), model.buffers()))


def _is_shape(shape: object) -> bool:
    return (
        isinstance(shape, Sequence)
        and len(shape) == 3
        and all(type(each) is int and each > 0 for each in shape)
    )


def _described(made: object) -> str:
    if isinstance(made, type):
        return f"the class {made.__name__} itself"
    return "nothing" if made is None else f"an object of class {type(made).__name__}"


def fitted(arch: Arch, wanted: InputShape | None) -> Arch:
    """Return the architecture for images of another size, and of other channels if named.

    Raises:
        InputError: ``wanted`` is no shape of an image.
    """
    if wanted is None:
        return arch
    if isinstance(wanted, int) or len(wanted) == 2:
        return arch.model_copy(update={"image_size": read_size(wanted, "input_shape")})
    if not _is_shape(wanted):
        raise InputError(Problem("input_shape", "must be (C, H, W)", tuple(wanted)))
    channels, height, width = wanted
    return arch.model_copy(update={"in_channels": channels, "image_size": size_of(height, width)})


def build_timm(name: str, input_shape: InputShape | None = None) -> nn.Module:
    """Build a timm model without pretrained weights, for its own images or those of a shape.

    Raises:
        InputError: timm has no such model.
    """
    import timm  # takes as long as torch

    known = timm.list_models()
    base = name.split(".")[0]
    if base not in known:
        remedy = nearest(base, known)
        # timm knows more than a thousand
        remedy = remedy if remedy.startswith("did") else "timm.list_models() lists them"
        raise InputError(Problem("", f"timm has no model '{base}'", remedy=remedy))
    model: nn.Module = timm.create_model(name)
    own = _own_shape(model)
    if input_shape is None or own is None:
        return model
    shape = _shape(name, model, own, input_shape)
    if shape == own:
        return model
    channels = {} if shape[0] == own[0] else {"in_chans": shape[0]}
    with explain_errors(f"timm:{name}", "", f"timm cannot build {name} for such images: it"):
        try:
            model = timm.create_model(name, img_size=shape[1:], **channels)
        except TypeError:
            # convolutions take images of any size, and timm builds them whatever size is asked for
            model = timm.create_model(name, **channels)
    return model


def pack(target: Target, input_shape: InputShape | None, folder: Path) -> dict[str, Any]:
    """Return plain data that `unpack` turns back into the target in another process.

    A module is saved below ``folder``.

    Raises:
        InputError: the module cannot be pickled.
    """
    shape = list(input_shape) if isinstance(input_shape, Sequence) else input_shape
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

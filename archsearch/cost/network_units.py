"""The parts of a network that a profile lists: stem, blocks, head, and what is inside blocks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_iter

from archsearch.blocks import Stage


@dataclass(frozen=True)
class Unit:
    """One part of a network.

    Attributes:
        name: dotted module name.
        kind: class of the module.
        parent: name of the unit it is a part of; empty for the units that make up the network.
    """

    name: str
    kind: str
    parent: str = ""


def find_units(model: nn.Module) -> list[Unit]:
    """Return the units of ``model`` in order, each followed by its own parts.

    Containers and stages are opened until single blocks are reached; of a block, the children
    that are made of layers themselves (attention, FFN) are its parts.
    """
    units = []
    for name, module in _open(model, ""):
        units.append(Unit(name, type(module).__name__))
        children = [
            (child_name, child)
            for child_name, child in module.named_children()
            if not isinstance(child, nn.ModuleList | nn.ModuleDict)
            and any(_has_parameters(layer) for layer in child.children())
        ]
        if len(children) > 1:
            units += [
                Unit(f"{name}.{child_name}", type(child).__name__, name)
                for child_name, child in children
            ]
    return units


def _open(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    for child_name, child in module.named_children():
        path = f"{name}.{child_name}" if name else child_name
        if _is_container(child):
            yield from _open(child, path)
        elif _has_parameters(child):
            yield path, child


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _is_container(module: nn.Module) -> bool:
    """Return whether a module only strings others together."""
    if isinstance(module, nn.ModuleList | nn.ModuleDict | Stage):
        return True
    if isinstance(module, nn.Sequential):
        return len({type(each) for each in module}) == 1
    repeated = [
        child
        for child in module.children()
        if isinstance(child, nn.ModuleList | nn.Sequential)
        and len(child) > 1
        and len({type(each) for each in child}) == 1
        and list(child[0].children())
    ]
    return bool(repeated)


@contextmanager
def hooked(
    model: nn.Module,
    names: Sequence[str],
    enter: Callable[[str, Any], None],
    leave: Callable[[str, Any], None],
) -> Iterator[None]:
    """Call ``enter(name, args)`` and ``leave(name, output)`` around each named submodule."""

    # what a hook returns would take the place of the inputs or the output

    def pre(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            enter(name, args)

        return hook

    def post(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            leave(name, output)

        return hook

    handles = []
    for name in names:
        module = model.get_submodule(name)
        handles.append(module.register_forward_pre_hook(pre(name)))
        handles.append(module.register_forward_hook(post(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def unit_bytes(model: nn.Module, names: Sequence[str], inputs: torch.Tensor) -> dict[str, int]:
    """Return the bytes that each submodule has to read and write at least once.

    These are its weights, what it is given and what it returns; what it keeps for itself in
    between is left out.
    """
    moved = {name: sum(p.nbytes for p in model.get_submodule(name).parameters()) for name in names}

    def add(name: str, values: Any) -> None:
        moved[name] += sum(v.nbytes for v in tree_iter(values) if isinstance(v, torch.Tensor))

    with torch.no_grad(), hooked(model, names, add, add):
        model(inputs)
    return moved

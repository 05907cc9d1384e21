"""What one run of the network shows: which modules see extra tokens."""

import ast
import inspect
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from archsearch import blocks
from archsearch.export.facts import PRESENT, TENSOR, Fact, Owner
from archsearch.model import Network


@dataclass
class Observation:
    """What was seen.

    Attributes:
        arguments: function to its parameters that were always None, or never.
        submodules: class to ``self.NAME`` to the classes of the modules that it holds.
        pair_functions: functions that return an image map and extra tokens.
        carries_tokens: some map had tokens beside it.
    """

    arguments: dict[Owner, dict[str, Fact]] = field(default_factory=dict)
    submodules: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    pair_functions: set[Owner] = field(default_factory=set)
    carries_tokens: bool = False


def observe(network: Network, root: str, modules: Iterable[ModuleType] = ()) -> Observation:
    """Run ``network`` once; the class of the whole is called ``root``.

    Args:
        network: the network.
        root: name of its class.
        modules: of a user's blocks.
    """
    seen = Observation(pair_functions={(root, "forward_features")})
    theirs = {module.__name__ for module in modules}
    kinds: dict[Owner, dict[str, set[type]]] = {}
    handles = []
    for module in network.modules():
        if not _is_written_out(module, theirs):
            continue
        name = root if module is network else type(module).__name__
        _note_submodules(seen, name, module, theirs)
        if module is not network:
            handles.append(module.register_forward_hook(_watch(seen, kinds), with_kwargs=True))
    size = network.arch.image_size
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros(1, network.arch.in_channels, size, size))
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    for owner, parameters in kinds.items():
        seen.arguments[owner] = {
            name: fact for name, types in parameters.items() if (fact := _fact(types)) is not None
        }
    return seen


def _is_written_out(module: nn.Module, theirs: Collection[str]) -> bool:
    """Return whether the class of a module is one of ours or of the user's blocks."""
    home = type(module).__module__
    return home.split(".")[0] == blocks.__name__.split(".")[0] or home in theirs


def _note_submodules(
    seen: Observation, name: str, module: nn.Module, theirs: Collection[str]
) -> None:
    attributes = seen.submodules.setdefault(name, {})
    for attribute, child in module.named_children():
        inner = child if isinstance(child, nn.ModuleList) else [child]
        classes = {
            type(item).__name__ if _is_written_out(item, theirs) else f"nn.{type(item).__name__}"
            for item in inner
        }
        attributes[attribute] = attributes.get(attribute, set()) | classes


def _fact(types: set[type]) -> Fact | None:
    if types == {type(None)}:
        return ast.Constant(None)
    if types == {Tensor}:
        return TENSOR
    return None if type(None) in types else PRESENT


def _watch(seen: Observation, kinds: dict[Owner, dict[str, set[type]]]) -> Any:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        owner = (type(module).__name__, "forward")
        parameters = inspect.signature(module.forward).parameters
        bound = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        for name, value in bound.items():
            if "Tensor" in str(parameters[name].annotation):
                kinds.setdefault(owner, {}).setdefault(name, set()).add(type(value))
        if isinstance(out, tuple) and len(out) == 2:
            seen.pair_functions.add(owner)
            seen.carries_tokens |= isinstance(out[1], Tensor)

    return hook

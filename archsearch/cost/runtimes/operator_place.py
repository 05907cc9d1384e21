"""Where in a network an operator is called that a runtime does not have."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from archsearch.cost.network_units import find_units, hooked
from archsearch.cost.runtimes.inference import block_of

_OPERATOR = re.compile(r"\b(?:aten|torchvision|prims)(?:\.|::)\w+(?:\.\w+)?")


def explained(what: str, error: BaseException, model: nn.Module, images: torch.Tensor) -> str:
    """Return why a conversion failed, with the operator and its block where they are known.

    Args:
        what: what failed, as a clause.
        error: that the converter raised.
        model: that it was to convert.
        images: an example of its input.
    """
    return f"{what}{named_operator(error, model, images)}: {_reason(error)}"


def named_operator(
    error: BaseException, model: nn.Module | None = None, images: torch.Tensor | None = None
) -> str:
    """Return `` because of operator X in BLOCK`` if the error, or one it came from, names one."""
    seen: BaseException | None = error
    while seen is not None:
        found = _OPERATOR.search(str(seen))
        if found:
            operator = found.group().replace("::", ".")
            block = ""
            if model is not None and images is not None:
                block = block_calling(operator, model, images)
            return f" because of operator {operator}" + (f" in {block}" if block else "")
        seen = seen.__cause__ or seen.__context__
    return ""


def block_calling(operator: str, model: nn.Module, images: torch.Tensor) -> str:
    """Return the first block that calls ``operator``; empty where none does.

    Args:
        operator: as PyTorch calls it, e.g. ``aten.roll.default``; private and public forms of a
            name (``aten._linalg_eigvals``) count as one.
        model: that is run once, as it is.
        images: its input.
    """
    units = block_names(model)
    stack: list[str] = []
    calls = _Calls(_plain(operator), stack)
    functions = _Functions(calls)
    names = [name for name, _ in model.named_modules() if name]
    try:
        with (
            torch.no_grad(),
            hooked(model, names, lambda name, _: stack.append(name), lambda name, _: _pop(stack)),
            calls,
            functions,
        ):
            model(images)
    except Exception:
        # what cannot even run has no place that is worth an error of its own
        return ""
    return block_of(calls.module, units) if calls.module else ""


def block_names(model: nn.Module) -> list[str]:
    """Return the names of the blocks that make up a network."""
    return [unit.name for unit in find_units(model) if not unit.parent]


class _Calls(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the module in which an operator is called first, as it is dispatched."""

    def __init__(self, operator: str, stack: list[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.module = ""
        self._operator, self._stack = operator, stack

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        self.note(_plain(str(func)))
        return func(*args, **(kwargs or {}))

    def note(self, operator: str) -> None:
        """Note where the stack stands, if this is the operator and its first call."""
        if not self.module and operator == self._operator and self._stack:
            self.module = self._stack[-1]


class _Functions(TorchFunctionMode):
    """Passes on functions as they are called: some are taken apart before they are dispatched."""

    def __init__(self, calls: _Calls) -> None:
        super().__init__()
        self._calls = calls

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        self._calls.note(getattr(func, "__name__", "").strip("_"))
        return func(*args, **(kwargs or {}))


def _plain(operator: str) -> str:
    """Return the name of an operator without library, overload, and what marks private forms."""
    parts = operator.split(".")
    return (parts[1] if len(parts) > 1 else parts[0]).strip("_")


def _pop(stack: list[str]) -> None:
    stack.pop()


def _reason(error: BaseException) -> str:
    """Return of what an error started from the line that names an operator, else the first."""
    while (origin := error.__cause__ or error.__context__) is not None:
        error = origin
    lines = str(error).strip().splitlines()
    telling = next((line for line in lines if _OPERATOR.search(line)), lines[0] if lines else "")
    return telling.strip(" -")[:200] or type(error).__name__

"""The constructor call behind every module of a network, as it was made."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any

from torch import nn

from archsearch import blocks
from archsearch.arch import Arch, module_of
from archsearch.export.isolated_run import ExportError
from archsearch.export.weight_layout import Expression, Group, flat, prefixed
from archsearch.model import Network, build_model

_LOCK = Lock()
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def modules_of(arch: Arch) -> tuple[ModuleType, ...]:
    """Return the modules that the user's blocks in ``arch`` come from."""
    mixers = [
        mixer
        for stage in arch.stages
        for block in stage.blocks
        for mixer in (block.attention, block.ffn)
    ]
    found = (module_of(mixer) for mixer in mixers)
    return tuple({module.__name__: module for module in found if module is not None}.values())


class Construction:
    """A network, with the constructor call of each of its modules.

    Args:
        arch: what is built.

    Attributes:
        network: the network.
        imports: module and name of what the expressions name, by the name that they use.
    """

    def __init__(self, arch: Arch) -> None:
        self._homes = modules_of(arch)
        self.imports: dict[str, tuple[str, str]] = {}
        # modules are kept alive by `network`, so that an id stands for one module
        self._calls: dict[int, tuple[Callable[..., nn.Module], inspect.BoundArguments]] = {}
        with _LOCK, self._recording():
            self.network: Network = build_model(arch)

    def expression(self, module: nn.Module, names: Mapping[str, str] | None = None) -> Expression:
        """Return the call that makes ``module``; arguments that equal the default are left out.

        Args:
            module: a module of the network.
            names: arguments of the outermost call to text that stands in place of their values.

        Raises:
            ExportError: it was not made by a class that the file can hold, or of values that
                cannot be written.
        """
        if id(module) not in self._calls:
            raise ExportError(
                f"cannot write how {type(module).__name__} was made: build() must return a module "
                "of a class that the file of the block defines or imports"
            )
        made_by, bound = self._calls[id(module)]
        items: list[Expression] = []
        by_name = False
        for name, parameter in bound.signature.parameters.items():
            value = bound.arguments[name]
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                items += [self._value(each) for each in value]
                continue
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                items += [prefixed(f"{key}=", self._value(each)) for key, each in value.items()]
                continue
            text = (names or {}).get(name)
            if text is None and _is_default(value, parameter):
                by_name = True
                continue
            written = text or self._value(value)
            # numbers after the first are named; the parts of a block stand by themselves
            by_name |= parameter.kind not in _POSITIONAL
            by_name |= bool(items) and not isinstance(value, nn.Module)
            alone = parameter.kind is inspect.Parameter.POSITIONAL_ONLY or not by_name
            items.append(written if alone else prefixed(f"{name}=", written))
        return Group(f"{self._name(made_by)}(", items, ")")

    def _name(self, made_by: Callable[..., Any]) -> str:
        """Return the name of a class or function in the file."""
        place = (made_by.__module__, made_by.__qualname__)
        name, count = made_by.__name__, 1
        while self.imports.setdefault(name, place) != place:
            count += 1
            name = f"{made_by.__name__}{count}"
        return name

    def class_name(self, module: nn.Module) -> str:
        """Return the name of a module's class in the file."""
        return self._name(type(module))

    def _value(self, value: Any) -> Expression:
        if isinstance(value, nn.Module):
            return self.expression(value)
        if isinstance(value, list):
            return repeats([self._value(item) for item in value])
        if isinstance(value, tuple):
            items = [self._value(item) for item in value]
            return Group("(", items, ",)" if len(items) == 1 else ")")
        if isinstance(value, dict):
            entries = [
                prefixed(f"{flat(self._value(key))}: ", self._value(each))
                for key, each in value.items()
            ]
            return Group("{", entries, "}")
        if isinstance(value, type) and value.__module__.startswith("torch.nn."):
            return f"nn.{value.__name__}"
        if isinstance(value, type):
            return self._name(value)
        if value is None or isinstance(value, bool | int | float | str):
            return quoted(value)
        raise ExportError(f"cannot write {value!r}, which a block was made with, as source text")

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Note the arguments of the constructors and builders of blocks while this is open."""
        theirs = (value for home in self._homes for value in vars(home).values())
        classes = {cls for cls in (*vars(blocks).values(), *theirs) if _is_block(cls)}
        own = {cls: vars(cls).get("__init__") for cls in classes}
        noting = {cls: self._noting(cls, cls.__init__) for cls in classes}
        builders = {name: value for name, value in vars(blocks).items() if _is_builder(value)}
        for cls, init in noting.items():
            cls.__init__ = init
        for name, builder in builders.items():
            setattr(blocks, name, self._noting_result(builder))
        try:
            yield
        finally:
            for cls, original in own.items():
                if original is None:
                    del cls.__init__
                else:
                    cls.__init__ = original
            for name, builder in builders.items():
                setattr(blocks, name, builder)

    def _noting(self, cls: type[nn.Module], original: Any) -> Any:
        signature = inspect.signature(cls)

        @functools.wraps(original)
        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            if type(module) is cls:
                self._note(module, cls, signature.bind(*args, **kwargs))
            original(module, *args, **kwargs)

        return init

    def _noting_result(self, builder: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        signature = inspect.signature(builder)

        @functools.wraps(builder)
        def build(*args: Any, **kwargs: Any) -> nn.Module:
            module = builder(*args, **kwargs)
            self._note(module, builder, signature.bind(*args, **kwargs))
            return module

        return build

    def _note(
        self, module: nn.Module, by: Callable[..., Any], bound: inspect.BoundArguments
    ) -> None:
        bound.apply_defaults()
        self._calls[id(module)] = (by, bound)


def repeats(items: Sequence[Expression]) -> Expression:
    """Return a list; what stands in it several times in a row is written once."""
    count = len(items)
    for period in range(1, count // 2 + 1):
        if count % period == 0 and list(items) == list(items[:period]) * (count // period):
            times = f"for _ in range({count // period})"
            if period == 1:
                return Group("[", [items[0], times], "]", comma=False)
            parts = prefixed("for block in ", Group("(", items[:period], ")"))
            return Group("[", ["block", times, parts], "]", comma=False)
    return Group("[", items, "]")


def quoted(value: object) -> str:
    """Return a constant as source text: strings in double quotes, 1e-6 in place of 1e-06."""
    text = repr(value)
    if isinstance(value, str) and '"' not in text:
        return f'"{text[1:-1]}"'
    return text.replace("e-0", "e-") if isinstance(value, float) else text


def _is_default(value: Any, parameter: inspect.Parameter) -> bool:
    default = parameter.default
    return type(value) is type(default) and bool(value == default)


def _is_block(value: object) -> bool:
    mine = isinstance(value, type) and issubclass(value, nn.Module)
    return mine and not value.__module__.startswith("torch.")


def _is_builder(value: object) -> bool:
    """Return whether ``value`` is a function that returns a module."""
    return inspect.isfunction(value) and _is_block(inspect.signature(value).return_annotation)

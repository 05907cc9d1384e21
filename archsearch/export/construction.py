"""The constructor call behind every module of a network, as it was made."""

import ast
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from types import ModuleType
from typing import Any

from torch import nn

from archsearch import blocks
from archsearch.arch import Arch, module_of
from archsearch.model import Network, build_model

_LOCK = Lock()


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
    """A network, and how each of its modules was made.

    Args:
        arch: what is built.
        modules: of a user's blocks.

    Attributes:
        network: the network.
    """

    def __init__(self, arch: Arch, modules: Iterable[ModuleType] = ()) -> None:
        self._modules = tuple(modules)
        # modules are kept alive by `network`, so that an id stands for one module
        self._calls: dict[int, tuple[Callable[..., nn.Module], dict[str, Any]]] = {}
        with _LOCK, self._recording():
            self.network: Network = build_model(arch)

    def expression(self, module: nn.Module) -> ast.expr:
        """Return the call that makes ``module``, every parameter written out."""
        made_by, arguments = self._calls[id(module)]
        parameters = inspect.signature(made_by).parameters
        positional: list[ast.expr] = []
        keywords: list[ast.keyword] = []
        for name, value in arguments.items():
            node = self._value(value)
            if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY:
                keywords.append(ast.keyword(name, node))
            else:
                positional.append(node)
        return ast.Call(ast.Name(made_by.__name__, ast.Load()), positional, keywords)

    def _value(self, value: Any) -> ast.expr:
        if isinstance(value, nn.Module):
            return self.expression(value)
        if isinstance(value, list | tuple):
            items = [self._value(item) for item in value]
            return (
                ast.List(items, ast.Load())
                if isinstance(value, list)
                else ast.Tuple(items, ast.Load())
            )
        if isinstance(value, type):
            assert value.__module__.startswith("torch.nn."), f"{value} is no class of torch.nn"
            return ast.Attribute(ast.Name("nn", ast.Load()), value.__name__, ast.Load())
        assert value is None or isinstance(value, bool | int | float | str), f"cannot write {value}"
        if isinstance(value, int | float) and value < 0:
            return ast.UnaryOp(ast.USub(), ast.Constant(-value))
        return ast.Constant(value)

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """Note the arguments of the library's constructors and builders while this is open."""
        classes = {cls for cls in vars(blocks).values() if _is_block(cls)}
        for home in self._modules:
            theirs = vars(home).values()
            classes |= {c for c in theirs if _is_block(c) and c.__module__ == home.__name__}
        constructors = {cls: cls.__init__ for cls in classes if "__init__" in vars(cls)}
        builders = {name: value for name, value in vars(blocks).items() if _is_builder(value)}
        for cls, original in constructors.items():
            cls.__init__ = self._noting(cls, original)
        for name, builder in builders.items():
            setattr(blocks, name, self._noting_result(builder))
        try:
            yield
        finally:
            for cls, original in constructors.items():
                cls.__init__ = original
            for name, builder in builders.items():
                setattr(blocks, name, builder)

    def _noting(self, cls: type[nn.Module], original: Any) -> Any:
        signature = inspect.signature(original)

        @functools.wraps(original)
        def init(module: nn.Module, *args: Any, **kwargs: Any) -> None:
            if type(module) is cls:
                bound = signature.bind(module, *args, **kwargs)
                bound.apply_defaults()
                arguments = dict(list(bound.arguments.items())[1:])
                self._calls[id(module)] = (cls, arguments)
            original(module, *args, **kwargs)

        return init

    def _noting_result(self, builder: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        signature = inspect.signature(builder)

        @functools.wraps(builder)
        def build(*args: Any, **kwargs: Any) -> nn.Module:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            module = builder(*args, **kwargs)
            self._calls[id(module)] = (builder, dict(bound.arguments))
            return module

        return build


def _is_block(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _is_builder(value: object) -> bool:
    """Return whether ``value`` is a function that returns a module."""
    return inspect.isfunction(value) and _is_block(inspect.signature(value).return_annotation)

"""Arguments and options of the commands, read from their source without importing it.

A command's module imports torch, timm and Ray, which takes seconds; a shell that completes a word
waits for a tenth of one.
"""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

_PACKAGE = Path(__file__).parents[1]
#: (command, name of a parameter) -> what completes its value, None for nothing
Completers = Callable[[str, str], Callable[..., Any] | None]


@dataclass(frozen=True)
class Parameter:
    """One argument or option of a command.

    Attributes:
        name: of the function's parameter.
        flags: as they are written; empty for an argument.
        help: one sentence; empty where it is not a plain string.
        is_flag: takes no value.
        is_list: may be repeated.
    """

    name: str
    flags: tuple[str, ...]
    help: str = ""
    is_flag: bool = False
    is_list: bool = False

    @property
    def is_argument(self) -> bool:
        """Whether it has no flag."""
        return not self.flags


def parameters_of(command: str) -> list[Parameter]:
    """Return the parameters of a command, in their order."""
    function = next(
        node
        for node in _tree(f"archsearch.cli.{command}").body
        if isinstance(node, ast.FunctionDef) and node.name == command
    )
    return [
        _parameter(argument.arg, argument.annotation, f"archsearch.cli.{command}")
        for argument in function.args.args
        if argument.annotation is not None
    ]


def stand_in(command: str, completers: Completers) -> Callable[..., None]:
    """Return a function with the parameters of a command, for a shell to complete.

    Every value is text, and nothing is checked: the function is never called.
    """

    def function(**values: Any) -> None:
        raise AssertionError("a command that is completed is not run")

    signature = []
    for each in parameters_of(command):
        completer = completers(command, each.name)
        made: Any = typer.Argument if each.is_argument else typer.Option
        value: Any = bool if each.is_flag else list[str] if each.is_list else str
        options: dict[str, Any] = {"help": each.help}
        if completer is not None:
            options["autocompletion"] = completer
        signature.append(
            inspect.Parameter(
                each.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if each.is_flag else None,
                annotation=Annotated[value | None, made(*each.flags, **options)],
            )
        )
    function.__name__ = command
    function.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    function.__annotations__ = {each.name: each.annotation for each in signature}
    return function


@cache
def _tree(module: str) -> ast.Module:
    path = _PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def _parameter(name: str, annotation: ast.expr, module: str) -> Parameter:
    """Read ``Annotated[type, typer.Option(...)]``, or the name of one that is defined elsewhere."""
    if isinstance(annotation, ast.Name):
        return _parameter(name, *_definition(annotation.id, module))
    assert isinstance(annotation, ast.Subscript), f"{name} has no annotation that can be read"
    assert isinstance(annotation.slice, ast.Tuple), f"{name} has no annotation that can be read"
    kind, made = annotation.slice.elts
    assert isinstance(made, ast.Call), f"{name} is neither an argument nor an option"
    types = {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)}
    flags = tuple(str(_text(flag)) for flag in made.args)
    if isinstance(made.func, ast.Attribute) and made.func.attr == "Option" and not flags:
        written = name.strip("_").replace("_", "-")
        flags = (f"--{written}/--no-{written}",) if "bool" in types else (f"--{written}",)
    found = next((_text(word.value) for word in made.keywords if word.arg == "help"), "")
    return Parameter(name, flags, found, "bool" in types, "list" in types)


def _text(node: ast.expr) -> str:
    """Return a plain string; of an expression, nothing."""
    try:
        return str(ast.literal_eval(node))
    except ValueError:
        return ""


def _definition(name: str, module: str) -> tuple[ast.expr, str]:
    """Return what ``name`` is assigned, in ``module`` or where that imports it from."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            return node.value, module
        if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
            return _definition(name, str(node.module))
    raise AssertionError(f"{module} does not define {name}")

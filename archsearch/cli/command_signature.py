"""Arguments and options of the commands, read from their source without importing it.

A command's module imports torch, timm and Ray, which takes seconds; a shell that completes a word
waits for a tenth of one.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from archsearch.option import parameter_name, switch, with_default

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
    """Return the parameters of a command, in their order: its own, those of configurations last."""
    module = f"archsearch.cli.{command}"
    function = next(
        node
        for node in _tree(module).body
        if isinstance(node, ast.FunctionDef) and node.name == "command"
    )
    own = [
        _parameter(argument.arg, argument.annotation, module)
        for argument in (*function.args.args, *function.args.kwonlyargs)
        if argument.annotation is not None
    ]
    return own + [
        each
        for call in function.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "options_of"
        for each in _config_options(call, module)
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
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _config_options(call: ast.Call, module: str) -> list[Parameter]:
    """Read ``@options_of(CONFIGURATION, keys=(...))``."""
    keys = next((_keys(each.value, module) for each in call.keywords if each.arg == "keys"), None)
    found = _options_in(ast.unparse(call.args[0]), module)
    return [each for key, each in found if keys is None or key in keys]


def _keys(node: ast.expr, module: str) -> tuple[str, ...]:
    """Return a tuple of strings, parts of which may be tuples that have names."""
    if isinstance(node, ast.Name):
        value, module = _definition(node.id, module)
        assert isinstance(value, ast.expr)
        return _keys(value, module)
    if isinstance(node, ast.Tuple):
        return tuple(key for each in node.elts for key in _keys(each, module))
    if isinstance(node, ast.Starred):
        return _keys(node.value, module)
    return (str(ast.literal_eval(node)),)


def _options_in(name: str, module: str, above: str = "") -> Iterator[tuple[str, Parameter]]:
    """Yield key and parameter of every `Option` that a configuration declares."""
    body, module = _definition(name, module)
    assert isinstance(body, ast.ClassDef)
    for node in body.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        key = f"{above}.{node.target.id}".strip(".")
        if isinstance(node.annotation, ast.Name) and node.value is not None:
            if isinstance(node.value, ast.Call):
                yield from _options_in(node.annotation.id, module, key)
            continue
        if isinstance(node.annotation, ast.Subscript) and isinstance(
            node.annotation.slice, ast.Tuple
        ):
            kind, *metadata = node.annotation.slice.elts
            for each in metadata:
                made = _made(each, module)
                if isinstance(made, ast.Call) and ast.unparse(made.func) == "Option":
                    yield _option(key, kind, made, node.value)


def _made(node: ast.expr, module: str) -> ast.expr | ast.ClassDef:
    """Return what stands there, or is assigned to the constant that does."""
    if isinstance(node, ast.Name) and node.id.isupper():
        return _definition(node.id, module)[0]
    return node


def _option(
    key: str, kind: ast.expr, made: ast.Call, value: ast.expr | None
) -> tuple[str, Parameter]:
    """Read one ``Option(...)`` of a field."""
    flag, sentence = (str(_text(each)) for each in made.args[:2])
    words = {each.arg: each.value for each in made.keywords}
    types = _names(words.get("type", kind))
    is_flag = bool({"Flag", "bool"} & types)
    below = _text(words["key"]) if "key" in words else ""
    default = _text(words["default"]) if "default" in words else ""
    known = None if below or value is None else _value(value)
    return f"{key}.{below}".strip("."), Parameter(
        parameter_name(flag),
        (switch(flag) if is_flag else flag,),
        with_default(sentence, default, known),
        is_flag,
        "tuple" in types,
    )


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def _parameter(name: str, annotation: ast.expr, module: str) -> Parameter:
    """Read ``Annotated[type, typer.Option(...)]``, or the name of one that is defined elsewhere."""
    if isinstance(annotation, ast.Name):
        definition, module = _definition(annotation.id, module)
        assert isinstance(definition, ast.expr)
        return _parameter(name, definition, module)
    assert isinstance(annotation, ast.Subscript), f"{name} has no annotation that can be read"
    assert isinstance(annotation.slice, ast.Tuple), f"{name} has no annotation that can be read"
    kind, made = annotation.slice.elts
    assert isinstance(made, ast.Call), f"{name} is neither an argument nor an option"
    types = _names(kind)
    flags = tuple(str(_text(flag)) for flag in made.args)
    if isinstance(made.func, ast.Attribute) and made.func.attr == "Option" and not flags:
        written = name.strip("_").replace("_", "-")
        flags = (f"--{written}/--no-{written}",) if "bool" in types else (f"--{written}",)
    found = next((_text(word.value) for word in made.keywords if word.arg == "help"), "")
    return Parameter(name, flags, found, "bool" in types, "list" in types)


def _text(node: ast.expr) -> str:
    """Return a plain string; of an expression, nothing."""
    found = _value(node)
    return found if isinstance(found, str) else ""


def _definition(name: str, module: str) -> tuple[ast.expr | ast.ClassDef, str]:
    """Return the class ``name``, or what it is assigned, and the module where."""
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node, module
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            return node.value, module
        if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
            return _definition(name, str(node.module))
    raise AssertionError(f"{module} does not define {name}")

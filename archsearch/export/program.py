"""The definitions that an exported file is made of."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterable
from functools import lru_cache
from types import ModuleType

from archsearch import blocks
from archsearch.export.isolated import ExportError
from archsearch.export.source import parse_with_comments

Definition = ast.stmt
#: by name, in the order of the file
Program = dict[str, Definition]
#: sets the weights of torch's layers of every kind, whichever a network has
INITIALIZE = "initialize"


@lru_cache(maxsize=1)
def _library() -> tuple[Program, dict[str, str]]:
    """Return what the block library defines, and the import behind each name it imports."""
    found: Program = {}
    imports: dict[str, str] = {}
    for module in pkgutil.iter_modules(blocks.__path__):
        defined, imported = _read(importlib.import_module(f"{blocks.__name__}.{module.name}"))
        twice = found.keys() & defined.keys()
        assert not twice, f"two definitions of {twice} in the block library"
        found |= defined
        imports |= imported
    return found, imports


def _read(module: ModuleType) -> tuple[Program, dict[str, str]]:
    """Return what a module defines, and the import behind each name it imports."""
    found: Program = {}
    imports: dict[str, str] = {}
    for node in parse_with_comments(inspect.getsource(module)).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= _imported(node)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node
    return found, imports


def library() -> Program:
    """Return every class, function and constant of the block library."""
    return dict(_library()[0])


def with_modules(program: Program, modules: Iterable[ModuleType]) -> dict[str, str]:
    """Add what the modules of a user's blocks define, and return the imports that they need.

    Raises:
        ExportError: two definitions have one name.
    """
    imports: dict[str, str] = {}
    for module in modules:
        defined, imported = _read(module)
        twice = sorted(program.keys() & defined.keys())
        if twice:
            raise ExportError(
                f"{inspect.getfile(module)} defines {', '.join(twice)}, and so does the block "
                "library or another file of blocks; give it another name"
            )
        program |= defined
        imports |= imported
    return imports


def import_lines(names: Iterable[str]) -> list[str]:
    """Return the imports that ``names`` need."""
    return [line for name, line in _library()[1].items() if name in set(names)]


def _imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Return names that come from outside of the block library, with their import."""
    start = "import " if isinstance(node, ast.Import) else f"from {node.module} import "
    if "archsearch" in start:
        return {}
    return {alias.asname or alias.name: start + ast.unparse(alias) for alias in node.names}


def names_in(node: ast.AST) -> list[str]:
    """Return the names that ``node`` reads, parts before the wholes that they are put into."""
    found: dict[str, None] = {}

    def visit(inner: ast.AST) -> None:
        if isinstance(inner, ast.Name):
            found.setdefault(inner.id)
        children = list(ast.iter_child_nodes(inner))
        if isinstance(inner, ast.Call):
            children = [*children[1:], children[0]]
        for child in children:
            visit(child)

    visit(node)
    return [name for name in found if name != "self"]


def reachable(program: Program, root: str) -> Program:
    """Return what ``root`` needs, each definition after those that it needs itself."""
    out: Program = {}
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in program:
            return
        seen.add(name)
        for other in names_in(program[name]):
            visit(other)
        out[name] = program[name]

    visit(root)
    return out


def functions_of(program: Program) -> list[tuple[tuple[str, str], ast.FunctionDef]]:
    """Return every function and method with its (class, name); the class is empty for none."""
    out: list[tuple[tuple[str, str], ast.FunctionDef]] = []
    for name, node in program.items():
        if isinstance(node, ast.FunctionDef):
            out.append((("", name), node))
        elif isinstance(node, ast.ClassDef):
            out += [
                ((name, item.name), item) for item in node.body if isinstance(item, ast.FunctionDef)
            ]
    return out

"""The definitions that an exported file is made of."""

import ast
import importlib
import inspect
import pkgutil
from functools import lru_cache

from archsearch import blocks
from archsearch.export.source import parse_with_comments

Definition = ast.ClassDef | ast.FunctionDef | ast.Assign
#: by name, in the order of the file
Program = dict[str, Definition]


@lru_cache(maxsize=1)
def library() -> Program:
    """Return every class, function and constant of the block library."""
    found: Program = {}
    for module in pkgutil.iter_modules(blocks.__path__):
        source = inspect.getsource(importlib.import_module(f"{blocks.__name__}.{module.name}"))
        for node in parse_with_comments(source).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                name = node.name
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
            else:
                continue
            assert name not in found, f"two definitions of {name} in the block library"
            found[name] = node
    return found


def names_in(node: ast.AST) -> list[str]:
    """Return the names that are read in ``node``, in the order of the source, without repeats."""
    found = [
        inner for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id != "self"
    ]
    found.sort(key=lambda inner: (getattr(inner, "lineno", 0), getattr(inner, "col_offset", 0)))
    return list(dict.fromkeys(inner.id for inner in found))


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

"""Put expressions in the place of names."""

import ast
import copy
from collections.abc import Mapping

from archsearch.export.walk import walk


class Substitute(ast.NodeTransformer):
    """Puts a copy of an expression wherever its name is read."""

    def __init__(self, values: Mapping[str, ast.expr]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        return copy.deepcopy(self._values.get(node.id, node))


def reads(node: ast.AST, name: str) -> int:
    """Return how often ``node`` reads a name."""
    return sum(
        isinstance(inner, ast.Name) and inner.id == name and isinstance(inner.ctx, ast.Load)
        for inner in walk(node)
    )


def only_expression(function: ast.FunctionDef) -> ast.expr | None:
    """Return what a function returns that does nothing else; None for other functions."""
    first, *rest = function.body
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and rest:
        first, *rest = rest
    return first.value if isinstance(first, ast.Return) and not rest else None

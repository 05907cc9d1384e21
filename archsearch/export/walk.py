"""A faster `ast.walk`, in the order of the source."""

import ast
from collections.abc import Iterator


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """Yield ``node`` and everything below it, parents first, in the order of the source."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        children: list[ast.AST] = []
        for name in current._fields:
            value = getattr(current, name, None)
            if isinstance(value, list):
                children += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                children.append(value)
        children.reverse()
        stack += children

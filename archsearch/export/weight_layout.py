"""Expressions as source text, broken over lines as `ruff format` does it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

_WIDTH = 100
_INDENT = "    "


@dataclass(frozen=True)
class Group:
    """Something in brackets.

    Attributes:
        opening: text up to the bracket, e.g. ``ffn=Mlp(``.
        items: what stands inside.
        closing: from the bracket on.
        comma: items have commas between them; a comprehension's parts have none.
    """

    opening: str
    items: "Sequence[Expression]"
    closing: str
    comma: bool = True


#: source text, or brackets that may be broken over lines
Expression = str | Group


def prefixed(text: str, expression: Expression) -> Expression:
    """Return an expression with ``text`` ahead of it."""
    if isinstance(expression, str):
        return text + expression
    return replace(expression, opening=text + expression.opening)


def flat(expression: Expression) -> str:
    """Return an expression on one line."""
    if isinstance(expression, str):
        return expression
    inside = (", " if expression.comma else " ").join(map(flat, expression.items))
    return expression.opening + inside + expression.closing


def laid_out(expression: Expression, depth: int = 0, after: str = "") -> str:
    """Return an expression that starts at an indent of ``depth`` and is followed by ``after``."""
    line = flat(expression) + after
    if isinstance(expression, str) or _fits(line, depth):
        return line
    inside = flat(replace(expression, opening="", closing=""))
    inner = _INDENT * (depth + 1)
    if _fits(inside, depth + 1):
        lines = [inner + inside]
    else:
        end = "," if expression.comma else ""
        lines = [inner + laid_out(item, depth + 1, end) for item in expression.items]
    return "\n".join([expression.opening, *lines, _INDENT * depth + expression.closing + after])


def _fits(line: str, depth: int) -> bool:
    return len(_INDENT) * depth + len(line) <= _WIDTH

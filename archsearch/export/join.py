"""Join a statement with the next one where the result fits on a line."""

import ast
import copy

from archsearch.export.program import Program, functions_of
from archsearch.export.substitute import Substitute, reads
from archsearch.export.walk import walk

_LINE = 100
_INDENT = 8


def join_lines(program: Program) -> None:
    """Put a value where it is read, if that is once, in the next statement."""
    for _, function in functions_of(program):
        index = 0
        while index + 1 < len(function.body):
            joined = _joined(function, index)
            if joined is None:
                index += 1
            else:
                function.body[index : index + 2] = [joined]
                index = max(0, index - 1)
        function.body = [node for node in function.body if not _is_orphan(node, function)]


def _joined(function: ast.FunctionDef, index: int) -> ast.stmt | None:
    first, second = function.body[index : index + 2]
    if not (isinstance(first, ast.Assign) and isinstance(first.targets[0], ast.Name)):
        return None
    if not isinstance(second, ast.Assign | ast.Return) or second.value is None:
        return None
    if getattr(first, "trailing", "") or getattr(first, "leading", []):
        return None
    if getattr(second, "leading", []) or getattr(second, "spaced", False):
        return None
    name = first.targets[0].id
    if reads(second, name) != 1 or reads(second.value, name) != 1:
        return None
    stored_again = isinstance(second, ast.Assign) and ast.unparse(second.targets[0]) == name
    later = function.body[index + 2 :]
    if not stored_again and any(reads(node, name) for node in later):
        return None
    if any(isinstance(node, ast.Call) and _writes(node) for node in walk(first.value)):
        return None
    joined = copy.copy(second)
    joined.value = Substitute({name: first.value}).visit(copy.deepcopy(second.value))
    length = len(ast.unparse(joined)) + len(getattr(joined, "trailing", ""))
    return joined if length + _INDENT <= _LINE else None


def _is_orphan(node: ast.stmt, function: ast.FunctionDef) -> bool:
    """Return whether a bare annotation is of a name that was joined away."""
    if not (isinstance(node, ast.AnnAssign) and node.value is None):
        return False
    name = ast.unparse(node.target)
    return not any(
        isinstance(other, ast.Name) and other.id == name and other is not node.target
        for other in walk(function)
    )


def _writes(call: ast.Call) -> bool:
    """Return whether a call changes something by its name, as ``trunc_normal_`` does."""
    return ast.unparse(call.func).endswith("_")

"""Remove what nothing uses: dead stores, attributes, methods."""

import ast
from collections.abc import Iterable

from archsearch.export.program import INITIALIZE, Program, functions_of
from archsearch.export.walk import walk

_KEPT_METHODS = {"__init__", "forward"}


def sweep(program: Program, root: str, identities: set[str]) -> None:
    """Remove unused methods, attributes and assignments from every definition.

    ``identities`` are classes without state, which may go as well.
    """
    ours = (node for name, node in program.items() if name != INITIALIZE)
    elsewhere = _loaded_attributes(ours, own=False)
    for name, node in program.items():
        if isinstance(node, ast.ClassDef) and name != root:
            loaded = elsewhere | _loaded_attributes([node], own=True)
            node.body = [item for item in node.body if _class_item_used(item, loaded)]
            for method in node.body:
                if isinstance(method, ast.FunctionDef):
                    method.body = [
                        item
                        for item in method.body
                        if not _unused_attribute(item, loaded, identities)
                    ]
    for _, function in functions_of(program):
        function.body = _live(function.body, function)
        _name_unread(function)


def _loaded_attributes(nodes: Iterable[ast.AST], *, own: bool) -> set[str]:
    """Return the attributes that are read of ``self``, or of anything else."""
    return {
        inner.attr
        for node in nodes
        for inner in walk(node)
        if isinstance(inner, ast.Attribute)
        and isinstance(inner.ctx, ast.Load)
        and (isinstance(inner.value, ast.Name) and inner.value.id == "self") == own
    }


def _class_item_used(item: ast.stmt, loaded: set[str]) -> bool:
    if isinstance(item, ast.FunctionDef):
        return item.name in _KEPT_METHODS or item.name in loaded
    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
        return item.target.id in loaded
    return True


def _unused_attribute(node: ast.stmt, loaded: set[str], identities: set[str]) -> bool:
    """Return whether ``node`` sets an attribute that is never read and holds no module."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if ast.unparse(call.func) == "self.register_buffer":
            name, *_ = call.args
            return isinstance(name, ast.Constant) and name.value not in loaded
    target, value = _single(node)
    if not (isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"):
        return False
    if target.attr in loaded or value is None:
        return False
    made = {ast.unparse(inner.func) for inner in walk(value) if isinstance(inner, ast.Call)}
    return made <= identities | {"nn.Identity"}


def _single(node: ast.stmt) -> tuple[ast.expr | None, ast.expr | None]:
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        return node.targets[0], node.value
    if isinstance(node, ast.AnnAssign):
        return node.target, node.value
    return None, None


def _live(body: list[ast.stmt], function: ast.FunctionDef) -> list[ast.stmt]:
    """Return ``body`` without assignments that nothing reads."""
    read = _read_names(function)
    out: list[ast.stmt] = []
    for index, node in enumerate(body):
        if isinstance(node, ast.If):
            node.body = _live(node.body, function)
            node.orelse = _live(node.orelse, function)
            if not node.body and not node.orelse:
                continue
        elif isinstance(node, ast.For | ast.With):
            node.body = _live(node.body, function)
        if _dead(node, body[index + 1 :], read):
            continue
        if out and _is_declaration_of(out[-1], node):
            declared = out.pop()
            assert isinstance(declared, ast.AnnAssign)
            assert isinstance(node, ast.Assign)
            node = ast.AnnAssign(declared.target, declared.annotation, node.value, simple=1)
        out.append(node)
    return out


def _name_unread(function: ast.FunctionDef) -> None:
    """Write ``_`` for the names of ``a, b = x`` that nothing reads."""
    read = _read_names(function)
    for node in walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            for item in node.targets[0].elts:
                if isinstance(item, ast.Name) and item.id not in read:
                    item.id = "_"


def _read_names(node: ast.AST) -> set[str]:
    return {
        inner.id
        for inner in walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }


def _dead(node: ast.stmt, rest: list[ast.stmt], read: set[str]) -> bool:
    target, value = _single(node)
    if isinstance(target, ast.Tuple):
        names = [item.id for item in target.elts if isinstance(item, ast.Name)]
        return len(names) == len(target.elts) and not set(names) & read
    if target is None:
        return False
    if isinstance(target, ast.Name) and target.id not in read:
        return True
    return value is not None and overwritten(ast.unparse(target), rest)


def overwritten(target: str, rest: list[ast.stmt]) -> bool:
    """Return whether the next statement that knows ``target`` sets it without reading it."""
    for node in rest:
        if not _mentions(node, target):
            if isinstance(node, ast.Return | ast.Raise):
                return False
            continue
        other, value = _single(node)
        if other is None or value is None or ast.unparse(other) != target:
            return False
        return not _mentions(value, target)
    return False


def _mentions(node: ast.AST, target: str) -> bool:
    return any(
        isinstance(inner, ast.Name | ast.Attribute) and ast.unparse(inner) == target
        for inner in walk(node)
    )


def _is_declaration_of(declared: ast.stmt, node: ast.stmt) -> bool:
    return (
        isinstance(declared, ast.AnnAssign)
        and declared.value is None
        and isinstance(node, ast.Assign)
        and ast.unparse(declared.target) == ast.unparse(node.targets[0])
    )

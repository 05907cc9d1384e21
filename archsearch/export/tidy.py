"""Write specialised code the short way, without changing what it does."""

import ast
import copy
from collections import Counter
from collections.abc import Iterable

from archsearch.export.facts import Owner
from archsearch.export.inline import inline_helpers
from archsearch.export.program import Program, functions_of
from archsearch.export.signature import parameters_of
from archsearch.export.substitute import Substitute, reads
from archsearch.export.walk import walk

#: a helper of one expression this long is no longer one
_LINE = 72


def tidy(program: Program, public: set[Owner]) -> None:
    """Shorten every function: no aliases, no counters that nothing reads, no one-line helpers."""
    counts = _attribute_reads(program.values())
    for node in program.values():
        if isinstance(node, ast.ClassDef):
            _forget_constructor_attributes(node, counts)
    for owner, function in functions_of(program):
        _drop_aliases(function)
        _rename_aliased_parameter(function)
        _return_at_once(function)
        if owner[1] not in ("__init__", "forward"):
            _collapse(function)
        for loop in walk(function):
            if isinstance(loop, ast.For):
                _drop_counter(loop, function)
    inline_helpers(program, public)


def _drop_counter(loop: ast.For, function: ast.FunctionDef) -> None:
    """Turn ``for i, x in enumerate(y)`` into ``for x in y`` where ``i`` is not read."""
    if not (isinstance(loop.iter, ast.Call) and isinstance(loop.target, ast.Tuple)):
        return
    counter, item = loop.target.elts
    counted = ast.unparse(loop.iter.func) == "enumerate" and isinstance(counter, ast.Name)
    if counted and reads(function, ast.unparse(counter)) == 0:
        loop.target, loop.iter = item, loop.iter.args[0]


def _rename_aliased_parameter(function: ast.FunctionDef) -> None:
    """Turn ``def f(a): b = a; ...`` into ``def f(b): ...``."""
    names = [argument.arg for argument in parameters_of(function)]
    for index, node in enumerate(function.body):
        if not isinstance(node, ast.Assign):
            continue
        target, value = node.targets[0], node.value
        if not (isinstance(target, ast.Name) and isinstance(value, ast.Name)):
            return
        if value.id in names and target.id not in names and reads(function, value.id) == 1:
            parameters_of(function)[names.index(value.id)].arg = target.id
            del function.body[index]
        return


def _drop_aliases(function: ast.FunctionDef) -> None:
    """Put ``self.y`` where ``x`` is read, if ``x = self.y`` and that happens once."""
    stores = [
        node.id
        for node in walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    for node in list(function.body):
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        value = node.value
        if (
            isinstance(target, ast.Name)
            and isinstance(value, ast.Attribute)
            and ast.unparse(value.value) == "self"
            and stores.count(target.id) == 1
            and reads(function, target.id) == 1
        ):
            function.body.remove(node)
            for rest in function.body:
                Substitute({target.id: value}).visit(rest)


def _forget_constructor_attributes(node: ast.ClassDef, counts: Counter[str]) -> None:
    """Put ``x`` in the place of ``self.x`` if ``self.x = x`` and the constructor alone reads it."""
    for init in node.body:
        if not (isinstance(init, ast.FunctionDef) and init.name == "__init__"):
            continue
        own_reads = _attribute_reads([init])
        for item in list(init.body):
            if not (isinstance(item, ast.Assign) and isinstance(item.value, ast.Name)):
                continue
            target = item.targets[0]
            if not (isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self"):
                continue
            if counts[target.attr] == own_reads[target.attr] > 0:
                for rest in init.body:
                    _SubstituteAttribute(target.attr, item.value).visit(rest)


def _attribute_reads(nodes: Iterable[ast.AST]) -> Counter[str]:
    """Return how often each attribute is read, of ``self`` or of anything else."""
    return Counter(
        inner.attr
        for node in nodes
        for inner in walk(node)
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Load)
    )


def _return_at_once(function: ast.FunctionDef) -> None:
    """Turn ``x = y; return x`` into ``return y``."""
    if len(function.body) < 2:
        return
    before, last = function.body[-2:]
    if not isinstance(before, ast.Assign | ast.AnnAssign) or before.value is None:
        return
    target = before.targets[0] if isinstance(before, ast.Assign) else before.target
    if (
        isinstance(target, ast.Name)
        and isinstance(last, ast.Return)
        and isinstance(last.value, ast.Name)
        and last.value.id == target.id
    ):
        last.value = before.value
        last.leading = getattr(before, "leading", [])  # type: ignore[attr-defined]
        last.trailing = getattr(before, "trailing", "")  # type: ignore[attr-defined]
        del function.body[-2]


def _collapse(function: ast.FunctionDef) -> None:
    """Turn a helper of a few assignments into one expression, if that stays short."""
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    *steps, last = function.body[has_docstring:]
    if not steps or not isinstance(last, ast.Return) or last.value is None:
        return
    values: dict[str, ast.expr] = {}
    for step in [*steps, last]:
        assert isinstance(step, ast.stmt)
        if isinstance(step, ast.Assign):
            target: ast.expr = step.targets[0]
        elif isinstance(step, ast.AnnAssign):
            target = step.target
        else:
            target = ast.Name("return", ast.Store())
        value = getattr(step, "value", None)
        if (
            not isinstance(target, ast.Name)
            or value is None
            or (step is not last and not isinstance(step, ast.Assign | ast.AnnAssign))
        ):
            return
        for name, known in values.items():
            simple = isinstance(known, ast.Name | ast.Attribute | ast.Constant)
            if reads(value, name) > 1 and not simple:
                return
        values[target.id] = Substitute(values).visit(copy.deepcopy(value))
    if len(ast.unparse(values["return"])) <= _LINE:
        function.body = [*function.body[:has_docstring], ast.Return(values["return"])]


class _SubstituteAttribute(ast.NodeTransformer):
    def __init__(self, name: str, value: ast.expr) -> None:
        self._name = name
        self._value = value

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        is_read = isinstance(node.ctx, ast.Load) and ast.unparse(node) == f"self.{self._name}"
        return copy.deepcopy(self._value) if is_read else node

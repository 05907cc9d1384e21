"""Write helpers out where they are called."""

import ast
import copy

from archsearch.export.calls import CallGraph, CallSite, call_graph
from archsearch.export.facts import Facts, Owner
from archsearch.export.program import Program
from archsearch.export.signature import bound_arguments
from archsearch.export.substitute import Substitute, only_expression, reads
from archsearch.export.walk import walk

#: an expression this short may stand in several places
_SHORT = 24
_KEPT = ("__init__", "forward", "forward_features")


def inline_helpers(program: Program, public: set[Owner]) -> None:
    """Write out one helper of one expression that is short or called once.

    Calls are out of date after it; the next pass goes on.
    """
    graph = call_graph(program, Facts(), public)
    for owner, function in graph.functions.items():
        sites = graph.of(owner)
        if not sites or owner[1] in _KEPT or owner in graph.escaping:
            continue
        if len(sites) == 1 and not owner[0] and _write_out(function, sites[0], graph):
            return
        expression = only_expression(function)
        if expression is None or (len(sites) > 1 and len(ast.unparse(expression)) > _SHORT):
            continue
        replacements = [_replacement(expression, owner, graph, site) for site in sites]
        if any(replacement is None for replacement in replacements):
            continue
        by_call = {id(site.call): new for site, new in zip(sites, replacements, strict=True) if new}
        for node in program.values():
            _Replace(by_call).visit(node)
        return


def _replacement(
    expression: ast.expr, owner: Owner, graph: CallGraph, site: CallSite
) -> ast.expr | None:
    """Return ``expression`` with the arguments of a call put in; None where that is not safe."""
    bound = bound_arguments(site.call, owner, graph.functions[owner])
    closed = any(isinstance(node, ast.comprehension | ast.Lambda) for node in walk(expression))
    if bound is None or closed or len(site.targets) > 1:
        return None
    for name, value in bound.items():
        if not isinstance(value, ast.Name | ast.Constant) and reads(expression, name) > 1:
            return None
    if owner[0] and site.place[0] != owner[0]:
        return None
    free = {node.id for node in walk(expression) if isinstance(node, ast.Name)}
    if (free - set(bound) - {"self"}) & _stored(graph.functions[site.place]):
        return None
    return Substitute(bound).visit(copy.deepcopy(expression))  # type: ignore[no-any-return]


def _write_out(helper: ast.FunctionDef, site: CallSite, graph: CallGraph) -> bool:
    """Write a helper that makes a value step by step in the place of ``x = helper(...)``.

    The value takes the name ``x`` from its first step on.
    """
    caller = graph.functions[site.place]
    steps = [node for node in helper.body if not _is_docstring(node)]
    *steps, last = steps
    bound = bound_arguments(site.call, ("", helper.name), helper)
    if not (isinstance(last, ast.Return) and isinstance(last.value, ast.Name) and steps):
        return False
    if bound is None or not all(isinstance(v, ast.Name | ast.Constant) for v in bound.values()):
        return False
    if _stored(helper) != {last.value.id} or any(_is_compound(step) for step in steps):
        return False
    for index, node in enumerate(caller.body):
        if isinstance(node, ast.Assign) and node.value is site.call:
            target = copy.deepcopy(node.targets[0])
            if not isinstance(target, ast.Name | ast.Attribute):
                return False
            written = [_Retarget(last.value.id, target).visit(copy.deepcopy(s)) for s in steps]
            caller.body[index : index + 1] = [Substitute(bound).visit(s) for s in written]
            return True
    return False


class _Retarget(ast.NodeTransformer):
    """Renames a local variable to any target, ``self.x`` included."""

    def __init__(self, name: str, target: ast.Name | ast.Attribute) -> None:
        self._name = name
        self._target = target

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id != self._name:
            return node
        renamed = copy.deepcopy(self._target)
        renamed.ctx = node.ctx
        return renamed


class _Replace(ast.NodeTransformer):
    def __init__(self, by_call: dict[int, ast.expr]) -> None:
        self._by_call = by_call

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return self._by_call.get(id(node), node)


def _stored(function: ast.FunctionDef) -> set[str]:
    return {
        node.id
        for node in walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }


def _is_compound(node: ast.stmt) -> bool:
    return hasattr(node, "body")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)

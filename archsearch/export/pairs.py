"""Functions that return a map and extra tokens which no caller reads."""

import ast

from archsearch.export.calls import CallGraph
from archsearch.export.facts import Owner
from archsearch.export.walk import walk


def drop_unread_tokens(graph: CallGraph, pair_functions: set[Owner]) -> None:
    """Let functions whose second result is read nowhere return the first alone."""
    unread = _unread_calls(graph)
    droppable = {
        owner
        for owner in pair_functions & graph.functions.keys()
        if graph.of(owner) and owner not in graph.escaping and _returns_pairs(graph, owner)
    }
    # where a call may run several functions, all of them must agree
    changed = True
    while changed:
        changed = False
        for site in graph.sites:
            targets = set(site.targets)
            agreed = targets <= droppable and id(site.call) in unread
            if targets & droppable and not agreed:
                droppable -= targets
                changed = True
    for owner in droppable:
        function = graph.functions[owner]
        function.returns = ast.Name("Tensor", ast.Load())
        for node in walk(function):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                node.value = node.value.elts[0]
        for site in graph.of(owner):
            statement = unread[id(site.call)]
            target = statement.targets[0]
            if isinstance(target, ast.Tuple):
                statement.targets = [target.elts[0]]
    pair_functions -= droppable


def _unread_calls(graph: CallGraph) -> dict[int, ast.Assign]:
    """Return the calls behind ``a, b = call()`` whose ``b`` nothing reads, with the statement."""
    found = {}
    for function in graph.functions.values():
        read = {
            node.id
            for node in walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        }
        for node in walk(function):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            target = node.targets[0]
            if isinstance(target, ast.Tuple) and len(target.elts) == 2:
                second = target.elts[1]
                if isinstance(second, ast.Name) and second.id not in read:
                    found[id(node.value)] = node
    return found


def _returns_pairs(graph: CallGraph, owner: Owner) -> bool:
    """Return whether every return of a function is a pair written out."""
    returns = [node for node in walk(graph.functions[owner]) if isinstance(node, ast.Return)]
    return bool(returns) and all(
        isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2 for node in returns
    )

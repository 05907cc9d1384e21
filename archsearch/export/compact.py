"""Write constructor calls the short way: defaults left out, repeats as loops."""

import ast
import copy

from archsearch.export.calls import call_graph
from archsearch.export.facts import Facts, same
from archsearch.export.program import Program
from archsearch.export.signature import bound_arguments, defaults_of


def compact(program: Program, root: str) -> None:
    """Shorten the calls of ``program`` without changing what they do."""
    _leave_out_defaults(program)
    fold_repeats(program[root])


def fold_repeats(node: ast.AST) -> None:
    """Write equal neighbours in lists of constructor calls as comprehensions."""
    _Repeats().visit(node)


def _leave_out_defaults(program: Program) -> None:
    """Leave out what equals the default; a default that no call relies on goes."""
    graph = call_graph(program, Facts())
    for owner, function in graph.functions.items():
        sites = graph.of(owner)
        if owner[1] != "__init__" or not sites:
            continue
        for name, default in defaults_of(function).items():
            relied_on = False
            for site in sites:
                bound = bound_arguments(site.call, owner, function)
                if bound is None or name not in bound:
                    relied_on = True
                    continue
                kept = [
                    word
                    for word in site.call.keywords
                    if word.arg != name or not same(word.value, default)
                ]
                relied_on |= len(kept) < len(site.call.keywords)
                relied_on |= all(word.arg != name for word in site.call.keywords)
                site.call.keywords = kept
            if not relied_on:
                _require(function, name)


def _require(function: ast.FunctionDef, name: str) -> None:
    names = [argument.arg for argument in function.args.kwonlyargs]
    if name in names:
        function.args.kw_defaults[names.index(name)] = None


class _Repeats(ast.NodeTransformer):
    def visit_List(self, node: ast.List) -> ast.expr:
        self.generic_visit(node)
        node.elts = [item for each in node.elts for item in _written_out(each)]
        if len(node.elts) < 2 or not all(isinstance(item, ast.Call) for item in node.elts):
            return node
        texts = [ast.dump(item) for item in node.elts]
        period = _period(texts)
        if period < len(texts):
            return _comprehension(node.elts[:period], len(texts) // period)
        parts: list[ast.expr] = []
        index = 0
        while index < len(texts):
            count = 1
            while index + count < len(texts) and texts[index + count] == texts[index]:
                count += 1
            item = node.elts[index]
            if count > 1:
                parts.append(ast.Starred(_comprehension([item], count), ast.Load()))
            else:
                parts.append(item)
            index += count
        return ast.List(parts, ast.Load())


def _written_out(item: ast.expr) -> list[ast.expr]:
    """Return the items that ``*[x for _ in range(n)]`` stands for."""
    if not (isinstance(item, ast.Starred) and isinstance(item.value, ast.ListComp)):
        return [item]
    times = item.value.generators[0].iter
    assert isinstance(times, ast.Call)
    return [copy.deepcopy(item.value.elt) for _ in range(ast.literal_eval(times.args[0]))]


def _period(texts: list[str]) -> int:
    """Return the length of the shortest part that, repeated whole, gives ``texts``."""
    for period in range(1, len(texts)):
        if len(texts) % period == 0 and texts == texts[:period] * (len(texts) // period):
            return period
    return len(texts)


def _comprehension(items: list[ast.expr], count: int) -> ast.ListComp:
    times = ast.Call(ast.Name("range", ast.Load()), [ast.Constant(count)], [])
    repeat = ast.comprehension(ast.Name("_", ast.Store()), times, [], 0)
    if len(items) == 1:
        return ast.ListComp(items[0], [repeat])
    pattern = ast.comprehension(ast.Name("block", ast.Store()), ast.Tuple(items, ast.Load()), [], 0)
    return ast.ListComp(ast.Name("block", ast.Load()), [repeat, pattern])

"""Which calls of a program reach which functions, and what they pass."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from archsearch.export.facts import Facts, Owner
from archsearch.export.fold import Expressions
from archsearch.export.program import Program, functions_of
from archsearch.export.walk import walk


@dataclass
class CallSite:
    """One call and the functions that it may run.

    Attributes:
        call: the node; edits of it edit the program.
        targets: the functions; several where a module attribute holds several classes.
        place: function that the call stands in.
    """

    call: ast.Call
    targets: list[Owner]
    place: Owner


@dataclass
class CallGraph:
    """All calls between the functions of a program.

    Attributes:
        functions: every function and method.
        sites: every call that reaches one of them.
        escaping: functions that are also used in ways that are no plain call.
    """

    functions: dict[Owner, ast.FunctionDef]
    sites: list[CallSite] = field(default_factory=list)
    escaping: set[Owner] = field(default_factory=set)

    def of(self, owner: Owner) -> list[CallSite]:
        """Return the calls that may run ``owner``."""
        return [site for site in self.sites if owner in site.targets]


def call_graph(program: Program, facts: Facts, public: Iterable[Owner] = ()) -> CallGraph:
    """Find every call between the functions of ``program``; ``public`` ones have others too."""
    graph = CallGraph(dict(functions_of(program)), escaping=set(public))
    for owner, function in graph.functions.items():
        cls = owner[0]
        loops = module_loops(function, facts, cls)
        resolve = Expressions(facts, cls, {}, loops)
        called: set[int] = set()
        for node in walk(function):
            if not isinstance(node, ast.Call):
                continue
            targets = _targets(node.func, program, graph, cls, resolve)
            if targets:
                called.add(id(node.func))
                graph.sites.append(CallSite(node, targets, owner))
        graph.escaping |= set(_escaping(function, called, program, graph, cls))
    return graph


def module_loops(function: ast.FunctionDef, facts: Facts, cls: str) -> dict[str, set[str]]:
    """Return loop variables that run through modules, with the modules' classes."""
    loops: dict[str, set[str]] = {}
    resolve = Expressions(facts, cls, {}, {})
    for node in walk(function):
        if not isinstance(node, ast.For):
            continue
        source, target = node.iter, node.target
        if isinstance(source, ast.Call) and ast.unparse(source.func) == "enumerate":
            source = source.args[0]
            target = target.elts[1] if isinstance(target, ast.Tuple) else target
        classes = resolve.classes_of(source)
        if classes and isinstance(target, ast.Name):
            loops[target.id] = classes
    return loops


def _targets(
    func: ast.expr, program: Program, graph: CallGraph, cls: str, resolve: Expressions
) -> list[Owner]:
    if isinstance(func, ast.Name) and func.id in program:
        is_class = isinstance(program[func.id], ast.ClassDef)
        owner = (func.id, "__init__") if is_class else ("", func.id)
        return [owner] if owner in graph.functions else []
    own = _own_method(func, graph, cls)
    if own:
        return [own]
    classes = sorted(resolve.classes_of(func))
    owners = [(name, "forward") for name in classes]
    return owners if all(owner in graph.functions for owner in owners) else []


def _own_method(func: ast.expr, graph: CallGraph, cls: str) -> Owner | None:
    if (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
        and func.value.id == "self"
        and (cls, func.attr) in graph.functions
    ):
        return (cls, func.attr)
    return None


def _escaping(
    function: ast.FunctionDef, called: set[int], program: Program, graph: CallGraph, cls: str
) -> Iterator[Owner]:
    methods: dict[str, list[Owner]] = {}
    for owner in graph.functions:
        if owner[0] and owner[1] not in ("__init__", "forward"):
            methods.setdefault(owner[1], []).append(owner)
    for node in walk(function):
        if id(node) in called:
            continue
        if isinstance(node, ast.Name) and node.id in program:
            yield ("", node.id)
            yield (node.id, "__init__")
        if isinstance(node, ast.Attribute) and node.attr in methods:
            yield from methods[node.attr]

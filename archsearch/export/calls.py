"""Which calls of a program reach which functions, and what they pass."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from archsearch.export.facts import Facts, Owner
from archsearch.export.fold import Expressions
from archsearch.export.program import Program, functions_of


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


def call_graph(program: Program, facts: Facts) -> CallGraph:
    """Find every call between the functions of ``program``."""
    graph = CallGraph(dict(functions_of(program)))
    for owner, function in graph.functions.items():
        cls = owner[0]
        loops = module_loops(function, facts, cls)
        resolve = Expressions(facts, cls, {}, loops)
        called: set[int] = set()
        for node in ast.walk(function):
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
    for node in ast.walk(function):
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
    for node in ast.walk(function):
        if id(node) in called:
            continue
        if isinstance(node, ast.Name) and node.id in program:
            yield ("", node.id)
            yield (node.id, "__init__")
        if isinstance(node, ast.Attribute) and node.attr in methods:
            yield from methods[node.attr]


def bound_arguments(
    site: CallSite, owner: Owner, function: ast.FunctionDef
) -> dict[str, ast.expr] | None:
    """Return what a call passes for each parameter, defaults included.

    None when the call unpacks arguments, so that nobody can tell.
    """
    arguments = function.args
    names = [argument.arg for argument in arguments.args][1 if owner[0] else 0 :]
    if any(isinstance(argument, ast.Starred) for argument in site.call.args):
        return None
    if any(word.arg is None for word in site.call.keywords):
        return None
    bound = defaults_of(function)
    bound |= dict(zip(names, site.call.args, strict=False))
    bound |= {word.arg: word.value for word in site.call.keywords if word.arg}
    return bound


def defaults_of(function: ast.FunctionDef) -> dict[str, ast.expr]:
    """Return the defaults of a function's parameters."""
    arguments = function.args
    optional = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    found = {
        argument.arg: value for argument, value in zip(optional, arguments.defaults, strict=True)
    }
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            found[argument.arg] = default
    return found


def parameters_of(function: ast.FunctionDef) -> list[ast.arg]:
    """Return the parameters of a function, ``self`` left out."""
    every = [*function.args.args, *function.args.kwonlyargs]
    return [argument for argument in every if argument.arg != "self"]


def drop_parameter(function: ast.FunctionDef, name: str) -> None:
    """Remove a parameter and its default from a signature."""
    arguments = function.args
    names = [argument.arg for argument in arguments.args]
    if name in names:
        index = names.index(name)
        first_default = len(names) - len(arguments.defaults)
        if index >= first_default:
            del arguments.defaults[index - first_default]
        del arguments.args[index]
        return
    index = [argument.arg for argument in arguments.kwonlyargs].index(name)
    del arguments.kwonlyargs[index]
    del arguments.kw_defaults[index]


def drop_argument(site: CallSite, owner: Owner, function: ast.FunctionDef, name: str) -> None:
    """Remove what a call passes for a parameter; to be done ahead of `drop_parameter`."""
    names = [argument.arg for argument in function.args.args][1 if owner[0] else 0 :]
    call = site.call
    call.keywords = [word for word in call.keywords if word.arg != name]
    if name in names and names.index(name) < len(call.args):
        del call.args[names.index(name)]

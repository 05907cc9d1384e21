"""Specialise a program to the one network that it builds, until nothing changes any more."""

import ast
import copy
from collections.abc import Iterable

from archsearch.export.calls import CallGraph, CallSite, call_graph, module_loops
from archsearch.export.facts import (
    IDENTITY,
    PRESENT,
    TENSOR,
    TRUTHY,
    Fact,
    Facts,
    Owner,
    is_constant,
    same,
)
from archsearch.export.fold_statements import fold_body
from archsearch.export.observation import Observation
from archsearch.export.pairs import drop_unread_tokens
from archsearch.export.program import Program, functions_of, reachable
from archsearch.export.signature import (
    bound_arguments,
    defaults_of,
    drop_argument,
    drop_parameter,
    narrow_annotation,
    parameters_of,
)
from archsearch.export.substitute import only_expression
from archsearch.export.sweep import overwritten, sweep
from archsearch.export.tidy import tidy
from archsearch.export.walk import walk

#: how a map with extra tokens beside it is annotated
PAIR = "tuple[Tensor, Tensor | None]"
_MAX_PASSES = 30


def specialize(
    program: Program, root: str, seen: Observation, public: Iterable[str] = ()
) -> Program:
    """Return the part of ``program`` that ``root`` needs, written for this network alone.

    ``public`` are methods of ``root`` that others may call in any way.

    Parameters that are the same in every call take their value, branches on what is known are
    decided, and what nothing uses any more goes: parameters, attributes, methods, functions,
    classes. Modules, and with them the names in a state dict, stay.
    """
    program = {name: copy.deepcopy(node) for name, node in reachable(program, root).items()}
    for _ in range(_MAX_PASSES):
        before = _dump(program)
        _one_pass(program, root, seen, public)
        program = reachable(program, root)
        if _dump(program) == before:
            return program
    raise AssertionError("specialisation does not come to rest")


def _dump(program: Program) -> str:
    return "\n".join(ast.dump(node) for node in program.values())


def _one_pass(program: Program, root: str, seen: Observation, public: Iterable[str]) -> None:
    facts = Facts(
        tables=_tables(program), submodules=seen.submodules, collapsed=not seen.carries_tokens
    )
    facts.pairs = {
        owner[0] if owner[1] == "forward" else ".".join(owner)
        for owner, function in functions_of(program)
        if owner in seen.pair_functions
    }
    open_to_all = {(root, name) for name in public}
    graph = call_graph(program, facts, open_to_all)
    makers = {owner[1] for owner, function in graph.functions.items() if _makes(owner, function)}
    for owner, function in graph.functions.items():
        facts.params[owner] = _parameter_facts(owner, function, graph, seen, makers)
    _hand_on_facts(graph, facts)
    for name, node in program.items():
        if isinstance(node, ast.ClassDef):
            facts.attributes[name] = _attribute_facts(node, facts, makers)
            if _is_identity(node):
                facts.identities.add(name)
    for owner, function in graph.functions.items():
        body = _code(function)
        if len(body) == 1 and isinstance(body[0], ast.Return) and is_constant(body[0].value):
            assert body[0].value is not None
            facts.returns[owner] = body[0].value
        if owner[1] not in ("__init__", "forward"):
            if _hands_on(function):
                facts.hands_on.add(owner)
            elif only_expression(function) is not None:
                facts.helpers[owner] = function
        elif owner[1] == "forward" and _returns_tensor(function):
            facts.tensor_classes.add(owner[0])
    for owner, function in graph.functions.items():
        loops = module_loops(function, facts, owner[0])
        function.body = fold_body(function, facts, owner, facts.params[owner], loops)
        if facts.collapsed and owner in seen.pair_functions:
            function.returns = ast.Name("Tensor", ast.Load())
    graph = call_graph(program, facts, open_to_all)
    _drop_parameters(graph, facts)
    drop_unread_tokens(call_graph(program, facts, open_to_all), seen.pair_functions)
    sweep(program, root, facts.identities)
    tidy(program, open_to_all)


def _tables(program: Program) -> dict[str, ast.Dict]:
    return {
        name: node.value
        for name, node in program.items()
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    }


def _parameter_facts(
    owner: Owner,
    function: ast.FunctionDef,
    graph: CallGraph,
    seen: Observation,
    makers: set[str],
) -> dict[str, Fact]:
    """Return what every call of a function agrees on; ``makers`` never return None."""
    facts: dict[str, Fact] = {}
    sites = graph.of(owner)
    passed = [bound_arguments(site.call, owner, function) for site in sites]
    defaults = defaults_of(function)
    for argument in parameters_of(function):
        name = argument.arg
        observed = seen.arguments.get(owner, {}).get(name)
        if observed is not None:
            facts[name] = observed
            continue
        if not sites or owner in graph.escaping:
            if argument.annotation is not None and ast.unparse(argument.annotation) == "Tensor":
                facts[name] = TENSOR
            continue
        values = [bound.get(name) if bound else None for bound in passed]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            continue
        first = known[0]
        agreed = is_constant(first) and all(same(first, value) for value in known)
        decision = _worth_folding(first, defaults.get(name)) or _is_key(name, function)
        if agreed and decision:
            facts[name] = first
        elif all(_is_made(value) or _is_count(value) for value in known):
            facts[name] = TRUTHY
        elif all(_is_present(value) or _is_made_by(value, makers) for value in known):
            facts[name] = PRESENT
    return facts


def _hand_on_facts(graph: CallGraph, facts: Facts) -> None:
    """Note parameters that get a parameter of the caller which is known to be present."""
    for owner, function in graph.functions.items():
        sites = graph.of(owner)
        if not sites or owner in graph.escaping:
            continue
        passed = [bound_arguments(site.call, owner, function) for site in sites]
        for argument in parameters_of(function):
            if argument.arg in facts.params[owner]:
                continue
            if all(
                bound is not None
                and _present_in_caller(bound.get(argument.arg), site, graph, facts)
                for bound, site in zip(passed, sites, strict=True)
            ):
                facts.params[owner][argument.arg] = PRESENT


def _present_in_caller(
    value: ast.expr | None, site: CallSite, graph: CallGraph, facts: Facts
) -> bool:
    if not isinstance(value, ast.Name):
        return value is not None and _is_present(value)
    known = facts.params[site.place].get(value.id) in (PRESENT, TRUTHY, TENSOR)
    caller = graph.functions[site.place]
    return known and not any(
        isinstance(node, ast.Name) and node.id == value.id and isinstance(node.ctx, ast.Store)
        for node in walk(caller)
    )


def _worth_folding(value: ast.expr, default: ast.expr | None) -> bool:
    """Return whether a constant argument is a decision, and no dimension."""
    if isinstance(value, ast.Constant) and type(value.value) is int:
        return default is not None and (same(value, default) or value.value == 0)
    return True


def _is_key(name: str, function: ast.FunctionDef) -> bool:
    """Return whether a parameter looks something up in a table."""
    return any(
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id.isupper()
        and ast.unparse(node.slice) == name
        for node in walk(function)
    )


def _is_present(value: ast.expr) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is not None
    return _is_made(value) or isinstance(value, ast.List | ast.Tuple | ast.ListComp)


def _is_count(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) is int and value.value != 0


def _is_made(value: ast.expr) -> bool:
    """Return whether ``value`` calls a constructor."""
    return isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1][:1].isupper()


def _is_made_by(value: ast.expr, makers: set[str]) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) in makers


def _makes(owner: Owner, function: ast.FunctionDef) -> bool:
    """Return whether a function of its own says that it never returns None."""
    return (
        not owner[0]
        and function.returns is not None
        and "None" not in ast.unparse(function.returns)
    )


def _attribute_facts(node: ast.ClassDef, facts: Facts, makers: set[str]) -> dict[str, Fact]:
    """Return what is known of ``self.NAME`` from its only assignment.

    ``makers`` are functions that never return None.
    """
    stores: dict[str, list[ast.expr | None]] = {}
    top_level: set[int] = set()
    params: dict[str, Fact] = {}
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        if method.name == "__init__":
            params = facts.params[(node.name, "__init__")]
            top_level = {id(item) for item in method.body}
        for item in walk(method):
            if not isinstance(item, ast.stmt):
                continue
            for target, value in _stores(item):
                fixed = value if id(item) in top_level else None
                stores.setdefault(target, []).append(fixed)
    out: dict[str, Fact] = {}
    for name, values in stores.items():
        value = values[0]
        if len(values) != 1 or value is None:
            continue
        if is_constant(value):
            out[name] = value
        elif isinstance(value, ast.Call) and ast.unparse(value) == "nn.Identity()":
            out[name] = IDENTITY
        elif _is_made(value):
            out[name] = TRUTHY
        elif _is_made_by(value, makers):
            out[name] = PRESENT
        elif isinstance(value, ast.Name) and params.get(value.id) in (PRESENT, TRUTHY):
            out[name] = params[value.id]
    return out


def _stores(item: ast.stmt) -> list[tuple[str, ast.expr | None]]:
    if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
        call = item.value
        if ast.unparse(call.func) == "self.register_buffer" and isinstance(
            call.args[0], ast.Constant
        ):
            return [(str(call.args[0].value), call.args[1])]
    targets: list[tuple[ast.expr, ast.expr | None]] = []
    if isinstance(item, ast.Assign):
        target = item.targets[0]
        if isinstance(target, ast.Tuple):
            targets = [(element, None) for element in target.elts]
        else:
            targets = [(target, item.value)]
    elif isinstance(item, ast.AnnAssign | ast.AugAssign):
        targets = [(item.target, item.value if isinstance(item, ast.AnnAssign) else None)]
    return [
        (target.attr, value)
        for target, value in targets
        if isinstance(target, ast.Attribute)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    ]


def _code(function: ast.FunctionDef) -> list[ast.stmt]:
    """Return the body without its docstring."""
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return function.body[1:] if has_docstring else function.body


def _is_identity(node: ast.ClassDef) -> bool:
    return any(
        isinstance(method, ast.FunctionDef) and method.name == "forward" and _hands_on(method)
        for method in node.body
    )


def _hands_on(function: ast.FunctionDef) -> bool:
    """Return whether a function returns its arguments, in their order."""
    names = [argument.arg for argument in parameters_of(function)]
    body = _code(function)
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        return False
    value = body[0].value
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    return [ast.unparse(item) for item in items] == names


def _returns_tensor(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) == "Tensor"


def _drop_parameters(graph: CallGraph, facts: Facts) -> None:
    """Drop parameters that took a constant's place or are read nowhere, and their arguments."""
    droppable = {
        (owner, argument.arg)
        for owner, function in graph.functions.items()
        for argument in parameters_of(function)
        if _unread(argument.arg, function) and _may_change(owner, graph)
    }
    # where a call may run several functions, all of them must agree
    changed = True
    while changed:
        changed = False
        for site in graph.sites:
            for names in _aligned(site, graph).values():
                entries = {(owner, name) for owner, name in names.items()}
                if not entries <= droppable and entries & droppable:
                    droppable -= entries
                    changed = True
            if any(isinstance(argument, ast.Starred) for argument in site.call.args):
                entries = {entry for entry in droppable if entry[0] in site.targets}
                if entries:
                    droppable -= entries
                    changed = True
    for site in graph.sites:
        first = site.targets[0]
        parameters = [argument.arg for argument in parameters_of(graph.functions[first])]
        for name in reversed(parameters):  # from the right, so that positions stay true
            if (first, name) in droppable:
                drop_argument(site.call, first, graph.functions[first], name)
    for entry in droppable:
        drop_parameter(graph.functions[entry[0]], entry[1])
    for owner, function in graph.functions.items():
        for argument in parameters_of(function):
            narrow_annotation(function, argument, facts.params[owner].get(argument.arg))


def _aligned(site: CallSite, graph: CallGraph) -> dict[int, dict[Owner, str]]:
    """Return, position by position, the parameters that share an argument of a call."""
    out: dict[int, dict[Owner, str]] = {}
    for owner in site.targets:
        for position, argument in enumerate(parameters_of(graph.functions[owner])):
            out.setdefault(position, {})[owner] = argument.arg
    return out


def _may_change(owner: Owner, graph: CallGraph) -> bool:
    return owner not in graph.escaping and bool(graph.of(owner))


def _unread(name: str, function: ast.FunctionDef) -> bool:
    """Return whether what a call passes for ``name`` makes no difference."""
    reads = [
        node
        for statement in function.body
        for node in walk(statement)
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
    ]
    return not reads or overwritten(name, function.body)

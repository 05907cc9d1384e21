"""Check that every option of a space gives a valid architecture, before anything is sampled."""

from collections.abc import Iterator
from dataclasses import replace

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage, arch_problems, value_from
from archsearch.errors import InputError, Problem
from archsearch.space.nodes import INVALID, Choice, Fields, Items, Node, origins, resolve, unfolded
from archsearch.space.parameter import Params
from archsearch.space.parameter_plan import Plan, plan_of
from archsearch.yaml_source import KeyPath, YamlSource, dotted

#: rules that a list breaks where one value belongs
_ONE_VALUE = ("must be a whole number", "must be a number", "must be true or false")
#: rules that several values break together: such a combination is not sampled, but no mistake
_COMBINED = ("blocks", "pooling")
#: keys of a stage that must fit each other; checked for all their combinations
_HEADS = ("width", "num_heads", "head_dim")


def arch_space_problems(root: Node, plan: Plan, source: YamlSource) -> list[Problem]:
    """Return the problems of every option, and of every pairing of width and heads.

    Each option is tried once, the first options taken elsewhere: the values of one mapping do
    not depend on another, so this covers every combination. Whether heads divide the width
    depends on two values, and is tried for all their combinations.
    """
    found: dict[str, Problem] = {}
    for params in _each_option(plan):
        for problem in _problems(root, params, source):
            found.setdefault(str(problem), problem)
    for problem in _head_problems(root, source):
        found.setdefault(str(problem), problem)
    return list(found.values())


def _each_option(plan: Plan) -> Iterator[Params]:
    """Yield one configuration for every option of every choice."""
    seen: set[Choice] = set()

    def visit(choices: tuple[Choice, ...], given: Params) -> Iterator[Params]:
        for choice in choices:
            if choice in seen:
                continue
            seen.add(choice)
            for value, below in zip(choice.values, plan.below[choice], strict=True):
                chosen = {**given, choice.name: value}
                yield plan.complete(chosen)
                yield from visit(below, chosen)

    yield plan.complete({})
    yield from visit(plan.root, {})


def _head_problems(root: Node, source: YamlSource) -> Iterator[Problem]:
    """Yield the pairings of width and heads that no stage can have, whatever else is wrong."""
    block = Block(attention=SelfAttention(), ffn=Mlp())
    for given, _, stage in stages_of(root):
        nodes = {key: stage.items[key] for key in _HEADS if key in stage.items}
        for params in plan_of(*nodes.values()).configurations(given):
            values = {key: resolve(node, params) for key, node in nodes.items()}
            try:
                arch = Arch(stages=(Stage(depth=1, blocks=(block,), **values),))
            except ValueError:
                continue
            for broken in arch_problems(arch):
                key = str(broken.path[-1])
                origin: KeyPath = (*stage.origin, key)
                if key in nodes:
                    origin = next(node.origin for _, node in origins(nodes[key], params))
                yield source.problem(origin, broken.rule, broken.value, broken.remedy)


def stages_of(root: Node) -> Iterator[tuple[Params, int, Fields]]:
    """Yield (what must be chosen, index, stage) for every stage that the space can have."""
    if not isinstance(root, Fields) or "stages" not in root.items:
        return
    for given, stages in unfolded(root.items["stages"]):
        if not isinstance(stages, Items):
            continue
        for index, entry in enumerate(stages.items):
            reach: list[Params] = [{}]
            if isinstance(stages.length, Choice):
                counts = [n for n in stages.length.values if isinstance(n, int) and n > index]
                reach = [{stages.length.name: counts[0]}] if counts else []
            elif stages.length is not None and index >= stages.length.fixed:
                reach = []
            for reached in reach:
                for chosen, stage in unfolded(entry):
                    if isinstance(stage, Fields):
                        yield {**given, **reached, **chosen}, index, stage


def _problems(root: Node, params: Params, source: YamlSource) -> list[Problem]:
    """Return the problems of one configuration, at the places where it was written."""
    data = resolve(root, params)
    try:
        arch = Arch.model_validate(data)
        broken = [
            each for each in arch_problems(arch) if each.path[-1] not in (*_COMBINED, *_HEADS)
        ]
        if not broken:
            return []
    except ValueError:
        broken = None
    placed = dict(origins(root, params))
    if broken is not None:
        return [
            _at_origin(
                source.problem(each.path, each.rule, each.value, each.remedy), placed, source
            )
            for each in broken
        ]
    lines = {path: source.line(node.origin) for path, node in placed.items()}
    invalid = tuple(path for path, node in placed.items() if node.fixed is INVALID)
    try:
        value_from(Arch, YamlSource(source.name, data, lines))
    except InputError as error:
        return [
            _at_origin(problem, placed, source)
            for problem in error.problems
            if not any(_inside(problem.key, dotted(path)) for path in invalid)
        ]
    return []


def _inside(key: str, outer: str) -> bool:
    return key == outer or key.startswith(f"{outer}.")


def _at_origin(problem: Problem, placed: dict[KeyPath, Node], source: YamlSource) -> Problem:
    """Move a problem from its place in the architecture to the place in the file."""
    by_key = {dotted(path): node for path, node in placed.items()}
    parts = problem.key.split(".")
    rest: list[str] = []
    while parts and ".".join(parts) not in by_key:
        rest.insert(0, parts.pop())
    origin: KeyPath = by_key[".".join(parts)].origin if parts else ()
    key = parts[-1] if parts else ""
    if problem.rule == "is an unknown key" and key in origin:
        # the options below a key have places of their own; what is unknown is the key
        origin = origin[: len(origin) - origin[::-1].index(key)]
    value, remedy = problem.value, problem.remedy
    one_value = problem.rule in _ONE_VALUE
    if isinstance(value, list) and value and one_value and not remedy:
        shown = ", ".join(str(each) for each in value)
        remedy = f"to choose among them write {{choice: [{shown}]}}"
    path = (*origin, *rest)
    return replace(problem, key=dotted(path), line=source.line(path), remedy=remedy)

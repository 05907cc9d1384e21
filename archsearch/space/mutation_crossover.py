"""Ways to draw and to change configurations; every result is valid."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from archsearch.arch import BrokenRule
from archsearch.errors import InputError, Problem
from archsearch.space.nodes import Choice
from archsearch.space.parameter import Parameter, Params, Value
from archsearch.space.parameter_plan import Plan
from archsearch.yaml_source import dotted

#: draws before a configuration is repaired instead of drawn anew
MAX_DRAWS = 50
#: steps of a repair; one or two are usual
MAX_REPAIRS = 50


class Moves:
    """Random and systematic moves between configurations.

    Attributes:
        plan: which parameters are active.
        parameters: by name.
        broken: the rules that a configuration breaks.
    """

    def __init__(
        self,
        plan: Plan,
        parameters: Mapping[str, Parameter],
        broken: Callable[[Params], list[BrokenRule]],
    ) -> None:
        self.plan = plan
        self.parameters = parameters
        self.broken = broken
        self._index = {name: index for index, name in enumerate(parameters)}
        self._sizes = [len(parameter.values) for parameter in parameters.values()]

    def draw(self, rng: np.random.Generator, kept: Params) -> Params:
        """Draw uniformly at every parameter that ``kept`` has no value for; check no rule."""
        uniform = rng.random(len(self._sizes)).tolist()
        index, sizes = self._index, self._sizes

        def choose(choice: Choice) -> int:
            if choice.name in kept:
                position = choice.position(kept[choice.name])
                if position is not None:
                    return position
            place = index[choice.name]
            return int(uniform[place] * sizes[place])

        return self.plan.walk(choose)

    def sample(self, rng: np.random.Generator) -> Params:
        """Return a random valid configuration; see `SearchSpace.sample`."""
        params: Params = {}
        for _ in range(MAX_DRAWS):
            params = self.draw(rng, {})
            if not self.broken(params):
                return params
        return self._repaired(params, rng)

    def _repaired(self, params: Params, rng: np.random.Generator) -> Params:
        """Change one parameter at a time to break fewer rules, until none is broken."""
        broken = self.broken(params)
        for _ in range(MAX_REPAIRS):
            near = [self.draw(rng, changed) for changed in self.single_changes(params)]
            if not near:
                break
            counts = [len(self.broken(each)) for each in near]
            best = [each for each, n in zip(near, counts, strict=True) if n == min(counts)]
            params = best[int(rng.integers(len(best)))]
            broken = self.broken(params)
            if not broken:
                return params
        first = broken[0]
        rule = f"no architecture was found that fulfils every rule: {first.rule}"
        raise InputError(Problem(dotted(first.path), rule, first.value, first.remedy))

    def single_changes(self, params: Params) -> Iterator[Params]:
        """Yield ``params`` with one value replaced, in the file's order; check no rule."""
        for name, value in params.items():
            for other in self.parameters[name].values:
                if not same(other, value):
                    yield {**params, name: other}

    def mutate(self, params: Params, rng: np.random.Generator, n: int) -> Params:
        """Return a valid configuration ``n`` changes away; see `SearchSpace.mutate`."""
        movable = [name for name in params if len(self.parameters[name].values) > 1]
        for number in range(min(n, len(movable)), 0, -1):
            for _ in range(MAX_DRAWS):
                names = [movable[i] for i in rng.choice(len(movable), size=number, replace=False)]
                changed = {name: self._another(name, params[name], rng) for name in names}
                child = self.draw(rng, {**params, **changed})
                if all(name in child for name in names) and not self.broken(child):
                    return child
        changes = list(self.single_changes(params))
        for place in rng.permutation(len(changes)):
            child = self.draw(rng, changes[place])
            if not self.broken(child):
                return child
        return self.sample(rng)

    def _another(self, name: str, value: Value, rng: np.random.Generator) -> Value:
        """Return a value of the parameter other than ``value``, all equally likely."""
        parameter = self.parameters[name]
        others = [each for each in parameter.values if not same(each, value)]
        return others[int(rng.integers(len(others)))]

    def crossover(self, a: Params, b: Params, rng: np.random.Generator) -> Params:
        """Return a valid mixture of two configurations; see `SearchSpace.crossover`."""
        for _ in range(MAX_DRAWS):
            coins = dict(zip(self.parameters, rng.random(len(self.parameters)) < 0.5, strict=True))
            mixed = {
                name: (a if name in a and (coins[name] or name not in b) else b)[name]
                for name in self.parameters
                if name in a or name in b
            }
            child = self.draw(rng, mixed)
            if not self.broken(child):
                return child
        return self.mutate(a, rng, 1)

    def neighbours(self, params: Params) -> Iterator[Params]:
        """Yield every valid configuration one change away; see `SearchSpace.neighbours`."""
        for changed in self.single_changes(params):
            kept = self.plan.complete(changed)
            lost = {_last(name): value for name, value in params.items() if name not in kept}
            added = {
                name: lost[_last(name)]
                for name in kept
                if name not in params and _last(name) in lost
            }
            near = self.plan.complete({**changed, **added})
            if not self.broken(near):
                yield near


def same(a: Value, b: Value) -> bool:
    """Return whether two values are one; 1 and True are not."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]

"""Two configurations of a space, and the mixtures between them."""

from collections.abc import Collection

from archsearch.space import Params, SearchSpace
from archsearch.space.mutation_crossover import same


class ConfigurationPath:
    """The way from one configuration of a space to another, one choice at a time.

    The players are the parameters of which both have a value, and not the same. A parameter that
    only one of them has comes with the choice that switches it on.

    Attributes:
        space: of both.
        baseline: active parameters of the one.
        target: active parameters of the other.
        players: names, in the file's order.
    """

    def __init__(self, space: SearchSpace, baseline: Params, target: Params) -> None:
        self.space = space
        self.baseline, self.target = space.active(baseline), space.active(target)
        self.players = tuple(
            name
            for name, value in self.baseline.items()
            if name in self.target and not same(value, self.target[name])
        )

    def mixture(self, chosen: Collection[str]) -> Params:
        """Return the configuration with the chosen players from the target, the rest as before.

        A parameter that neither of the two has gets its first value.
        """
        return self.space.plan.complete(self._values(chosen))

    def known(self, chosen: Collection[str]) -> Params:
        """Return the mixture without the parameters that neither of the two has."""
        values = self._values(chosen)
        return {name: each for name, each in self.mixture(chosen).items() if name in values}

    def _values(self, chosen: Collection[str]) -> Params:
        return {**self.target, **self.baseline, **{name: self.target[name] for name in chosen}}

    def deciders(self, name: str) -> frozenset[str]:
        """Return the players that a parameter's value in a mixture may depend on."""
        pending, seen = [name], set[str]()
        while pending:
            each = pending.pop()
            if each not in seen:
                seen.add(each)
                pending += self.space.parameters[each].parents
        return frozenset(seen & set(self.players))

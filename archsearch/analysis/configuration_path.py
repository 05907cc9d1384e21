"""Two configurations of a space, and the mixtures between them."""

from collections.abc import Collection

import numpy as np

from archsearch.space import Params, SearchSpace
from archsearch.space.mutation_crossover import same

#: sets of players that are looked at where there are more
MOST_COALITIONS = 256


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

    @property
    def singles(self) -> list[frozenset[str]]:
        """The players, each as a set of its own."""
        return [frozenset([name]) for name in self.players]

    def coalitions(self, most: int = MOST_COALITIONS) -> list[frozenset[str]]:
        """Return all sets of players, or so many at random; that of none is the first."""
        count = len(self.players)
        if 2**count <= most:
            joined = np.arange(2**count)[:, None] >> np.arange(count) & 1
        else:
            joined = np.random.default_rng(0).integers(0, 2, (most, count))
            joined[0] = 0
        return [
            frozenset(name for name, has in zip(self.players, row, strict=True) if has)
            for row in joined
        ]

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

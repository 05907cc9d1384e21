"""Networks measured together for publication: what each takes, and their paired ratios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from archsearch.errors import ArchsearchError
from archsearch.record import LatencyRatio, LatencyResult

#: a latency, or why there is none
Outcome = LatencyResult | ArchsearchError


@dataclass(frozen=True)
class JointMeasurement:
    """What measuring networks has brought, in their order.

    Attributes:
        outcomes: for each a latency, or why there is none.
        ratios: by (index, base), index after base: latency of one over that of the other, where
            both come from one comparison.
    """

    outcomes: tuple[Outcome, ...]
    ratios: Mapping[tuple[int, int], LatencyRatio] = field(default_factory=dict)

    @classmethod
    def of(
        cls, outcomes: Sequence[Outcome], ratio: Callable[[int, int], LatencyRatio]
    ) -> "JointMeasurement":
        """Return outcomes of one comparison, whose ratios ``ratio(index, base)`` tells."""
        pairs = combinations(range(len(outcomes)), 2)
        return cls(tuple(outcomes), {(later, base): ratio(later, base) for base, later in pairs})

    def replaced(self, places: Sequence[int], again: "JointMeasurement") -> "JointMeasurement":
        """Return this with some networks from another measurement.

        A ratio stays where both networks do; those of the other measurement are among its own.

        Args:
            places: here, of the networks of ``again`` that are taken over, by their order there;
                -1 for one that is not.
            again: the other measurement.
        """
        outcomes = list(self.outcomes)
        for place, outcome in zip(places, again.outcomes, strict=True):
            if place >= 0:
                outcomes[place] = outcome
        kept = {pair: each for pair, each in self.ratios.items() if not {*pair} & {*places}}
        new = {
            (places[index], places[base]): each
            for (index, base), each in again.ratios.items()
            if places[index] >= 0 and places[base] >= 0
        }
        return JointMeasurement(tuple(outcomes), kept | new)

"""First latency measurements of candidates, repeated where the machine was busy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archsearch.arch import Arch
from archsearch.errors import TrialError
from archsearch.record import LatencyResult


class FirstMeasurer(Protocol):
    """Takes first measurements; see `LatencyMeasurer.measure`."""

    def measure(self, archs: Sequence[Arch]) -> Sequence[LatencyResult | TrialError]:
        """Return for each a result, or why this network cannot be measured."""
        ...


@dataclass(frozen=True)
class FirstMeasurement:
    """The first measurement of one candidate.

    Attributes:
        latency: the better known of the two where it was repeated.
        rejected: the rejected measurements behind it, in order; empty for a single good one.
    """

    latency: LatencyResult
    rejected: tuple[LatencyResult, ...] = ()

    def is_over(self, limit_ms: float | None) -> bool:
        """Whether the candidate is to be taken for over ``limit_ms``.

        An accepted measurement counts by its median, a rejected one by its lower end if that is
        known.
        """
        claimed = self.latency.claimed_ms
        return limit_ms is not None and claimed is not None and claimed > limit_ms

    def reason(self, limit_ms: float) -> str:
        """Return why the candidate is over ``limit_ms``."""
        if not self.latency.is_guess:
            again = ", measured again after a rejected measurement" if self.rejected else ""
            return f"over budget: {self.latency.median_ms:.3g} ms against {limit_ms:g} ms{again}"
        return (
            f"over budget: at least {self.latency.claimed_ms:.3g} ms against {limit_ms:g} ms, by "
            f"{len(self.rejected)} rejected measurements"
        )


def first_measurements(
    measurer: FirstMeasurer, archs: Sequence[Arch], limit_ms: float | None
) -> list[FirstMeasurement | TrialError]:
    """Take a first measurement of each of ``archs``; a second one where a guess is over the limit.

    Raises:
        ProbeError: the probe failed several times in a row.
    """
    found = list(measurer.measure(archs))
    doubtful = [
        at
        for at, result in enumerate(found)
        if isinstance(result, LatencyResult)
        and limit_ms is not None
        and result.is_guess
        and result.median_ms > limit_ms
    ]
    looks: list[FirstMeasurement | TrialError] = [
        result if isinstance(result, TrialError) else FirstMeasurement(result) for result in found
    ]
    if not doubtful:
        return looks
    again = measurer.measure([archs[at] for at in doubtful])
    for at, second in zip(doubtful, again, strict=True):
        first = found[at]
        assert isinstance(first, LatencyResult), "a failed network is not measured again"
        if isinstance(second, TrialError):
            looks[at] = FirstMeasurement(first, (first,))
        elif second.is_guess:
            looks[at] = FirstMeasurement(min(first, second, key=_doubt), (first, second))
        else:
            looks[at] = FirstMeasurement(second, (first,))
    return looks


def _doubt(guess: LatencyResult) -> tuple[bool, float]:
    """Order rejected measurements: known spread first, then the lower: disturbances slow down."""
    claimed = guess.claimed_ms
    return (claimed is None, guess.median_ms if claimed is None else claimed)


def remark_on(number: int, look: FirstMeasurement, limit_ms: float) -> str:
    """Return why trial ``number`` is trained although a first measurement was over the budget."""
    texts = " and ".join(f"{each.median_ms:.3g} ms" for each in look.rejected)
    if not look.latency.is_guess:
        return (
            f"trial {number}: a first measurement of {texts} was rejected; the second is "
            f"{look.latency.median_ms:.3g} ms ({look.latency.verdict})"
        )
    return (
        f"trial {number}: first measurements of {texts} were rejected on a busy machine and do not "
        f"show that it is over {limit_ms:g} ms: it is trained, and measured again at the end"
    )

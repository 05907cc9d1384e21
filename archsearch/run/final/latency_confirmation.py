"""Final latency measurements, repeated where the machine was too busy.

A rejected or failed measurement is repeated a few times with waits in between. If all fail, the
caller keeps the earlier latency.
"""

import math
import time
from collections.abc import Sequence
from typing import Protocol

from archsearch.activity import clock, doing
from archsearch.cost.measured_network import Target
from archsearch.errors import ProbeError, TrialError
from archsearch.record import LatencyResult
from archsearch.run.latency.joint_measurement import JointMeasurement, Outcome

#: seconds of waiting before each repetition, in which a disturbance often ends
WAITS_S = (5.0, 15.0)


class LineListener(Protocol):
    """Prints lines."""

    def line(self, text: str) -> None:
        """Show one line."""
        ...


class Publisher(Protocol):
    """Measures networks once for publication; see `LatencyMeasurer.confirm`."""

    def confirm(self, archs: Sequence[Target]) -> JointMeasurement:
        """Return for each a result, or why there is none; and their ratios."""
        ...


def measure_to_publish(
    measurer: Publisher,
    targets: Sequence[Target],
    listener: LineListener,
    patience_s: float = math.inf,
) -> JointMeasurement:
    """Measure ``targets`` by turns, and repeat what was rejected or failed.

    Args:
        measurer: measures.
        targets: networks.
        listener: shows what is waited for, and for how long still.
        patience_s: seconds that all repetitions together may take, by the time that the first
            measurement took.

    Returns:
        for each the best that was found: a measurement, else a rejected one, else why there is
        none; with the ratios of those that were measured together.
    """
    began = time.perf_counter()
    found = measurer.confirm(targets)
    first_s = time.perf_counter() - began
    tries = 1 + len(WAITS_S)
    spent_s = 0.0
    for attempt, wait_s in enumerate(WAITS_S, 2):
        again = [at for at, outcome in enumerate(found.outcomes) if _may_change(outcome)]
        if not again:
            break
        busy = _what_was([found.outcomes[at] for at in again])
        spent_s += wait_s + first_s * len(again) / len(targets)
        if spent_s > patience_s:
            listener.line(
                f"{busy}: the machine is busy, and another try "
                f"would take {clock(wait_s + first_s)}; archsearch front --measure tries later"
            )
            break
        _wait(wait_s, f"try {attempt} of {tries} for {busy}", listener)
        new = measurer.confirm([targets[at] for at in again])
        better = [
            at if _rank(outcome) < _rank(found.outcomes[at]) else -1
            for at, outcome in zip(again, new.outcomes, strict=True)
        ]
        found = found.replaced(better, new)
    return found


def why_not(outcome: Outcome) -> str:
    """Return why an outcome does not confirm the latency; empty if it does."""
    if not isinstance(outcome, LatencyResult):
        return f"the final measurement failed ({' '.join(str(outcome).split())})"
    if not outcome.is_guess:
        return ""
    return (
        f"the final measurement was rejected ({outcome.median_ms:.3g} ms from "
        f"{outcome.num_inferences:,} inferences beside a busy machine)"
    )


def _may_change(outcome: Outcome) -> bool:
    """Return whether another attempt may succeed."""
    if isinstance(outcome, LatencyResult):
        return outcome.is_guess
    return isinstance(outcome, ProbeError | TrialError)


def _rank(outcome: Outcome) -> tuple[bool, bool, bool]:
    if not isinstance(outcome, LatencyResult):
        return (True, True, True)
    return (False, outcome.is_guess, outcome.interval_ms is None)


def _what_was(outcomes: Sequence[Outcome]) -> str:
    rejected = sum(isinstance(each, LatencyResult) for each in outcomes)
    failed = len(outcomes) - rejected
    texts = [f"{rejected} rejected" if rejected else "", f"{failed} failed" if failed else ""]
    number = "1 latency" if len(outcomes) == 1 else f"{len(outcomes)} latencies"
    return f"{number} ({', '.join(filter(None, texts))})"


def _wait(wait_s: float, what: str, listener: LineListener) -> None:
    if wait_s > 0:
        listener.line(f"waiting {wait_s:g} s for the machine to become quiet, before {what}")
        with doing("waiting for the machine to become quiet", wait_s):
            time.sleep(wait_s)
    listener.line(what)

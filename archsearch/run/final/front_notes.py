"""What is said of the members of a front after they were measured again."""

from collections.abc import Mapping, Sequence

from archsearch.analysis import may_exceed
from archsearch.record import FIRST_TARGET, Aims, LatencyResult, TrialRecord
from archsearch.run.final.latency_confirmation import why_not
from archsearch.run.latency.joint_measurement import Outcome


def why_open(record: TrialRecord, last: Mapping[str, Outcome | None], aims: Aims) -> str:
    """Return what is uncertain about a member's latencies; empty for nothing.

    Args:
        record: the member.
        last: by the name of the latency the outcome of its last measurement; None without.
        aims: the budgets.
    """
    clauses = [_why_not_known(record, name, outcome) for name, outcome in last.items()]
    known = next(filter(None, clauses), "")
    if not may_exceed(record.latencies, aims):
        return f"trial {record.number} {known}" if known else ""
    over = " and ".join(
        _crossing(record.latencies[name], limit, name)
        for name, limit in aims.budgets_ms.items()
        if name in record.latencies and may_exceed({name: record.latencies[name]}, aims)
    )
    if known:
        return f"trial {record.number} {known}; it may be over {over}"
    return f"trial {record.number} stays on the front and may be over {over}"


def _why_not_known(record: TrialRecord, name: str, outcome: Outcome | None) -> str:
    """Return why a member keeps an earlier latency, as the rest of a sentence; empty otherwise."""
    latency = record.latency_at(name)
    assert latency is not None, "a member of the front has every latency"
    at = at_target(name)
    why = why_not(outcome) if outcome is not None else ""
    if confirmed_at(record, name):
        return f"keeps its latency of {latency.median_ms:.3g} ms{at}: {why}" if why else ""
    shown = "final guess" if latency is final_at(record, name) else "first measurement"
    return (
        f"stays on the front, not confirmed, with its {shown} of {latency.median_ms:.3g} ms{at} "
        f"({latency.verdict}): {why or 'it was not measured again'}"
    )


def _crossing(latency: LatencyResult, limit_ms: float, name: str) -> str:
    """Return the budget that a latency may exceed, and the latency with its interval."""
    ends = latency.interval_ms
    spread = f"{ends[0]:.3g} to {ends[1]:.3g}, " if ends is not None else ""
    return (
        f"the budget of {limit_ms:g} ms{at_target(name)}: {latency.median_ms:.3g} ms "
        f"({spread}{latency.verdict})"
    )


def at_target(name: str) -> str:
    """Return a further target as the end of a phrase; empty for the first."""
    return "" if name == FIRST_TARGET else f" at {name}"


def why_left(record: TrialRecord, front: Sequence[TrialRecord], aims: Aims) -> str:
    """Return why a trial left the front, in a sentence without its full stop."""
    known = record.latencies
    measured = ", ".join(
        f"{latency.median_ms:.3g} ms{at_target(name)}" for name, latency in known.items()
    )
    measured = f"trial {record.number} left the front: {measured} when measured again"
    for name, limit in aims.budgets_ms.items():
        if name in known and known[name].is_over(limit, aims.confidence):
            return f"{measured}, over the budget of {limit:g} ms{at_target(name)}"
    own = _plain(record, aims)
    better = [
        each.number
        for each in front
        if all(theirs <= mine for theirs, mine in zip(_plain(each, aims), own, strict=True))
    ]
    return f"{measured}, no better than trial {better[0]}" if better else measured


def _plain(record: TrialRecord, aims: Aims) -> list[float]:
    """Return the plain values of the objectives, smaller is better."""
    return [
        -(record.accuracy or 0.0) if name == "accuracy" else record.value(name) or 0.0
        for name in aims.objectives
    ]


def final_at(record: TrialRecord, name: str) -> LatencyResult | None:
    """Return the measurement of the front at a target; None where there is none."""
    if name == FIRST_TARGET:
        return record.final_latency
    return record.more_final_latencies.get(name)


def confirmed_at(record: TrialRecord, name: str) -> bool:
    """Return whether the latency at a target was measured again, and not rejected."""
    final = final_at(record, name)
    return final is not None and not final.is_guess

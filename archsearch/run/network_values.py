"""Values of a network by the names of objectives and budgets."""

from collections.abc import Sequence
from dataclasses import replace

from archsearch.record import EVEN_CHANCE, FIRST_TARGET, EpochMetrics, TrialRecord
from archsearch.run.config import SearchConfig
from archsearch.search.evaluation import Evaluation


def evaluation_of(record: TrialRecord, config: SearchConfig, like: Evaluation) -> Evaluation:
    """Return a trial of a run as the engine's value.

    Args:
        record: what is known of the network.
        config: names objectives and budgets.
        like: the trial so far: its candidate, rung and parameters.
    """
    violations = violations_of(record, config)
    return replace(
        like,
        values=values_of(record),
        feasible=all(share <= 0 for share in violations.values()),
        failure=record.reason if record.state == "failed" else "",
        state=record.state,
        violations=violations,
        detail=record,
    )


def record_of(evaluation: Evaluation) -> TrialRecord:
    """Return the record of a trial of a run."""
    assert isinstance(evaluation.detail, TrialRecord), "trials of a run carry their record"
    return evaluation.detail


def values_of(record: TrialRecord) -> dict[str, float]:
    """Return the known values of a network; a latency is its median."""
    known = {
        "accuracy": record.accuracy,
        "params": record.params,
        "macs": record.macs,
        "memory_bytes": record.memory_bytes,
        **{name: record.value(name) for name in (FIRST_TARGET, *record.more_latencies)},
    }
    return {name: float(value) for name, value in known.items() if value is not None}


def violations_of(record: TrialRecord, config: SearchConfig) -> dict[str, float]:
    """Return by which share each budget is exceeded; what is not known yet counts as kept."""
    values = {**values_of(record), **_claimed_ms(record, config.budget_confidence)}
    if record.latency is None and record.predicted is not None:
        values[FIRST_TARGET] = record.predicted.ms
    return {
        name: (values[name] - limit) / limit if name in values else 0.0
        for name, limit in config.limits.items()
    }


def point_of(
    record: TrialRecord, config: SearchConfig, curve: Sequence[EpochMetrics]
) -> list[float]:
    """Return the objectives after the epochs of ``curve``, smaller is better.

    A guess at a latency may not keep a candidate back: it counts with the lower end of its
    interval, else with what the latency table expects.
    """
    expected = record.predicted.ms if record.predicted is not None else 0.0
    values = {**values_of(record), "accuracy": accuracy_after(record, curve)}
    values |= _claimed_ms(record)
    for name in config.latency_names:
        latency = record.latency_at(name)
        if latency is None or latency.claimed_ms is None:
            values[name] = expected if name == FIRST_TARGET else 0.0
    return [
        -values[name] if direction == "max" else values[name]
        for name, direction in config.directions.items()
    ]


def accuracy_after(record: TrialRecord, curve: Sequence[EpochMetrics]) -> float:
    """Return the accuracy that counts after the epochs of ``curve``: at the end that in int8."""
    is_end = len(curve) == len(record.curve) and record.accuracy is not None
    return record.accuracy if is_end and record.accuracy is not None else curve[-1].accuracy


def _claimed_ms(record: TrialRecord, confidence: float = EVEN_CHANCE) -> dict[str, float]:
    """Return by target what may be held against a budget; targets where nothing is are missing."""
    known = {FIRST_TARGET: record.latency, **record.more_latencies}
    claimed = {
        name: each.budgeted_ms(confidence) for name, each in known.items() if each is not None
    }
    return {name: ms for name, ms in claimed.items() if ms is not None}

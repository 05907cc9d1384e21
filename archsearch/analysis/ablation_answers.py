"""The answers of an ablation: verdicts, changes in cost, effects of factors, seeds still needed."""

import math
from typing import NamedTuple

from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.analysis.factorial import Effects, factorial_effects
from archsearch.analysis.variant_comparison import Compared, Comparison, compare
from archsearch.errors import InputError
from archsearch.record import LatencyResult

#: interim analyses while seeds are being added, the last one included
LOOKS = 3


class CostChange(NamedTuple):
    """What a variant costs beside the base.

    Attributes:
        params: change in parameters.
        macs: change in multiply-adds.
        latency_ms: change in latency; None unless both were measured.
        interval_ms: of that change, in this session; None where a spread is not known.
    """

    params: int
    macs: int
    latency_ms: float | None
    interval_ms: tuple[float, float] | None


class Answers(NamedTuple):
    """The answers of an ablation.

    Attributes:
        comparison: of every variant with the base; None when there is nothing to compare yet.
        costs: variant to what it costs beside the base.
        effects: of the factors of a factorial; None for other designs.
        notes: what could not be answered, and why.
    """

    comparison: Comparison | None
    costs: dict[str, CostChange]
    effects: Effects | None
    notes: tuple[str, ...]

    def compared(self, name: str) -> Compared | None:
        """Return what is known about one variant."""
        rows = self.comparison.variants if self.comparison else ()
        return next((row for row in rows if row.name == name), None)


def answers(record: AblationRecord, *, from_seeds: bool = False) -> Answers:
    """Answer an ablation's question as far as its trainings allow; it may still be going on.

    Args:
        record: the ablation.
        from_seeds: refuse intervals that rest on a single seed.

    Raises:
        InputError: ``from_seeds`` with fewer than two seeds.
    """
    notes: list[str] = []
    comparison = effects = None
    looks = LOOKS if record.until_clear or _has_added(record) else 1
    try:
        comparison = _compare(record, looks, from_seeds)
    except InputError as error:
        if from_seeds and _any_pair(record):
            raise
        notes += [f"No comparison: {problem}" for problem in error.problems]
    if record.design == "factorial":
        try:
            effects = _effects(record)
        except InputError as error:
            notes += [f"No effects of factors: {problem}" for problem in error.problems]
    if comparison is not None and comparison.left_out:
        left = ", ".join(comparison.left_out)
        notes.append(f"Without a seed in common with the base: {left}")
    base = record.base_variant
    costs = {variant.name: cost_change(base, variant) for variant in record.others}
    return Answers(comparison, costs, effects, tuple(notes))


def seeds_wanted(record: AblationRecord, most_seeds: int = 10) -> dict[str, int]:
    """Return variant to the number of further seeds that would settle its difference.

    There are at most three interim analyses, each with a third of the error: with the
    planned seeds, with up to twice as many, and with up to four times as many. The first two add
    seeds within these bounds only, so the number of an analysis follows from the number of seeds,
    and an interrupted ablation goes on as if it had not been interrupted.

    Args:
        record: the ablation.
        most_seeds: no seeds are added for a difference that would take more than this.
    """
    try:
        comparison = _compare(record, LOOKS, False, most_seeds)
    except InputError:
        return {}
    planned = _planned(record)
    tried = {each.name: len(each.accuracies) + len(each.failures) for each in record.others}
    most = max(tried.values())
    if most > 2 * planned:
        return {}
    least, limit = (0, 2 * planned) if most <= planned else (2 * planned + 1, 4 * planned)
    wanted = {}
    for row in comparison.variants:
        more = row.more_seeds or (1 if row.num_pairs < 2 else 0)
        if more:
            goal = min(max(tried[row.name] + more, least), limit)
            wanted[row.name] = goal - tried[row.name]
    return wanted


def cost_change(base: VariantRecord, variant: VariantRecord) -> CostChange:
    """Return what ``variant`` costs beside ``base``."""
    latency = interval = None
    if base.latency is not None and variant.latency is not None:
        latency = variant.latency.median_ms - base.latency.median_ms
        interval = latency_change_interval(base.latency, variant.latency)
    return CostChange(variant.params - base.params, variant.macs - base.macs, latency, interval)


def latency_change_interval(
    base: LatencyResult, other: LatencyResult
) -> tuple[float, float] | None:
    """Return the interval of a change in latency from those of both in this session, in ms.

    Their distances from the medians are joined by squares (Zou and Donner, Statistics in Medicine
    27, 2008), which takes the two measurements as independent. None where one of them does not know
    its spread.
    """
    if base.interval_ms is None or other.interval_ms is None:
        return None
    gap = other.median_ms - base.median_ms
    (low_0, high_0), (low_1, high_1) = base.interval_ms, other.interval_ms
    below = math.hypot(other.median_ms - low_1, high_0 - base.median_ms)
    above = math.hypot(high_1 - other.median_ms, base.median_ms - low_0)
    return (gap - below, gap + above)


def _compare(
    record: AblationRecord, looks: int, from_seeds: bool, most_seeds: int = 10
) -> Comparison:
    order = (record.base_variant, *record.others)
    return compare(
        {variant.name: variant.accuracies for variant in order},
        record.base,
        num_images=record.num_images,
        looks=looks,
        most_seeds=most_seeds,
        from_seeds=from_seeds,
    )


def _effects(record: AblationRecord) -> Effects:
    rows = [
        (variant.levels, accuracy, seed)
        for variant in record.variants
        if set(variant.levels) >= set(record.factors)
        for seed, accuracy in variant.accuracies.items()
    ]
    levels, accuracies, seeds = zip(*rows, strict=True) if rows else ((), (), ())
    return factorial_effects(record.factors, levels, accuracies, seeds)


def _planned(record: AblationRecord) -> int:
    counts = [len(variant.accuracies) for variant in record.others if variant.accuracies]
    return record.planned_seeds or min(counts, default=1)


def _has_added(record: AblationRecord) -> bool:
    return any(len(each.accuracies) > _planned(record) for each in record.others)


def _any_pair(record: AblationRecord) -> bool:
    base = set(record.base_variant.accuracies)
    return any(base & set(variant.accuracies) for variant in record.others)

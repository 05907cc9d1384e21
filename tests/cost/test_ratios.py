"""Ratios of networks measured by turns, on processes that are made up."""

import math

import numpy as np
import pytest

from archsearch.cost.comparison import Comparison, joined
from archsearch.cost.ratios import Levels, PairedLatencies, levels_of
from archsearch.record import LatencyResult

LATENCIES = (2.0, 3.0, 3.1)
LOGS = np.log(LATENCIES)


def latency(ms: float, verdict: str = "steady") -> LatencyResult:
    return LatencyResult(
        median_ms=ms,
        p10_ms=0.9 * ms,
        p90_ms=1.1 * ms,
        interval_ms=(0.98 * ms, 1.02 * ms),
        num_inferences=100,
        num_warmup=3,
        reference_ratio=2 * ms,
        verdict=verdict,
    )


def rounds(rng: np.random.Generator, count: int = 40, noise: float = 0.01, shift=0.0) -> np.ndarray:
    """Return log latencies of rounds; what slows a round slows all networks of it."""
    load = rng.normal(0, 0.5, (count, 1))
    return LOGS + shift + load + rng.normal(0, noise, (count, len(LATENCIES)))


def test_what_slows_all_networks_of_a_round_leaves_their_ratios() -> None:
    found = levels_of(rounds(np.random.default_rng(0)))
    assert found.logs == pytest.approx(LOGS - LOGS.mean(), abs=0.005)
    assert sum(found.logs) == pytest.approx(0.0, abs=1e-12)
    assert found.rounds == 40
    # the standard error of a median of 40, of a normal distribution
    assert np.mean(found.errors) == pytest.approx(1.25 * 0.01 / math.sqrt(40), rel=0.6)


def test_a_burst_that_hits_one_network_is_outvoted() -> None:
    table = rounds(np.random.default_rng(1))
    table[3:12, 1] += 2.0
    assert levels_of(table).logs == pytest.approx(LOGS - LOGS.mean(), abs=0.01)


def test_ratios_of_three_agree_with_one_another() -> None:
    rng = np.random.default_rng(2)
    known = PairedLatencies([levels_of(rounds(rng)) for _ in range(3)])
    product = known.ratio(1, 0).value * known.ratio(2, 1).value
    assert product == pytest.approx(known.ratio(2, 0).value, rel=1e-12)
    forth, back = known.ratio(2, 0), known.ratio(0, 2)
    assert forth.value == pytest.approx(1 / back.value)
    assert forth.interval == pytest.approx((1 / back.interval[1], 1 / back.interval[0]))
    assert known.ratio(1, 1).interval == (1.0, 1.0)


@pytest.mark.parametrize("passes", [1, 2])
def test_too_few_rounds_have_no_interval(passes: int) -> None:
    rng = np.random.default_rng(3)
    known = PairedLatencies([levels_of(rounds(rng, count=2)) for _ in range(passes)])
    assert known.ratio(1).interval is None
    assert not known.ratio(1).is_clear


def measurement(rng: np.random.Generator, spread: float, passes: int) -> PairedLatencies:
    """Return passes whose processes favour each network by some ``spread``."""
    return PairedLatencies(
        [levels_of(rounds(rng, shift=rng.normal(0, spread, len(LATENCIES)))) for _ in range(passes)]
    )


def coverage(passes: int, spread: float) -> float:
    """Return the share of intervals that hold the ratio of another measurement."""
    rng = np.random.default_rng(4)
    held = []
    for _ in range(150):
        one, other = measurement(rng, spread, passes), measurement(rng, spread, passes)
        for pair in ((1, 0), (2, 1), (2, 0)):
            low, high = one.ratio(*pair).interval
            held.append(low <= other.ratio(*pair).value <= high)
    return float(np.mean(held))


@pytest.mark.parametrize(
    ("passes", "spread"), [(1, 0.003), (1, 0.012), (3, 0.003), (3, 0.012), (5, 0.012)]
)
def test_intervals_hold_the_ratio_of_another_measurement(passes: int, spread: float) -> None:
    assert coverage(passes, spread) >= 0.92


def test_passes_learn_what_one_cannot_know() -> None:
    """Processes that differ more than is usual: one pass does not see it, five do."""
    assert coverage(1, 0.03) < 0.85
    assert coverage(5, 0.03) > 0.88


def test_a_pass_that_knows_little_counts_little() -> None:
    sure = Levels((-0.1, 0.1), (0.002, 0.002), 100)
    unsure = Levels((-0.5, 0.5), (0.2, 0.2), 8)
    assert PairedLatencies([sure, unsure, sure]).ratio(1).value == pytest.approx(
        math.exp(0.2), rel=0.01
    )


def test_more_passes_narrow_the_interval() -> None:
    rng = np.random.default_rng(5)
    widths = []
    for passes in (1, 3, 5):
        low, high = measurement(rng, 0.005, passes).ratio(1).interval
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


def levels(*latencies: float) -> Levels:
    logs = np.log(latencies)
    return Levels(tuple(logs - logs.mean()), (0.0,) * len(latencies), 30)


def test_latencies_are_put_on_the_scale_of_their_ratios() -> None:
    """Ratios are 1 : 2 : 4; the latency of the second was measured 10 % too long."""
    measured = Comparison((latency(1.0), latency(2.2), latency(4.0)), (levels(1, 2, 4),))
    found = joined([measured])
    assert [each.median_ms for each in found.results] == pytest.approx([1.0, 2.0, 4.0])
    second = found.results[1]
    assert second.interval_ms == pytest.approx((0.98 * 2.0, 1.02 * 2.0))
    assert (second.p10_ms, second.p90_ms) == pytest.approx((1.8, 2.2))
    assert second.reference_ratio == pytest.approx(4.0)


def test_a_rejected_latency_does_not_move_the_scale() -> None:
    ratios = (levels(1, 2),)
    found = joined([Comparison((latency(1.0), latency(9.0, "rejected")), ratios)])
    assert [each.median_ms for each in found.results] == pytest.approx([1.0, 2.0])
    assert found.results[1].verdict == "rejected"


def test_the_pass_in_the_middle_gives_the_level_and_all_give_the_ratios() -> None:
    passes = [
        Comparison((latency(1.0), latency(2.0)), (levels(1, 2.1),)),
        Comparison((latency(1.5), latency(3.0)), (levels(1, 1.9),)),
        Comparison((latency(1.2), latency(2.4)), (levels(1, 2.0),)),
        Comparison((latency(1.1, "rejected"), latency(2.2)), (levels(1, 2.0),)),
    ]
    found = joined(passes)
    first, second = (each.median_ms for each in found.results)
    assert math.sqrt(first * second) == pytest.approx(math.sqrt(1.2 * 2.4))
    ratio = (2.1 * 1.9 * 2.0 * 2.0) ** 0.25
    assert second / first == pytest.approx(ratio)
    assert found.ratio(1).value == pytest.approx(ratio)
    assert len(found.passes) == 4


def test_one_network_stays_as_it_was_measured() -> None:
    alone = Comparison((latency(1.0),), (levels(1.0),))
    assert joined([alone]).results == (latency(1.0),)

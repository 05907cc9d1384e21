"""What a latency says about a budget, at every confidence."""

import math

import pytest
from scipy.stats import norm

from archsearch.analysis import pareto_front
from archsearch.record import Aims, LatencyResult
from archsearch.run.latency.first_measurement import FirstMeasurement
from tests.run.final.test_front_evaluation import trained


def latency(ms: float, share: float | None, verdict: str) -> LatencyResult:
    ends = None if share is None else (ms * math.exp(-share), ms * math.exp(share))
    return LatencyResult.model_validate(
        {
            "median_ms": ms,
            "p10_ms": ms,
            "p90_ms": ms,
            "interval_ms": ends,
            "num_inferences": 10,
            "num_warmup": 1,
            "verdict": verdict,
        }
    )


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.95, 0.975, 0.99])
def test_a_bound_is_the_quantile_of_the_logarithm(confidence: float) -> None:
    share = 0.08
    found = latency(4.0, share, "steady").bound_ms(confidence)
    assert found == pytest.approx(4.0 * math.exp(norm.ppf(confidence) * share / norm.ppf(0.975)))


def test_nothing_is_sure_without_an_interval() -> None:
    unknown = latency(1.0, None, "rejected")
    assert unknown.bound_ms(0.5) == 1.0
    assert unknown.is_over(100.0, 0.9)
    assert not unknown.is_over(0.5)


@pytest.mark.parametrize(
    ("ms", "share", "verdict", "confidence", "is_over"),
    [
        (4.9, 0.08, "steady", 0.5, False),
        (5.1, 0.08, "steady", 0.5, True),
        (4.9, 0.08, "steady", 0.95, True),
        (4.5, 0.08, "steady", 0.95, False),
        # what a noisy one does not show drops no trained network, unless that is asked for
        (5.1, 0.2, "noisy", 0.5, False),
        (6.5, 0.2, "noisy", 0.5, True),
        (4.9, 0.2, "noisy", 0.9, True),
        (30.0, 0.5, "rejected", 0.5, False),
        (30.0, 0.5, "rejected", 0.6, True),
    ],
)
def test_when_a_trained_network_counts_as_over(
    ms: float, share: float, verdict: str, confidence: float, is_over: bool
) -> None:
    found = latency(ms, share, verdict)
    assert found.is_over(5.0, confidence) is is_over
    assert not found.is_over(None, confidence)
    final = trained(0, 0.9, latency(1.0, 0.08, "steady")).model_copy(
        update={"final_latency": found}
    )
    aims = Aims(budgets_ms={"latency_ms": 5.0}, confidence=confidence)
    if verdict != "rejected":  # else the first look counts
        assert (pareto_front([final], aims) == ()) is is_over


@pytest.mark.parametrize(("confidence", "is_over"), [(0.5, False), (0.95, True)])
def test_a_first_look_counts_with_the_same_confidence(confidence: float, is_over: bool) -> None:
    look = FirstMeasurement(latency(4.9, 0.08, "steady"))
    assert look.is_over(5.0, confidence) is is_over
    assert ("with a confidence of" in look.reason(5.0, confidence)) is is_over

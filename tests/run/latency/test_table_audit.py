"""A latency table refuses as long as its predictions hold."""

from math import comb

import numpy as np
import pytest

from archsearch.record import LatencyPrediction
from archsearch.run.latency import table_audit
from archsearch.run.latency.table_audit import TableAudit
from tests.run.conftest import result

OVER = LatencyPrediction(ms=10.0, interval_ms=(9.0, 11.0), known_share=1.0)
LIMIT_MS = 5.0


def audited(lines: list[str], bias: float, spread: float, measured: int, seed: int) -> TableAudit:
    """An audit that saw predictions off by ``bias``, whose interval is right for 5 %."""
    rng = np.random.default_rng(seed)
    audit = TableAudit(lines.append)
    for number in range(measured):
        ms = float(np.exp(rng.normal(1.0, 0.2)))
        told = ms * float(np.exp(bias + spread * rng.standard_normal()))
        ends = (told * np.exp(-1.96 * 0.05), told * np.exp(1.96 * 0.05))
        expected = LatencyPrediction(ms=told, interval_ms=ends, known_share=1.0)
        audit.check(number, f"m{number}", expected, result(ms), LIMIT_MS)
    return audit


def test_a_table_that_holds_is_rarely_doubted() -> None:
    doubted = sum(
        not audited([], 0.0, 0.05, 60, seed).refuses("new", OVER, LIMIT_MS) for seed in range(300)
    )
    assert doubted / 300 < 0.05


@pytest.mark.parametrize("bias", [0.1, 0.2])
def test_a_table_that_is_too_high_refuses_nothing_until_it_holds(bias: float) -> None:
    lines: list[str] = []
    audit = audited(lines, bias, 0.05, 40, seed=0)
    assert not audit.refuses("new", OVER, LIMIT_MS)
    assert "refuses nothing for now" in lines[0]
    for number in range(4000):
        audit.check(number, f"n{number}", OVER, result(10.0), LIMIT_MS)
    assert audit.refuses("new", OVER, LIMIT_MS)
    assert "may refuse again" in lines[-1]


def test_one_that_would_have_been_refused_and_keeps_the_budget_ends_it_for_good() -> None:
    lines: list[str] = []
    audit = TableAudit(lines.append)
    names = [f"r{number}" for number in range(8)]
    assert [audit.refuses(name, OVER, LIMIT_MS) for name in names] == [True] * 7 + [False]
    assert audit.is_audited(names[-1])
    audit.check(7, names[-1], OVER, result(4.0), LIMIT_MS)
    assert "from here on every candidate is measured" in lines[-1]
    assert not audit.refuses("new", OVER, LIMIT_MS)


@pytest.mark.parametrize(
    "expected",
    [
        OVER.model_copy(update={"known_share": 0.5}),
        OVER.model_copy(update={"interval_ms": (4.9, 11.0)}),
    ],
)
def test_what_is_not_sure_is_measured(expected: LatencyPrediction) -> None:
    assert not TableAudit(lambda text: None).refuses("new", expected, LIMIT_MS)


def test_a_guess_proves_nothing() -> None:
    audit = TableAudit(lambda text: None)
    for number in range(40):
        guess = result(1.0).model_copy(update={"verdict": "rejected"})
        audit.check(number, str(number), OVER, guess, LIMIT_MS)
    assert audit.refuses("new", OVER, LIMIT_MS)


@pytest.mark.parametrize(("count", "least"), [(1, 0), (1, 1), (20, 3), (50, 4), (60, 60)])
def test_the_chance_is_that_of_the_binomial_distribution(count: int, least: int) -> None:
    exact = sum(comb(count, k) * 0.025**k * 0.975 ** (count - k) for k in range(least, count + 1))
    assert table_audit._tail(count, least, 0.025) == pytest.approx(exact, rel=1e-9)


def test_ten_thousand_candidates_are_counted() -> None:
    # more than the coefficients of the distribution fit into a float
    assert table_audit._tail(10_000, 400, 0.025) < 1e-9
    assert 0.1 < table_audit._tail(10_000, 250, 0.025) < 0.9

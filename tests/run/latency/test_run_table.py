"""A latency table that knows little, or is wrong, must not refuse what keeps the budget."""

import dataclasses
from collections.abc import Sequence

import pytest

from archsearch.arch import Arch
from archsearch.errors import BudgetUnreachableError
from archsearch.record import LatencyPrediction, LatencyResult
from archsearch.run import screening
from archsearch.run.latency import table_audit
from archsearch.run.latency.run_table import ENOUGH_KNOWN
from tests.run.conftest import Bench, FakeMeasurer, Recorder, latency_of, result

BUDGET_MS = 3.6


@dataclasses.dataclass
class BiasedGate(FakeMeasurer):
    """Predicts too much by a factor, and says how much of it is known."""

    factor: float = 10.0
    known_share: float = 1.0

    def predict(self, arch: Arch) -> LatencyPrediction | None:
        ms = self.factor * latency_of(arch)
        return LatencyPrediction(
            ms=ms, interval_ms=(0.95 * ms, 1.05 * ms), known_share=self.known_share
        )


@pytest.mark.parametrize(
    ("sampler", "known_share"),
    [
        pytest.param(
            sampler,
            share,
            # every share with one sampler, every sampler with one share
            marks=() if sampler == "model" or share == 0.5 else pytest.mark.slow,
        )
        for sampler in ("model", "evolution", "random")
        for share in (0.0, 0.03, 0.5, ENOUGH_KNOWN - 0.01)
    ],
)
def test_a_table_that_knows_little_refuses_nothing(
    bench: Bench, sampler: str, known_share: float
) -> None:
    measurer = BiasedGate(known_share=known_share)
    bench.loop(trials=4, budget_ms=BUDGET_MS, measurer=measurer, sampler=sampler).run()
    records = bench.opened.records()
    assert sum(record.state == "complete" for record in records) >= 4
    assert all(record.latency is not None for record in records)


@pytest.mark.parametrize("sampler", ["model", "evolution", "random"])
def test_a_table_that_is_wrong_is_found_out(bench: Bench, sampler: str) -> None:
    measurer = BiasedGate(factor=10.0)
    bench.loop(trials=4, budget_ms=BUDGET_MS, measurer=measurer, sampler=sampler).run()
    records = bench.opened.records()
    assert sum(record.state == "complete" for record in records) >= 4
    said = [line for line in bench.listener.lines if "from here on every candidate is" in line]
    assert len(said) == 1
    refused = [record for record in records if record.latency is None]
    assert len(refused) < 4 * table_audit._FIRST_AUDIT


def test_a_table_that_is_right_goes_on_refusing(bench: Bench) -> None:
    measurer = FakeMeasurer(expected=lambda arch: 1.02 * latency_of(arch))
    bench.loop(trials=6, budget_ms=BUDGET_MS, measurer=measurer, sampler="random").run()
    refused = [record for record in bench.opened.records() if record.latency is None]
    assert len(refused) > 4
    assert not any("every candidate is measured" in line for line in bench.listener.lines)


def test_the_guess_of_a_sampler_ends_a_search_only_when_what_is_left_was_tried(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = bench.loop(trials=8, budget_ms=BUDGET_MS, sampler="model")
    # a guess that refuses everything, as one does that was fed with wrong predictions
    monkeypatch.setattr(bench.guess._latency, "predict", lambda params: (100.0, 0.01))
    loop.run()
    assert sum(record.state == "complete" for record in bench.opened.records()) >= 8


def test_the_end_of_a_search_says_how_many_were_refused(bench: Bench) -> None:
    # half of the space is over the budget, by a prediction that is right
    archs = [bench.space.arch(params) for params in bench.space.enumerate()]
    budget = sorted(latency_of(arch) for arch in archs)[len(archs) // 2]
    measurer = FakeMeasurer(expected=lambda arch: 1.0 * latency_of(arch))
    bench.loop(trials=1000, budget_ms=budget, measurer=measurer, sampler="model").run()
    within = {arch.digest for arch in archs if latency_of(arch) <= budget}
    trained = {r.digest for r in bench.opened.records() if r.state == "complete"}
    last = next(line for line in bench.listener.lines if "refused unmeasured" in line)
    refused = sum("not measured" in record.reason for record in bench.opened.records())
    assert f"({refused} were refused unmeasured, by prediction)" in last
    assert len(within - trained) <= len(within) // 10


@pytest.mark.parametrize("limit", ["time", "number"])
def test_the_search_for_the_fastest_ends_and_says_what_it_found(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    if limit == "time":
        monkeypatch.setattr(screening, "_FASTEST_S", 0.0)
    else:
        monkeypatch.setattr(screening, "_FASTEST_MOST", 4)
    loop = bench.loop(trials=6, budget_ms=0.01, listener=Recorder())
    with pytest.raises(BudgetUnreachableError) as caught:
        loop.run()
    records = [each for each in bench.opened.records() if each.latency is not None]
    fastest = min(each.latency.median_ms for each in records if each.latency)
    assert f"the fastest found takes {fastest:.3g} ms" in str(caught.value)
    assert f"of {len(records)} measured, {0 if limit == 'time' else 4} of them" in str(caught.value)
    assert any("looking for the fastest, for" in line for line in bench.listener.lines)


def test_the_fastest_of_a_space_is_found_although_nothing_is_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    archs = [bench.space.arch(params) for params in bench.space.enumerate()]
    fastest = min(map(latency_of, archs))
    monkeypatch.setattr(screening, "_MAX_INFEASIBLE_START", 1)
    bench.loop(trials=1, budget_ms=1.001 * fastest, sampler="random").run()
    complete = [r for r in bench.opened.records() if r.state == "complete"]
    assert min(latency_of(record.arch) for record in complete) == fastest


class NoisyMeasurer(FakeMeasurer):
    """Measures beside a busy neighbour."""

    def measure(self, archs: Sequence[Arch]) -> Sequence[LatencyResult]:
        return [
            result(self.latency(arch)).model_copy(update={"verdict": "noisy"}) for arch in archs
        ]


def test_a_machine_that_was_not_quiet_is_named_in_the_end(bench: Bench) -> None:
    with pytest.raises(BudgetUnreachableError, match=r"was not quiet for \d+ of them"):
        bench.loop(trials=2, budget_ms=0.01, measurer=NoisyMeasurer()).run()

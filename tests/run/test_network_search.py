import dataclasses
from collections import Counter

import pytest
from optuna.trial import TrialState

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.errors import BudgetUnreachableError, RunError
from archsearch.run import network_evaluator, network_search
from archsearch.run.budgets import Budgets
from archsearch.run.latency.inference_memory import inference_bytes
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.search.samplers.registry import SAMPLERS
from tests.run.conftest import Bench, FakeExecutor, FakeMeasurer, accuracy_of, latency_of


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_run_trains_as_many_as_asked_and_none_twice(bench: Bench, sampler: str) -> None:
    loop = bench.loop(trials=10, sampler=sampler)
    loop.run()
    assert len(bench.executor.trained) == 10
    assert len(set(bench.executor.trained)) == 10
    states = Counter(trial.state for trial in bench.opened.study.get_trials())
    assert states[TrialState.COMPLETE] >= 10
    assert states[TrialState.RUNNING] == states[TrialState.WAITING] == 0


def test_nothing_over_the_budget_is_trained(bench: Bench) -> None:
    budget = 3.6
    bench.loop(trials=6, budget_ms=budget).run()
    records = bench.opened.records()
    for record in records:
        over = latency_of(record.arch) > budget
        assert (record.state == "infeasible") == over
        assert (record.digest in bench.executor.trained) == (not over)
    assert any(record.state == "infeasible" for record in records)
    infeasible = next(record for record in records if record.state == "infeasible")
    trial = bench.opened.study.trials[infeasible.number]
    expected = (latency_of(infeasible.arch) - budget) / budget
    assert trial.constraints == {"latency_ms": pytest.approx(expected)}


def test_every_trial_carries_every_constraint(bench: Bench) -> None:
    bench.loop(trials=6, budget_ms=3.6, sampler="random").run()
    for trial in bench.opened.study.trials:
        assert list(trial.constraints) == ["latency_ms"]


def test_an_unreachable_budget_names_the_fastest_and_trains_nothing(bench: Bench) -> None:
    loop = bench.loop(
        trials=6, budget_ms=0.01, measurer=FakeMeasurer(lambda arch: 10 * latency_of(arch))
    )
    bench.loop_result = loop
    with pytest.raises(BudgetUnreachableError) as caught:
        loop.run()
    assert bench.executor.trained == []
    fastest = min(record.latency.median_ms for record in bench.opened.records() if record.latency)
    assert f"the fastest found takes {fastest:.3g} ms" in str(caught.value)
    assert "no architecture of tiny is under 0.01 ms" in str(caught.value)
    assert all(trial.state.is_finished() for trial in bench.opened.study.trials)


def test_what_the_table_expects_far_over_the_budget_is_never_measured(bench: Bench) -> None:
    budget = 3.6
    measurer = FakeMeasurer(expected=lambda arch: 1.02 * latency_of(arch))
    bench.loop(trials=6, budget_ms=budget, measurer=measurer).run()
    unmeasured = [r for r in bench.opened.records() if r.latency is None]
    assert unmeasured
    for record in unmeasured:
        assert record.predicted is not None
        assert record.predicted.interval_ms[0] > budget
        assert record.state == "infeasible"
        assert "not measured" in record.reason
        assert record.digest not in measurer.measured
        trial = bench.opened.study.trials[record.number]
        share = (record.predicted.ms - budget) / budget
        assert trial.constraints == {"latency_ms": pytest.approx(share)}
    # one whose interval reaches below the budget is measured
    close = [
        r for r in bench.opened.records() if r.predicted and r.predicted.interval_ms[0] <= budget
    ]
    assert all(record.latency is not None for record in close)


def test_an_unreachable_budget_is_seen_from_the_table(bench: Bench) -> None:
    measurer = FakeMeasurer(
        lambda arch: 10 * latency_of(arch), expected=lambda arch: 10 * latency_of(arch)
    )
    loop = bench.loop(trials=6, budget_ms=0.01, measurer=measurer)
    with pytest.raises(BudgetUnreachableError, match="the fastest found"):
        loop.run()
    assert bench.executor.trained == []


@pytest.mark.parametrize("sampler", ["model", "random"])
def test_a_budget_of_parameters_that_nothing_keeps_ends_the_run(
    bench: Bench, sampler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a random sampler never knows that it has seen everything
    policy = dataclasses.replace(network_search.POLICY, give_up_after=80)
    monkeypatch.setattr(network_search, "POLICY", policy)
    loop = bench.loop(trials=6, budget_params=10, sampler=sampler)
    with pytest.raises(BudgetUnreachableError, match=r"the smallest have [\d,]+ parameters"):
        loop.run()
    assert bench.executor.trained == []


def test_an_interrupted_run_goes_on_without_losing_or_repeating(bench: Bench) -> None:
    with pytest.raises(KeyboardInterrupt):
        bench.loop(FakeExecutor(stop_after=4), trials=9).run()
    first = bench.executor.trained
    finished = {record.digest for record in bench.opened.records()}
    running = [t for t in bench.opened.study.trials if t.state == TrialState.RUNNING]
    assert running, "the interruption should leave trials in flight"
    interrupted = {bench.space.digest_of(dict(trial.params)) for trial in running}

    bench.loop(trials=9).run()
    second = bench.executor.trained
    assert not finished & set(second), "a finished trial was trained again"
    assert interrupted - set(first) <= set(second), "an interrupted trial was lost"
    records = bench.opened.records()
    assert sum(record.state == "complete" for record in records) == 9
    assert len({record.digest for record in records}) == len(records)
    assert all(trial.state.is_finished() for trial in bench.opened.study.trials)
    # two workers train; the others wait for one, or were proposed
    begun, proposed = min(2, len(running)), len(running) - min(2, len(running))
    words = (
        "was interrupted in training and starts"
        if begun == 1
        else ("were interrupted in training and start")
    )
    expected = f"resuming: 4 of 9 candidates are trained; {begun} {words} again"
    if proposed:
        expected += f"; {proposed} {'was' if proposed == 1 else 'were'} proposed, but not begun"
    assert bench.listener.lines[0] == expected


def test_what_was_measured_beyond_the_plan_waits_for_a_larger_one(bench: Bench) -> None:
    """A batch is larger than what is wanted, because many may be over the budget."""
    bench.loop(trials=7, budget_ms=3.6, sampler="random").run()
    assert len(bench.executor.trained) == 7
    assert all(each.trained <= each.trials == 7 for each in bench.listener.snapshots)
    waiting = [t for t in bench.opened.study.trials if t.state == TrialState.WAITING]
    assert waiting, "the case should occur"
    assert not any(t.state == TrialState.RUNNING for t in bench.opened.study.trials)
    queued = [bench.space.digest_of(dict(t.system_attrs["fixed_params"])) for t in waiting]
    assert not set(queued) & set(bench.executor.trained)
    first = set(bench.executor.trained)
    bench.loop(trials=7 + len(queued), budget_ms=3.6, sampler="random").run()
    assert f"{len(queued)} " in bench.listener.lines[0]
    assert "interrupted" not in bench.listener.lines[0]
    assert set(bench.executor.trained) >= set(queued)
    assert not first & set(bench.executor.trained)


def test_a_finished_run_goes_on_when_trials_are_raised(bench: Bench) -> None:
    bench.loop(trials=4).run()
    first = set(bench.executor.trained)
    bench.loop(trials=7).run()
    assert len(bench.executor.trained) == 3
    assert not first & set(bench.executor.trained)


def test_one_failure_does_not_stop_the_run_and_keeps_its_reason(bench: Bench) -> None:
    failing = FakeExecutor(fail=lambda job: "loss is NaN" if job.trial == 1 else "")
    bench.loop(failing, trials=6).run()
    failed = [record for record in bench.opened.records() if record.state == "failed"]
    assert [record.reason for record in failed] == ["loss is NaN"]
    assert "trial 1 failed: loss is NaN" in bench.listener.lines
    assert "Traceback ..." in bench.listener.lines


def test_a_run_whose_first_candidates_all_fail_is_stopped(bench: Bench) -> None:
    with pytest.raises(RunError, match="first 5 candidates all failed; the last one said: broken"):
        bench.loop(FakeExecutor(fail=lambda job: "broken"), trials=20).run()


def test_a_space_that_is_used_up_ends_the_run(bench: Bench) -> None:
    size = sum(1 for _ in bench.space.enumerate())
    bench.loop(trials=1000).run()
    assert len(bench.executor.trained) == size
    assert "nothing new that may keep the budgets is left in the space" in bench.listener.lines
    assert all(trial.state.is_finished() for trial in bench.opened.study.trials)


def test_weights_are_kept_for_the_first_layers_and_no_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_evaluator, "_LAYERS_KEPT", 2)
    bench.loop(trials=12).run()
    records = bench.opened.records()
    front = pareto_front(records)
    second = pareto_front([record for record in records if record not in front])
    wanted = {bench.folder.checkpoint(record.digest).name for record in (*front, *second)}
    assert wanted < {bench.folder.checkpoint(record.digest).name for record in records}
    assert {path.name for path in bench.folder.checkpoints.iterdir()} == wanted


def test_the_front_of_a_used_up_space_is_the_true_front(bench: Bench) -> None:
    bench.loop(trials=1000).run()
    archs = [bench.space.arch(params) for params in bench.space.enumerate()]
    points = [(accuracy_of(arch), latency_of(arch)) for arch in archs]
    true = {p for p in points if not any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in points)}
    found = {
        (accuracy_of(record.arch), latency_of(record.arch))
        for record in pareto_front(bench.opened.records())
    }
    assert found == true


def test_snapshots_count_what_happened(bench: Bench) -> None:
    bench.loop(trials=5, budget_ms=3.6).run()
    last = bench.listener.snapshots[-1]
    records = bench.opened.records()
    assert last.trained == last.complete == 5
    assert last.infeasible == sum(record.state == "infeasible" for record in records)
    assert last.front_size == len(pareto_front(records, 3.6))
    assert last.running == 0


def test_several_budgets_hold_at_once(bench: Bench) -> None:
    def size(arch: Arch) -> int:
        return sum(stage.depth * stage.width for stage in arch.stages)

    budgets = Budgets(latency_ms=5.0, params=60_000, memory_bytes=230_000)
    bench.loop(trials=8, budgets=budgets, sampler="model").run()
    records = bench.opened.records()
    for record in records:
        memory = inference_bytes(record.arch, LatencyTarget())
        over = latency_of(record.arch) > 5.0 or size(record.arch) > 60 or memory > 230_000
        assert (record.state == "infeasible") == over
        assert record.memory_bytes == memory
    names = ["latency_ms", "params", "memory_bytes"]
    # what waits for a later session has none yet
    ended = [each for each in bench.opened.study.trials if each.state.is_finished()]
    assert all(set(trial.constraints) == set(names) for trial in ended)
    assert {record.state for record in records} == {"complete", "infeasible"}


def test_a_run_without_gain_begins_nothing_new(bench: Bench) -> None:
    bench.loop(trials=1000, patience=6, sampler="model").run()
    assert 6 < len(bench.executor.trained) < 36
    assert "no gain in hypervolume for 6 candidates: nothing new" in bench.listener.lines
    # nor when it is resumed; more patience goes on
    bench.loop(trials=1000, patience=6).run()
    assert bench.executor.trained == []
    bench.loop(trials=1000, patience=30).run()
    assert bench.executor.trained

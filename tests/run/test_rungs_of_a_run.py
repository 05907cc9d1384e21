"""Rungs in a run: candidates are paused, the best go on, and nothing is lost on the way."""

from collections import Counter

import pytest
from optuna.trial import TrialState

from archsearch.cluster import Job
from archsearch.errors import InputError
from archsearch.search.rungs import epoch_rungs
from archsearch.search.samplers.registry import SAMPLERS
from tests.run.conftest import EPOCHS, Bench, FakeExecutor, accuracy_of, latency_of

RUNGS = (1, 2)


@pytest.mark.parametrize(
    ("rungs", "share", "said"),
    [
        ((2, 6, 30), None, "below the 18 epochs"),
        ((6, 2), None, "must increase"),
        ((2, 2), None, "must increase"),
        (None, 0.5, "needs --rungs"),
    ],
)
def test_wrong_rungs_are_refused(
    rungs: tuple[int, ...] | None, share: float | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        epoch_rungs(rungs, share, 18)


def test_the_last_rung_may_be_left_out() -> None:
    for rungs in ((2, 6), (2, 6, 18)):
        assert epoch_rungs(rungs, None, 18).fidelities == (2, 6, 18)
    assert epoch_rungs((18,), None, 18).fidelities == (18,)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_few_are_trained_to_the_end_and_they_are_the_best(bench: Bench, sampler: str) -> None:
    bench.loop(trials=12, sampler=sampler, rungs=RUNGS).run()
    records = bench.opened.records()
    lengths = Counter(len(each.curve) for each in records)
    assert sum(lengths.values()) == len({each.digest for each in records}) == 12
    # half of 12 go on from epoch 1, and two thirds of those to the last; some more were among the
    # best when they were paused, and are not now
    assert 6 <= lengths[2] + lengths[EPOCHS] < 12
    assert 4 <= lengths[EPOCHS] < 12
    assert bench.executor.epochs == sum(len(each.curve) for each in records)
    for each in records:
        assert each.state == ("complete" if len(each.curve) == EPOCHS else "pruned")
        assert [metrics.epoch for metrics in each.curve] == list(range(1, len(each.curve) + 1))
    # several networks may be equal in accuracy and latency
    most = max(accuracy_of(each.arch) for each in records)
    equal = [each for each in records if accuracy_of(each.arch) == most]
    best = next(each for each in equal if each.state == "complete")
    paused = next(each for each in records if len(each.curve) == 1)
    assert paused.reason == f"paused after epoch 1 of {EPOCHS}"
    assert bench.folder.read_paused(paused.digest) == b"weights"
    assert bench.folder.read_paused(best.digest) is None


def test_each_rung_is_a_trial_of_its_own(bench: Bench) -> None:
    bench.loop(trials=8, sampler="model", rungs=RUNGS).run()
    trials = bench.opened.study.get_trials()
    assert all(trial.state.is_finished() for trial in trials)
    whole = [each for each in bench.opened.records() if each.state == "complete"]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert {each.number for each in whole} == {trial.number for trial in complete}
    for each in whole:
        assert trials[each.number].values == [each.accuracy, latency_of(each.arch)]
        assert each.origin in ("random", "model")


def test_more_trials_promote_what_was_paused_before(bench: Bench) -> None:
    bench.loop(trials=6, rungs=RUNGS).run()
    before = {each.digest: len(each.curve) for each in bench.opened.records()}
    bench.loop(trials=18, rungs=RUNGS).run()
    after = {each.digest: len(each.curve) for each in bench.opened.records()}
    assert len(after) == 18
    went_on = [digest for digest, epochs in before.items() if after[digest] > epochs]
    new = sum(epochs for digest, epochs in after.items() if digest not in before)
    more = sum(after[digest] - before[digest] for digest in went_on)
    assert bench.executor.epochs == new + more, "an epoch was trained twice"


def test_an_interrupted_promotion_is_promoted_again(bench: Bench) -> None:
    with pytest.raises(KeyboardInterrupt):
        bench.loop(FakeExecutor(stop_after=8), trials=9, rungs=RUNGS).run()
    bench.loop(trials=9, rungs=RUNGS).run()
    records = bench.opened.records()
    lengths = Counter(len(each.curve) for each in records)
    assert len({each.digest for each in records}) == len(records) == 9
    assert lengths[1] <= 9 - 4
    assert all(trial.state.is_finished() for trial in bench.opened.study.trials)


@pytest.mark.parametrize("stop_after", [7, 8, 9])
def test_a_promotion_takes_its_own_candidate_where_others_wait(
    bench: Bench, stop_after: int
) -> None:
    """A batch was larger than the plan has room for: the rest waits in the study."""
    more = {"trials": 7, "budget_ms": 3.6, "sampler": "random", "rungs": RUNGS}
    with pytest.raises(KeyboardInterrupt):
        bench.loop(FakeExecutor(stop_after=stop_after), **more).run()
    bench.loop(**more).run()
    study = bench.opened.study
    assert any(trial.state == TrialState.WAITING for trial in study.trials)
    promoted = [trial for trial in study.trials if "candidate" in trial.user_attrs]
    assert promoted
    for trial in promoted:
        assert trial.params == study.trials[trial.user_attrs["candidate"]].params
    trained = [each for each in bench.opened.records() if each.curve]
    assert len({each.digest for each in trained}) == 7
    assert any(each.state == "complete" for each in trained)


def test_a_lost_pause_begins_again(bench: Bench) -> None:
    bench.loop(trials=2, rungs=(EPOCHS - 1,)).run()
    for each in bench.opened.records():
        bench.folder.drop_paused(each.digest)
    bench.loop(trials=8, rungs=(EPOCHS - 1,)).run()
    assert all(len(each.curve) in (EPOCHS - 1, EPOCHS) for each in bench.opened.records())


def test_few_candidates_still_make_a_front(bench: Bench) -> None:
    bench.loop(trials=2, rungs=RUNGS).run()
    assert [each.state for each in bench.opened.records()].count("complete") >= 1


def test_a_failure_on_the_way_up_ends_that_candidate_alone(bench: Bench) -> None:
    failed: list[str] = []

    def fail(job: Job) -> str:
        if job.paused is not None and not failed:
            failed.append(job.arch.digest)
        return "boom" if job.arch.digest in failed else ""

    bench.loop(FakeExecutor(fail=fail), trials=12, rungs=RUNGS).run()
    states = {each.digest: each.state for each in bench.opened.records()}
    assert states[failed[0]] == "failed"
    assert bench.folder.read_paused(failed[0]) is None
    assert len(states) == 12
    assert "complete" in states.values()

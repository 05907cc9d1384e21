from collections.abc import Callable
from itertools import pairwise

import pytest
from optuna.trial import TrialState

from archsearch.analysis import best_guesses, pareto_front
from archsearch.cluster import Executor, Job
from archsearch.run.config import SearchConfig
from archsearch.run.execution_options import Execution
from archsearch.run.final.front_seeds import missing_trainings, train_front_again
from archsearch.search.study_store import StudyStore
from archsearch.train import Recipe
from tests.cluster.drivers import driver_of
from tests.run.conftest import EPOCHS, Bench, FakeExecutor, Recorder, accuracy_of

SEEDS = range(1, 3)


class Watched(FakeExecutor):
    """Remembers trial and seed of every job it trains."""

    def __init__(
        self, fail: Callable[[Job], str] = lambda job: "", stop_after: int | None = None
    ) -> None:
        super().__init__(fail=fail, stop_after=stop_after)
        self.jobs: list[tuple[int, int]] = []

    def _train(self, job: Job) -> None:
        self.jobs.append((job.trial, job.seed))
        super()._train(job)


def searched(bench: Bench) -> None:
    bench.loop(trials=8).run()


def opened(bench: Bench) -> StudyStore:
    """Return the store of the run, opened anew."""
    return StudyStore(bench.folder.storage, bench.folder.name, bench.space)


def again(
    bench: Bench, executor: Executor, listener: Recorder | None = None, seeds=SEEDS, front=None
) -> None:
    """Do what a session does after its search, on a store opened anew."""
    store = opened(bench)
    records = store.records()
    with driver_of(executor, bench.folder.path) as driver:
        train_front_again(
            records,
            front or pareto_front(records),
            seeds,
            driver,
            Recipe(epochs=EPOCHS),
            store.add_seed,
            listener or Recorder(),
        )


def test_each_member_of_the_front_is_trained_with_each_seed_and_nothing_else(bench: Bench) -> None:
    searched(bench)
    before = opened(bench).records()
    front = pareto_front(before)
    executor, listener = Watched(), Recorder()
    again(bench, executor, listener)
    wanted = {(record.number, seed) for record in front for seed in SEEDS}
    assert len(executor.jobs) == len(wanted)
    assert set(executor.jobs) == wanted
    # all at once before the workers, seed by seed
    assert [seed for _, seed in executor.jobs] == sorted(seed for _, seed in executor.jobs)
    assert listener.snapshots[-1].trained == listener.snapshots[-1].trials == len(wanted)
    on_front = {record.number for record in front}
    for old, new in zip(before, opened(bench).records(), strict=True):
        expected = set(SEEDS) if old.number in on_front else set()
        assert set(new.seed_accuracies) == expected
        for accuracy in new.seed_accuracies.values():
            assert accuracy == pytest.approx(accuracy_of(new.arch))
        # neither the search nor its front sees them
        assert new.model_copy(update={"other_seeds": ()}) == old
    states = [trial.state for trial in opened(bench).study.get_trials()]
    assert len(states) == len(before)
    assert TrialState.RUNNING not in states


def test_who_stays_for_an_unknown_latency_alone_is_not_trained_again(bench: Bench) -> None:
    searched(bench)
    store = opened(bench)
    records = store.records()
    # as on a machine that is never quiet: nothing is known well enough to drop anything
    complete = [record for record in records if record.state == "complete"]
    executor = Watched()
    again(bench, executor, front=complete)
    wanted = best_guesses(complete)
    assert len(wanted) < len(complete)
    assert set(executor.jobs) == {(record.number, seed) for record in wanted for seed in SEEDS}


@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_a_killed_driver_keeps_what_was_trained(bench: Bench, stop_after: int) -> None:
    searched(bench)
    first = Watched(stop_after=stop_after)
    with pytest.raises(KeyboardInterrupt):
        again(bench, first)
    second = Watched()
    again(bench, second)
    assert len(first.jobs) == stop_after
    front = pareto_front(opened(bench).records())
    assert sorted(first.jobs + second.jobs) == sorted((r.number, s) for r in front for s in SEEDS)
    third = Watched()
    again(bench, third)
    assert third.jobs == []


@pytest.mark.parametrize("known", [1, 2])
def test_reused_trainings_are_said_once_with_their_count(bench: Bench, known: int) -> None:
    """Another run beside the first takes its trainings from the hidden folder beside both."""
    searched(bench)
    front = pareto_front(opened(bench).records())
    recipe = Recipe(epochs=EPOCHS, precision="float32")
    for name, seeds in (("first", range(1, 1 + known)), ("second", SEEDS)):
        executor, listener = Watched(), Recorder()
        with driver_of(executor, bench.folder.path.parent / name) as driver:
            arguments = (driver, recipe, lambda number, result: None, listener)
            train_front_again(front, front, seeds, *arguments)
    count = known * len(front)
    said = [line for line in listener.lines if "reused" in line]
    assert said == [
        f"{count} training{'s' if count > 1 else ''} of the front with other seeds: reused, a run "
        "or an ablation in this folder had done the same"
    ]
    assert len(executor.jobs) == (len(SEEDS) - known) * len(front)


def test_the_time_left_is_known_from_the_start_and_never_rises_between_two_ends(
    bench: Bench,
) -> None:
    searched(bench)
    listener = Recorder()
    again(bench, Watched(), listener)
    left = [(each.trained, each.remaining_s) for each in listener.snapshots]
    assert all(seconds is not None for _, seconds in left)
    for (ended, before), (later, after) in pairwise(left):
        assert ended != later or after <= before
    assert left[-1][1] == 0.0


def test_more_seeds_later_train_only_the_new_ones(bench: Bench) -> None:
    searched(bench)
    again(bench, Watched())
    more = Watched()
    again(bench, more, seeds=range(1, 4))
    assert {seed for _, seed in more.jobs} == {3}


def test_no_executor_is_started_for_nothing(bench: Bench) -> None:
    searched(bench)
    records = opened(bench).records()
    with driver_of(Watched(), bench.folder.path) as driver:
        arguments = (driver, Recipe(), opened(bench).add_seed, Recorder())
        train_front_again(records, pareto_front(records), (), *arguments)
        assert not driver.is_started


def test_one_that_fails_is_reported_kept_and_not_tried_again(bench: Bench) -> None:
    searched(bench)
    front = pareto_front(opened(bench).records())
    bad = (front[0].number, 2)
    listener = Recorder()
    again(bench, Watched(fail=lambda j: "diverged" if (j.trial, j.seed) == bad else ""), listener)
    assert f"trial {bad[0]} with seed 2 failed: diverged" in listener.lines
    record = next(r for r in opened(bench).records() if r.number == bad[0])
    assert set(record.seed_accuracies) == {1}
    assert missing_trainings([record], SEEDS) == []


def test_the_longest_training_of_a_seed_comes_first(bench: Bench) -> None:
    searched(bench)
    records = opened(bench).records()
    missing = missing_trainings(records, [1])
    seconds = [sum(metrics.seconds for metrics in record.curve) for record, _ in missing]
    assert seconds == sorted(seconds, reverse=True)


def test_other_seeds_than_that_of_the_search() -> None:
    config = SearchConfig(space="tiny", seed=7, execution=Execution(front_seeds=3))
    assert list(config.other_seeds) == [8, 9, 10]
    assert "front_seeds" not in str(config.identity())

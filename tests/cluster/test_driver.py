"""The driver: looks up, trains the rest once, keeps it, and goes on when the workers are lost."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from archsearch.cluster import (
    EXECUTORS,
    Driver,
    EpochEvent,
    Event,
    FailedEvent,
    InlineExecutor,
    Job,
    PoolOptions,
    Trained,
    Trainings,
    TrainingStore,
)
from archsearch.errors import RunError
from archsearch.train import Recipe, Trainer
from tests.cluster.drivers import driver_of, few_digits, inline_driver, small_archs
from tests.run.conftest import FakeExecutor

ARCHS = small_archs(3)
RECIPE = Recipe(epochs=2, batch_size=20, warmup_epochs=0)


def jobs(*pairs: tuple[int, int], recipe: Recipe = RECIPE) -> list[Job]:
    """Return a job of each network and seed."""
    return [Job(number, ARCHS[arch], recipe, seed) for number, (arch, seed) in enumerate(pairs)]


class Outcomes(list[Trained | FailedEvent]):
    """Everything that ended, in order."""

    @property
    def trained(self) -> list[Trained]:
        return [each for each in self if isinstance(each, Trained)]

    @property
    def reused(self) -> list[bool]:
        return [each.event is None for each in self.trained]


def test_what_is_missing_is_trained_and_what_is_there_is_not(tmp_path: Path) -> None:
    first, begun = Outcomes(), []
    with inline_driver(few_digits(), tmp_path / "a") as driver:
        assert driver.train(jobs((0, 0), (1, 0)), first.append, begin=begun.append) == 0
    assert first.reused == [False, False]
    trainer = Trainer(ARCHS[1], few_digits(), RECIPE, seed=0)
    expected = [trainer.run() for _ in range(RECIPE.epochs)]
    alone = [(each.accuracy, each.train_loss) for each in expected if each is not None]
    curve = first.trained[1].training.curve
    assert [(each.accuracy, each.train_loss) for each in curve] == alone

    second = Outcomes()
    with inline_driver(few_digits(), tmp_path / "b") as driver:
        driver.train(jobs((1, 0), (2, 0), (0, 0)), second.append, begin=begun.append)
    assert [each.job.trial for each in second] == [0, 2, 1], "what is there comes first"
    assert second.reused == [True, True, False]
    assert second.trained[0].training == first.trained[1].training
    assert [[job.trial for job in missing] for missing in begun] == [[0, 1], [1]]


def test_nothing_is_started_for_what_is_there(tmp_path: Path) -> None:
    with inline_driver(few_digits(), tmp_path / "a") as driver:
        driver.train(jobs((0, 0)), Outcomes().append)
    found = Outcomes()
    with inline_driver(few_digits(), tmp_path / "a") as driver:
        driver.train(jobs((0, 0)), found.append, begin=lambda missing: pytest.fail("begun"))
        assert not driver.is_started
    assert found.reused == [True]


def test_equal_jobs_are_trained_once_and_each_is_answered(tmp_path: Path) -> None:
    found, epochs = Outcomes(), []

    def watch(event: Event | None) -> None:
        if isinstance(event, EpochEvent):
            epochs.append(event.job.trial)

    with inline_driver(few_digits(), tmp_path / "a") as driver:
        driver.train(jobs((0, 5), (1, 5), (0, 5)), found.append, watch=watch)
    assert sorted(each.job.trial for each in found) == [0, 1, 2]
    assert epochs == [0, 0, 1, 1]


def test_a_failure_is_reported_and_not_kept(tmp_path: Path) -> None:
    failing = FakeExecutor(fail=lambda job: "boom" if job.seed == 1 else "")
    found = Outcomes()
    with driver_of(failing, tmp_path / "a") as driver:
        driver.train(jobs((0, 0), (0, 1)), found.append)
    (failed,) = [each for each in found if isinstance(each, FailedEvent)]
    assert (failed.job.seed, failed.reason) == (1, "boom")
    assert len(list((tmp_path / ".trainings").iterdir())) == 1


def test_none_begins_when_time_is_over(tmp_path: Path) -> None:
    found = Outcomes()
    with inline_driver(few_digits(), tmp_path / "a") as driver:
        wanted = jobs((0, 0), (1, 0), (2, 0))
        # one trains and one waits for it when the time is over: both are trained
        assert driver.train(wanted, found.append, is_late=lambda: len(found) > 0) == 1
        assert driver.train(wanted, found.append, is_late=lambda: True) == 1
    assert [each.job.trial for each in found] == [0, 1, 0, 1]
    assert found.reused == [False, False, True, True]


def test_what_a_search_trains_is_kept_unless_it_was_stopped(tmp_path: Path) -> None:
    def stop(job: Job, curve: Sequence[object]) -> str:
        return "weak" if job.trial == 1 else ""

    trainings = Trainings(TrainingStore(tmp_path / "a"), few_digits())
    searched = jobs((0, 0), (1, 0))
    with Driver("inline", few_digits(), PoolOptions(1), trainings, stop) as driver:
        for job in searched:
            driver.submit(job)
        while driver.running or driver.waiting or driver.next_event(0.1):
            driver.next_event(0.1)
        assert trainings.find(searched[0]) is not None
        assert trainings.find(searched[1]) is None
        # the rule is of the search: what is asked for by `train` is trained to the end
        found = Outcomes()
        driver.train([searched[1]], found.append)
    assert [len(each.training.curve) for each in found.trained] == [RECIPE.epochs]


class Dying(InlineExecutor):
    """Is lost in the second epoch of its second job."""

    epochs = 0

    def next_event(self, timeout_s: float) -> Event | None:
        event = super().next_event(timeout_s)
        if isinstance(event, EpochEvent):
            self.epochs += 1
            if self.epochs == RECIPE.epochs + 2:
                raise RunError("the worker pool stopped: no worker could be started")
        return event


@pytest.mark.parametrize("address", ["", "auto"])
def test_this_process_goes_on_when_the_workers_are_lost(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(EXECUTORS, "dying", Dying)
    lines: list[str] = []
    trainings = Trainings(TrainingStore(tmp_path / "a"), few_digits())
    options = PoolOptions(1, address=address)
    found = Outcomes()
    with Driver("dying", few_digits(), options, trainings, say=lines.append) as driver:
        if address:
            with pytest.raises(RunError, match="no worker could be started"):
                driver.train(jobs((0, 0), (1, 0), (2, 0)), found.append)
            assert len(found) == 1
            return
        driver.train(jobs((0, 0), (1, 0), (2, 0)), found.append)
        assert driver.time.training > sum(each.training.seconds for each in found.trained)
    assert [each.job.trial for each in found] == [0, 1, 2]
    assert [len(each.training.curve) for each in found.trained] == [RECIPE.epochs] * 3
    assert lines == [
        "the worker pool stopped: no worker could be started. Training in this process instead, "
        "one network at a time"
    ]

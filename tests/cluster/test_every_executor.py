"""What every executor keeps to; one that is registered in `EXECUTORS` is tested with the others."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import load
from torch import nn

from archsearch.arch import Arch
from archsearch.cluster import (
    EXECUTORS,
    EpochEvent,
    Event,
    Executor,
    FailedEvent,
    FinishedEvent,
    Job,
    Paused,
    PoolOptions,
)
from archsearch.cluster.job import build_network
from archsearch.errors import TrialError
from archsearch.model.transfer import Donor
from archsearch.record import EpochMetrics
from archsearch.run.execution_options import Execution
from archsearch.train import Recipe, Trainer
from tests.cluster.drivers import few_digits, small_archs

ARCHS = small_archs(4)
RECIPE = Recipe(epochs=3, batch_size=20, warmup_epochs=0.5, drop_path=0.1, ema_decay=0.9)
STOPPED = 99


def stop(job: Job, curve: tuple[EpochMetrics, ...]) -> str:
    return "weak" if job.trial == STOPPED and len(curve) == 2 else ""


@dataclass(frozen=True)
class Own:
    """A network that is no architecture; it cannot be built where it says so."""

    broken: str = ""
    image_size: int = 16
    in_channels: int = 1
    num_classes: int = 10
    digest: str = "own"

    def build(self, drop_path: float = 0.0, seed: int | None = 0) -> nn.Module:
        if self.broken == "trial":
            raise TrialError("it does not fit")
        if self.broken:
            raise ZeroDivisionError(self.broken)
        torch.manual_seed(seed or 0)
        return nn.Sequential(nn.Flatten(), nn.Linear(256, 10))


@pytest.fixture(scope="module", params=sorted(EXECUTORS))
def executor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Executor]:
    """Return an executor of two workers that all tests share, as the phases of a session do."""
    quiet = tmp_path_factory.mktemp("quiet")
    options = PoolOptions(num_workers=2, quiet_folder=str(quiet))
    opened = EXECUTORS[request.param](few_digits(), options, stop)
    yield opened
    opened.close()
    opened.close()


@dataclass
class Outcome:
    """Everything that was said about one job."""

    epochs: list[EpochMetrics] = field(default_factory=list)
    ends: list[FinishedEvent | FailedEvent] = field(default_factory=list)

    @property
    def finished(self) -> FinishedEvent:
        (end,) = self.ends
        assert isinstance(end, FinishedEvent), end
        return end

    @property
    def failed(self) -> FailedEvent:
        (end,) = self.ends
        assert isinstance(end, FailedEvent), end
        return end


def events(executor: Executor, jobs: int) -> Iterator[Event]:
    """Yield events until so many jobs have ended."""
    deadline = time.monotonic() + 120
    while jobs:
        assert time.monotonic() < deadline
        event = executor.next_event(0.2)
        if event is not None:
            jobs -= not isinstance(event, EpochEvent)
            yield event


def trained(executor: Executor, *jobs: Job) -> list[Outcome]:
    """Train ``jobs``; return for each what was said about it."""
    outcomes = {id(job): Outcome() for job in jobs}
    for job in jobs:
        executor.submit(job)
    for event in events(executor, len(jobs)):
        # an event carries the job that was submitted, not a copy
        own = outcomes[id(event.job)]
        assert not own.ends, "after its end nothing is said of a job"
        if isinstance(event, EpochEvent):
            own.epochs.append(event.metrics)
        else:
            own.ends.append(event)
    return list(outcomes.values())


def plain(curve: tuple[EpochMetrics, ...] | list[EpochMetrics]) -> list[tuple[int, float, float]]:
    """Return what does not hang on a clock."""
    return [(each.epoch, each.accuracy, each.train_loss) for each in curve]


def alone(
    network: Arch | Own, seed: int, start: Donor | None = None
) -> tuple[Trainer, list[EpochMetrics]]:
    """Train without an executor; return the trainer and its learning curve."""
    trainer = Trainer(network, few_digits(), RECIPE, seed=seed, build=build_network, start=start)
    curve = []
    while not trainer.done:
        metrics = trainer.run()
        assert metrics is not None
        curve.append(metrics)
    return trainer, curve


def test_a_job_begins_with_the_weights_of_another_network(executor: Executor) -> None:
    start = Donor.of(build_network(ARCHS[1], seed=5), class_names=few_digits().class_names)
    job = Job(0, ARCHS[0], RECIPE, 3, start=start)
    until = replace(job, until=1)
    whole, part = trained(executor, job, until)
    trainer, curve = alone(ARCHS[0], 3, start)
    assert trainer.inherited is not None
    assert 0 < trainer.inherited.share < 1
    assert plain(whole.finished.curve) == plain(curve) != plain(alone(ARCHS[0], 3)[1])
    weights = load(whole.finished.saved())
    assert all(torch.equal(value, weights[name]) for name, value in trainer.weights().items())
    # paused, it goes on to the same end
    (rest,) = trained(
        executor, replace(job, paused=Paused(part.finished.curve, part.finished.saved()))
    )
    assert plain(rest.finished.curve) == plain(curve)


def test_each_job_is_reported_epoch_by_epoch_and_ends_once(executor: Executor) -> None:
    jobs = [Job(number, arch, RECIPE, number) for number, arch in enumerate(ARCHS)]
    for job, outcome in zip(jobs, trained(executor, *jobs), strict=True):
        end = outcome.finished
        assert end.job is job
        assert end.is_whole
        assert end.precision == "float32"
        assert plain(outcome.epochs) == plain(end.curve)
        assert [each.epoch for each in end.curve] == [1, 2, 3]
    assert (executor.waiting, executor.running) == (0, 0)
    assert executor.next_event(0) is None


@pytest.mark.parametrize("network", [ARCHS[1], Own()], ids=["architecture", "own"])
def test_a_network_is_trained_as_it_is_alone(executor: Executor, network: Arch | Own) -> None:
    (outcomes,) = trained(executor, Job(0, network, RECIPE, 7))
    expected, curve = alone(network, 7)
    assert plain(outcomes.finished.curve) == plain(curve)
    weights = load(outcomes.finished.saved())
    assert weights.keys() == expected.model.state_dict().keys()
    for name, value in expected.model.state_dict().items():
        assert weights[name].equal(value), name


def test_the_stop_rule_ends_a_job(executor: Executor) -> None:
    stopped, other = trained(
        executor, Job(STOPPED, ARCHS[0], RECIPE, 0), Job(1, ARCHS[0], RECIPE, 0)
    )
    assert stopped.finished.stopped == "weak"
    assert not stopped.finished.is_whole
    assert len(stopped.finished.curve) == len(stopped.epochs) == 2
    assert other.finished.is_whole


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("trial", "it does not fit"), ("no such layer", "ZeroDivisionError: no such layer")],
)
def test_one_that_fails_says_why_and_the_others_go_on(
    executor: Executor, broken: str, reason: str
) -> None:
    bad, good = trained(
        executor,
        Job(0, Own(broken), RECIPE, 0, label="mine"),
        Job(1, ARCHS[0], RECIPE, 0),
    )
    assert bad.failed.reason == reason
    assert ("in build" in bad.failed.details) == (broken != "trial")
    assert bad.epochs == []
    assert good.finished.is_whole


def test_a_paused_training_ends_as_one_that_never_rested(executor: Executor) -> None:
    (first,) = trained(executor, Job(0, ARCHS[2], RECIPE, 1, until=1))
    assert first.finished.is_paused
    assert not first.finished.is_whole
    rest = Paused(first.finished.curve, first.finished.saved())
    # others have the workers meanwhile
    trained(executor, *(Job(1, ARCHS[0], RECIPE, seed, until=1) for seed in range(2)))
    (second,) = trained(executor, Job(2, ARCHS[2], RECIPE, 1, until=3, paused=rest))
    assert [each.epoch for each in second.epochs] == [2, 3]
    assert second.finished.is_whole
    expected, curve = alone(ARCHS[2], 1)
    assert plain(second.finished.curve) == plain(curve)
    weights = load(second.finished.saved())
    for name, value in expected.model.state_dict().items():
        assert weights[name].equal(value), name


def test_time_is_accounted_for(executor: Executor) -> None:
    before = executor.time.training
    (outcomes,) = trained(executor, Job(0, ARCHS[0], RECIPE, 0))
    spent = sum(each.seconds for each in outcomes.finished.curve)
    assert executor.time.training - before >= 0.9 * spent
    assert executor.time.lost == 0


def test_queued_jobs_are_counted(executor: Executor) -> None:
    jobs = [Job(number, ARCHS[0], RECIPE, number) for number in range(4)]
    for job in jobs:
        executor.submit(job)
    ended = 0
    for event in events(executor, len(jobs)):
        ended += not isinstance(event, EpochEvent)
        assert executor.running <= executor.num_workers
        assert executor.waiting + executor.running <= len(jobs) - ended + executor.num_workers
    assert (executor.waiting, executor.running) == (0, 0)


def test_every_executor_can_be_chosen() -> None:
    assert set(EXECUTORS) == set(get_args(Execution.model_fields["executor"].annotation))


def test_what_has_not_ended_is_dropped_at_the_end(tmp_path: Path) -> None:
    opened = EXECUTORS["inline"](few_digits(), PoolOptions(1), stop)
    opened.submit(Job(0, ARCHS[0], RECIPE, 0))
    opened.submit(Job(1, ARCHS[0], RECIPE, 0))
    assert opened.next_event(1) is not None
    opened.close()
    assert (opened.waiting, opened.running) == (0, 0)
    assert opened.next_event(0) is None

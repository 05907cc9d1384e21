"""A search whose candidates cost nothing: latency and accuracy are functions of the network."""

import io
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from archsearch.arch import Arch
from archsearch.cluster import (
    EpochEvent,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    StopRule,
    WorkerTime,
    never_stop,
)
from archsearch.cost import ArchCounts, Comparison, Levels
from archsearch.errors import TrialError
from archsearch.model import build_model
from archsearch.model.transfer import Donor, weights_file
from archsearch.record import EpochMetrics, LatencyPrediction, LatencyResult
from archsearch.run.budgets import Budgets
from archsearch.run.config import SearchConfig
from archsearch.run.early_stopping import DominanceRule
from archsearch.run.execution_options import Execution
from archsearch.run.final import latency_confirmation
from archsearch.run.inheritance import Inheritance
from archsearch.run.latency.joint_measurement import JointMeasurement
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.run.latency.latency_target import FurtherTarget
from archsearch.run.network_evaluator import NetworkEvaluator
from archsearch.run.network_sampler import build_sampler
from archsearch.run.network_search import search_networks
from archsearch.run.run_folder import RunFolder
from archsearch.run.screening import NetworkScreening
from archsearch.run.status import SearchStatus
from archsearch.search.study_store import StudyStore
from archsearch.space import SearchSpace, load_space
from archsearch.train import Recipe

EPOCHS = 3
DEFAULT_SAMPLER = SearchConfig(space="tiny").sampler


def latency_of(arch: Arch) -> float:
    return sum(stage.depth * (1 + stage.width / 32) for stage in arch.stages)


def accuracy_of(arch: Arch) -> float:
    size = sum(stage.depth * stage.width for stage in arch.stages)
    windows = sum(stage.blocks[0].attention.type == "window" for stage in arch.stages)
    return min(0.99, 0.5 + size / 400 + 0.02 * windows)


def compared(*results: LatencyResult) -> Comparison:
    """Return one pass over networks whose paired ratios are those of their latencies."""
    logs = [math.log(each.median_ms) for each in results]
    levels = tuple(log - sum(logs) / len(logs) for log in logs)
    return Comparison(results, (Levels(levels, (0.0,) * len(logs), 12),))


def result(median_ms: float) -> LatencyResult:
    return LatencyResult(
        median_ms=median_ms,
        p10_ms=median_ms,
        p90_ms=median_ms,
        interval_ms=(median_ms, median_ms),
        num_inferences=10,
        num_warmup=1,
    )


@dataclass
class FakeMeasurer:
    latency: Callable[[Arch], float] = latency_of
    measured: list[str] = field(default_factory=list)
    expected: Callable[[Arch], float] | None = None

    def counts(self, arch: Arch) -> ArchCounts:
        size = sum(stage.depth * stage.width for stage in arch.stages)
        return ArchCounts(params=1000 * size, macs=10_000 * size)

    def measure(self, archs: Sequence[Arch]) -> Sequence[LatencyResult | TrialError]:
        self.measured += [arch.digest for arch in archs]
        return [result(self.latency(arch)) for arch in archs]

    def confirm(self, archs: Sequence[Arch]) -> JointMeasurement:
        return JointMeasurement(tuple(self.measure(archs)))

    def predict(self, arch: Arch) -> LatencyPrediction | None:
        if self.expected is None:
            return None
        ms = self.expected(arch)
        return LatencyPrediction(ms=ms, interval_ms=(0.9 * ms, 1.1 * ms))


class FakeExecutor:
    """Trains instantly, two at a time; ``fail`` decides which trials fail."""

    num_workers = 2

    def __init__(
        self,
        stop_rule: StopRule = never_stop,
        fail: Callable[[Job], str] = lambda job: "",
        stop_after: int | None = None,
    ) -> None:
        self.time = WorkerTime()
        self.trained: list[str] = []
        self.epochs = 0
        self._stop_rule, self._fail, self._stop_after = stop_rule, fail, stop_after
        self._queue: deque[Job] = deque()
        self._events: deque[Event] = deque()
        self.running = 0

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def submit(self, job: Job) -> None:
        self._queue.append(job)

    def next_event(self, timeout_s: float) -> Event | None:
        if not self._events and self._queue:
            if self._stop_after is not None and len(self.trained) >= self._stop_after:
                raise KeyboardInterrupt
            self._train(self._queue.popleft())
        return self._events.popleft() if self._events else None

    def _train(self, job: Job) -> None:
        self.trained.append(job.arch.digest)
        curve = job.begun
        if reason := self._fail(job):
            self._events.append(FailedEvent(job, curve, reason, "Traceback ..."))
            return
        stopped = ""
        self.epochs += (job.until or EPOCHS) - len(curve)
        for epoch in range(len(curve) + 1, (job.until or EPOCHS) + 1):
            accuracy = self.accuracy(job) * epoch / EPOCHS
            metrics = EpochMetrics(
                epoch=epoch,
                train_loss=1.0,
                accuracy=accuracy,
                val_loss=1.0,
                seconds=0.001,
                images_per_s=1.0,
            )
            curve = (*curve, metrics)
            self._events.append(EpochEvent(job, metrics))
            stopped = "" if epoch == EPOCHS else self._stop_rule(job, curve)
            if stopped:
                break
        saved = self.saved(job, curve, stopped)
        self._events.append(FinishedEvent(job, curve, stopped, lambda: saved))

    def accuracy(self, job: Job) -> float:
        return accuracy_of(job.arch)

    def saved(self, job: Job, curve: Sequence[EpochMetrics], stopped: str) -> bytes:
        return b"weights"

    def close(self) -> None:
        self._queue.clear()


class InheritingExecutor(FakeExecutor):
    """One at a time; saves weights that are weights, and what a job begins with shows in them."""

    num_workers = 1

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        super().submit(job)

    def accuracy(self, job: Job) -> float:
        digest = job.start.digest if job.start is not None else "0"
        return accuracy_of(job.arch) + int(digest[:2], 16) / 1e4

    def saved(self, job: Job, curve: Sequence[EpochMetrics], stopped: str) -> bytes:
        model = build_model(job.arch, seed=job.seed)
        if job.start is not None:
            job.start.fill(model)
        with torch.no_grad():
            next(model.parameters()).add_(len(curve) / 10)
        if stopped or len(curve) == EPOCHS:
            return weights_file(model)
        file = io.BytesIO()
        torch.save({"learner": {"model": model.state_dict(), "average": None}}, file)
        return file.getvalue()


@dataclass
class Recorder:
    """A listener that remembers."""

    lines: list[str] = field(default_factory=list)
    snapshots: list[SearchStatus] = field(default_factory=list)

    def status(self, status: SearchStatus) -> None:
        self.snapshots.append(status)

    def line(self, text: str) -> None:
        self.lines.append(text)


@dataclass
class Bench:
    """Everything around an `Engine` of networks, on one folder."""

    folder: RunFolder
    space: SearchSpace

    def loop(
        self,
        executor: FakeExecutor | None = None,
        *,
        trials: int = 8,
        budget_ms: float | None = None,
        budgets: Budgets | None = None,
        patience: int | None = None,
        sampler: str = DEFAULT_SAMPLER,
        measurer: FakeMeasurer | None = None,
        further: dict[str, FakeMeasurer] | None = None,
        rule: DominanceRule | None = None,
        listener: Recorder | None = None,
        budget_params: float | None = None,
        rungs: tuple[int, ...] | None = None,
        time_limit_s: float | None = None,
        objectives: tuple[str, ...] | None = None,
        targets: dict[str, FurtherTarget] | None = None,
        inherit: str = "none",
        given: Donor | None = None,
    ) -> "Session":
        self.executor = executor or FakeExecutor()
        self.listener = listener or Recorder()
        self.measurer = measurer or FakeMeasurer()
        config = SearchConfig(
            space="tiny",
            sampler=sampler,
            budgets=budgets or Budgets(latency_ms=budget_ms, params=budget_params),
            rungs=rungs,
            objectives=objectives,
            targets=targets or {},
            inherit=inherit,
            execution=Execution(trials=trials, patience=patience, time_limit_s=time_limit_s),
        )
        self.guess = guess = LatencyRegression(self.space)
        self.opened = StudyStore(
            self.folder.storage,
            self.folder.name,
            self.space,
            build_sampler(config, self.space, guess),
            constraints=tuple(config.limits),
            objectives=config.directions,
        )
        note = self.opened.note
        inheritance = Inheritance(self.folder, config.aims, (), given, note)
        evaluator = NetworkEvaluator(
            config,
            Recipe(epochs=EPOCHS),
            self.space,
            self.opened,
            lambda: self.executor,
            self.executor.num_workers,
            rule,
            guess,
            self.folder,
            self.listener,
            inheritance=inheritance if config.inherits else None,
        )
        screening = NetworkScreening(
            config,
            self.space,
            self.measurer,
            guess,
            self.listener,
            further,
        )
        return Session(config, self, screening, evaluator)


@dataclass
class Session:
    """One session of a run, to be run."""

    config: SearchConfig
    bench: Bench
    screening: NetworkScreening
    evaluator: NetworkEvaluator

    def run(self) -> None:
        bench = self.bench
        search_networks(
            self.config,
            Recipe(epochs=EPOCHS),
            bench.space,
            bench.opened,
            self.screening,
            self.evaluator,
            bench.folder,
            bench.listener,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = RunFolder(tmp_path / "run")
    folder.create({"identity": {}})
    return Bench(folder, load_space("tiny"))


@pytest.fixture(autouse=True)
def no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat final measurements at once: what disturbs here is no other process."""
    monkeypatch.setattr(latency_confirmation, "WAITS_S", (0.0, 0.0))

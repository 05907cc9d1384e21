"""One session of an ablation: measure, train every network with every seed, keep the record."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from archsearch.ablation.ablation_folder import AblationFolder
from archsearch.ablation.cost_plan import describe_cost
from archsearch.ablation.latency_measurement import measure_latencies, protocol_of
from archsearch.ablation.outcomes import Outcomes
from archsearch.ablation.preparation import PreparedAblation
from archsearch.ablation.status import AblationListener, AblationStatus, SilentAblationListener
from archsearch.ablation.tracking_entries import ablation_entries, training_entry
from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.activity import resumable
from archsearch.cluster import (
    FailedEvent,
    Job,
    Trained,
    TrainingStore,
    machine_lock,
)
from archsearch.data import describe_data
from archsearch.data.label import data_label
from archsearch.errors import RunError
from archsearch.record import Environment, LatencyResult
from archsearch.run.execution import log_to, open_driver
from archsearch.run.teaching.teaching import keep_outputs, with_outputs
from archsearch.run.time_left import TimeLeft
from archsearch.tracking import Tracker, open_tracker

logger = logging.getLogger(__name__)

#: what an ablation knows -> variant to the number of further seeds that would settle it
MoreSeeds = Callable[[AblationRecord], Mapping[str, int]]

_STATUS_EVERY_S = 0.25
_MAX_ROUNDS = 100


def run_ablation(
    prepared: PreparedAblation,
    listener: AblationListener | None = None,
    more_seeds: MoreSeeds | None = None,
    *,
    retry_failed: bool = False,
) -> AblationRecord:
    """Run an ablation, or go on with one; return its record.

    Args:
        prepared: what to run.
        listener: receives progress.
        more_seeds: after each round says which variants need further seeds, until none does or
            the time limit of the execution is over; None trains the study's seeds only.
        retry_failed: train again what failed in an earlier session.

    Raises:
        InputError: another process drives it.
        RunError: every training failed, or the machinery did; what there is is kept.
    """
    listener = listener or SilentAblationListener()
    for line in (*describe_data(prepared.data), *prepared.fit.lines()):
        listener.line(line)
    # ahead of the first file: a teacher may answer with what is not finite
    data = with_outputs(prepared.data, prepared.teaching, listener.line)
    prepared = replace(prepared, data=data)
    folder = AblationFolder(prepared.folder)
    with prepared.folder.lock(), log_to(prepared.folder.log):
        folder.write_request(_request(prepared))
        keep_outputs(prepared.data, prepared.teaching)
        how = f"the same command goes on from here: {prepared.folder.path}"
        with (
            open_tracker(prepared.folder.path, prepared.execution.log, listener.line) as tracker,
            resumable("ablation", how),
        ):
            session = _Session(prepared, folder, listener, retry_failed, tracker)
            try:
                session.run(more_seeds)
            finally:
                record = session.close()
                if record is not None:
                    for entry in ablation_entries(record, prepared.recipe):
                        tracker.log(entry)
        assert record is not None, "what is measured has a record"
        return record


class _Session:
    """One session; every training that ends is written at once."""

    def __init__(
        self,
        prepared: PreparedAblation,
        folder: AblationFolder,
        listener: AblationListener,
        retry_failed: bool,
        tracker: Tracker,
    ) -> None:
        self._prepared = prepared
        self._tracker = tracker
        self._folder = folder
        self._listener = listener
        self._quiet = machine_lock()
        self._driver = open_driver(
            prepared.execution,
            prepared.device,
            prepared.data,
            self._quiet,
            TrainingStore(prepared.folder.path, prepared.networks.runs),
            say=listener.line,
        )
        self._before_s, failures = folder.read_state()
        self._outcomes = Outcomes(
            prepared.networks,
            prepared.recipe,
            prepared.study.seeds,
            self._driver.trainings.key,
            {} if retry_failed else failures,
        )
        self._until_clear = False
        self._spent_s: list[float] = []
        self._environment: Environment | None = None
        self._latencies: dict[str, LatencyResult] = {}
        self._notes: list[str] = []
        self._began = time.perf_counter()
        self._last_status = 0.0
        self._left = TimeLeft()

    def run(self, more_seeds: MoreSeeds | None) -> None:
        self._until_clear = more_seeds is not None
        found = measure_latencies(self._prepared, self._folder, self._quiet, self._listener)
        self._environment, self._latencies, self._notes = found
        self._train()
        for _ in range(_MAX_ROUNDS if more_seeds else 0):
            if self._late:
                break
            assert more_seeds is not None
            wanted = {name: k for name, k in more_seeds(self.record()).items() if k > 0}
            if not wanted:
                break
            self._outcomes.add_seeds(wanted)
            added = ", ".join(f"{name} +{count}" for name, count in wanted.items())
            self._listener.line(f"more seeds: {added}")
            self._train()

    def close(self) -> AblationRecord | None:
        """Stop the workers; write and return the record, if there is something to record."""
        self._driver.close()
        self._folder.write_state(self._wall_s, self._outcomes.failures)
        if self._environment is None:
            return None
        record = self.record()
        self._folder.write_record(record)
        return record

    def record(self) -> AblationRecord:
        """Return everything known so far."""
        prepared, study = self._prepared, self._prepared.study
        assert self._environment is not None
        variants = self._outcomes.variants(self._latencies)
        return AblationRecord(
            name=prepared.name,
            question=study.question,
            cost=study.cost,
            published=study.published,
            design=prepared.networks.design,
            scale=prepared.scale,
            base=prepared.networks.base.name,
            variants=variants,
            factors=dict(prepared.networks.factors),
            num_images=len(prepared.data.val),
            data=data_label(study.data),
            image_size=prepared.data.image_size,
            num_train=len(prepared.data.train),
            recipe=prepared.recipe.model_dump(mode="json"),
            seeds=self._outcomes.seeds,
            planned_seeds=len(study.seeds),
            until_clear=self._until_clear,
            environment=self._environment,
            protocol=protocol_of(study.latency).model_dump(mode="json"),
            wall_s=self._wall_s,
            notes=(
                *prepared.fit.warnings(),
                *self._notes,
                *_failure_notes(variants),
                *_left_out(prepared),
            ),
        )

    def _train(self) -> None:
        """Train what is wanted and not there, seed by seed, so that pairs are complete early."""
        left = self._driver.train(
            list(self._outcomes.open_jobs()),
            self._ended,
            begin=self._begin,
            watch=lambda _: self._show("training"),
            is_late=lambda: self._late,
        )
        if left:
            self._listener.line(f"time is over; {left} trainings are left")
        self._show("trained", force=True)

    def _begin(self, missing: Sequence[Job]) -> None:
        workers = self._driver.num_workers
        reused = self._outcomes.reused
        self._listener.line(describe_cost(self._prepared, len(missing), reused, workers))

    def _ended(self, outcome: Trained | FailedEvent) -> None:
        self._outcomes.take(outcome)
        if isinstance(outcome, FailedEvent):
            self._failed(outcome)
        elif outcome.event is not None:
            prepared, training = self._prepared, outcome.training
            name, num_train = self._outcomes.name_of(outcome.job), len(prepared.data.train)
            self._tracker.log(
                training_entry(name, training.seed, training.curve, prepared.recipe, num_train)
            )
            self._spent_s.append(training.seconds)

    def _failed(self, event: FailedEvent) -> None:
        logger.warning("%s: %s\n%s", event.job, event.reason, event.details)
        self._listener.line(f"{event.job} failed: {event.reason}")
        failures = self._outcomes.failures
        self._folder.write_state(self._wall_s, failures)
        if self._outcomes.is_empty and len(failures) >= len(self._prepared.networks.all):
            raise RunError(
                f"the first {len(failures)} trainings all failed; the last one said: "
                f"{event.reason}; see {self._prepared.folder.log}"
            )

    @property
    def _late(self) -> bool:
        limit = self._prepared.execution.time_limit_s
        return limit is not None and time.perf_counter() - self._began >= limit

    @property
    def _wall_s(self) -> float:
        return self._before_s + time.perf_counter() - self._began

    def _show(self, phase: str, force: bool = False) -> None:
        now = time.perf_counter()
        if not force and now - self._last_status < _STATUS_EVERY_S:
            return
        self._last_status = now
        wanted, ended, failed = self._outcomes.counts
        workers = self._driver.num_workers
        remaining = None
        if self._spent_s:
            mean_s = math.fsum(self._spent_s) / len(self._spent_s)
            remaining = self._left.seconds(ended, lambda: mean_s * (wanted - ended) / workers)
        running = self._driver.running
        seeds = [job.seed for job in self._outcomes.open_jobs()] if running else []
        self._listener.status(
            AblationStatus(
                phase=phase,
                trials=wanted,
                trained=ended,
                reused=self._outcomes.reused,
                running=running,
                failed=failed,
                seed=min(seeds, default=None),
                elapsed_s=now - self._began,
                remaining_s=remaining,
            )
        )


def _failure_notes(variants: Sequence[VariantRecord]) -> Iterator[str]:
    for variant in variants:
        for seed, reason in variant.failures.items():
            yield f"{variant.name}, seed {seed}: {reason}"


def _left_out(prepared: PreparedAblation) -> list[str]:
    """Return which variants were not asked for, and how to add them."""
    left = prepared.left_out
    if not left:
        return []
    total = len(left) + len(prepared.networks.all) - 1
    return [
        f"{total - len(left)} of {total} variants were asked for with --only; the same command "
        "without it adds the others and trains nothing again"
    ]


def _request(prepared: PreparedAblation) -> dict[str, object]:
    """Return what is run, for the reader of the folder."""
    return {
        "study": prepared.study.model_dump(mode="json"),
        "scale": prepared.scale,
        "recipe": prepared.recipe.model_dump(mode="json"),
        "recipe_keys": None if prepared.recipe_keys is None else sorted(prepared.recipe_keys),
        "training": prepared.fit.to_dict(),
        "networks": {each.name: each.arch.digest for each in prepared.networks.all},
    }

"""One session of an ablation: measure, train every network with every seed, keep the record."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from archsearch.ablation.folder import AblationFolder
from archsearch.ablation.latency import measure_latencies, protocol_of
from archsearch.ablation.maker import Network
from archsearch.ablation.plan import describe_cost
from archsearch.ablation.prepare import PreparedAblation
from archsearch.ablation.status import AblationListener, AblationStatus, SilentAblationListener
from archsearch.ablation.tracked import ablation_entries, training_entry
from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.activity import resumable
from archsearch.cluster import (
    FailedEvent,
    Job,
    Trained,
    Training,
    TrainingKey,
    TrainingStore,
    machine_lock,
)
from archsearch.cost import count_arch
from archsearch.data import describe_data
from archsearch.data.label import data_label
from archsearch.errors import RunError
from archsearch.record import Environment, LatencyResult
from archsearch.search.execution import log_to, open_driver
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
        listener: watches.
        more_seeds: after each round says which variants need further seeds, until none does or
            the time limit of the execution is over; None trains the study's seeds only.
        retry_failed: train again what failed in an earlier session.

    Raises:
        InputError: another process drives it.
        RunError: every training failed, or the machinery did; what there is is kept.
    """
    listener = listener or SilentAblationListener()
    for line in describe_data(prepared.data):
        listener.line(line)
    folder = AblationFolder(prepared.folder)
    with prepared.folder.lock(), log_to(prepared.folder.log):
        folder.write_request(_request(prepared))
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
        #: name of a network to what identifies its training with seed 0
        self._keys = {
            each.name: self._driver.trainings.key(self._job(each, 0))
            for each in prepared.networks.all
        }
        self._before_s, self._failures = folder.read_state()
        if retry_failed:
            self._failures = {}
        #: network's name to its seeds, in the order in which they are wanted
        self._seeds = {each.name: list(prepared.study.seeds) for each in prepared.networks.all}
        self._trained: dict[TrainingKey, Training] = {}
        self._reused = 0
        self._until_clear = False
        self._spent_s: list[float] = []
        self._environment: Environment | None = None
        self._latencies: dict[str, LatencyResult] = {}
        self._notes: list[str] = []
        self._began = time.perf_counter()
        self._last_status = 0.0

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
            self._add_seeds(wanted)
            self._train()

    def close(self) -> AblationRecord | None:
        """Stop the workers; write and return the record, if there is something to record."""
        self._driver.close()
        self._folder.write_state(self._wall_s, self._failures)
        if self._environment is None:
            return None
        record = self.record()
        self._folder.write_record(record)
        return record

    def record(self) -> AblationRecord:
        """Return everything known so far."""
        prepared, study = self._prepared, self._prepared.study
        assert self._environment is not None
        variants = tuple(self._variant(network) for network in prepared.networks.all)
        seeds = dict.fromkeys(seed for each in self._seeds.values() for seed in each)
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
            seeds=tuple(seeds),
            planned_seeds=len(study.seeds),
            until_clear=self._until_clear,
            environment=self._environment,
            protocol=protocol_of(study.latency).model_dump(mode="json"),
            wall_s=self._wall_s,
            notes=(*self._notes, *self._failure_notes(variants), *_left_out(prepared)),
        )

    def _variant(self, network: Network) -> VariantRecord:
        counts = count_arch(network.arch)
        keys = {seed: self._key(network, seed) for seed in self._seeds[network.name]}
        trained = {s: self._trained[k] for s, k in keys.items() if k in self._trained}
        failed = {
            seed: self._failures[key.digest]
            for seed, key in keys.items()
            if seed not in trained and key.digest in self._failures
        }
        digest = self._keys[network.name].arch
        return VariantRecord(
            name=network.name,
            description=network.description,
            overrides=dict(network.overrides),
            levels=dict(network.levels),
            published=network.published,
            digest=digest,
            arch=network.arch,
            params=counts.params,
            macs=counts.macs,
            latency=self._latencies.get(digest),
            accuracies={seed: training.accuracy for seed, training in trained.items()},
            curves={seed: training.curve for seed, training in trained.items()},
            failures=failed,
        )

    def _failure_notes(self, variants: tuple[VariantRecord, ...]) -> Iterator[str]:
        for variant in variants:
            for seed, reason in variant.failures.items():
                yield f"{variant.name}, seed {seed}: {reason}"

    def _key(self, network: Network, seed: int) -> TrainingKey:
        return replace(self._keys[network.name], seed=seed)

    def _add_seeds(self, wanted: Mapping[str, int]) -> None:
        """Give variants further seeds; the base gets each of them too, to make pairs."""
        base = self._prepared.networks.base.name
        for name, count in wanted.items():
            for _ in range(count):
                self._seeds[name].append(max(self._seeds[name]) + 1)
        known = set(self._seeds[base])
        others = {seed for each in self._seeds.values() for seed in each}
        self._seeds[base] += sorted(others - known)
        told = ", ".join(f"{name} +{count}" for name, count in wanted.items())
        self._listener.line(f"more seeds: {told}")

    def _job(self, network: Network, seed: int) -> Job:
        label = f"{network.name}, seed {seed}"
        return Job(0, network.arch, self._prepared.recipe, seed, label=label)

    def _train(self) -> None:
        """Train what is wanted and not there, seed by seed, so that pairs are complete early."""
        left = self._driver.train(
            [self._job(network, seed) for network, seed in self._wanted()],
            self._ended,
            begin=lambda missing: self._listener.line(
                describe_cost(self._prepared, len(missing), self._reused, self._driver.num_workers)
            ),
            watch=lambda _: self._show("training"),
            is_late=lambda: self._late,
        )
        if left:
            self._listener.line(f"time is over; {left} trainings are left")
        self._show("trained", force=True)

    def _wanted(self) -> Iterator[tuple[Network, int]]:
        """Yield each network with each of its seeds that has not ended."""
        for index in range(max(map(len, self._seeds.values()))):
            for network in self._prepared.networks.all:
                for seed in self._seeds[network.name][index : index + 1]:
                    key = self._key(network, seed)
                    if key not in self._trained and key.digest not in self._failures:
                        yield network, seed

    def _ended(self, outcome: Trained | FailedEvent) -> None:
        key = self._driver.trainings.key(outcome.job)
        if isinstance(outcome, FailedEvent):
            self._failed(key, outcome)
            return
        self._trained[key] = outcome.training
        if outcome.event is None:
            self._reused += 1
            return
        prepared, curve = self._prepared, outcome.training.curve
        name = next(name for name, known in self._keys.items() if known.arch == key.arch)
        self._tracker.log(
            training_entry(name, key.seed, curve, prepared.recipe, len(prepared.data.train))
        )
        self._spent_s.append(outcome.training.seconds)

    def _failed(self, key: TrainingKey, event: FailedEvent) -> None:
        logger.warning("%s: %s\n%s", event.job, event.reason, event.details)
        self._listener.line(f"{event.job} failed: {event.reason}")
        self._failures[key.digest] = event.reason
        self._folder.write_state(self._wall_s, self._failures)
        if not self._trained and len(self._failures) >= len(self._prepared.networks.all):
            raise RunError(
                f"the first {len(self._failures)} trainings all failed; the last one said: "
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
        wanted = {
            self._key(network, seed)
            for network in self._prepared.networks.all
            for seed in self._seeds[network.name]
        }
        failed = sum(key.digest in self._failures for key in wanted)
        ended = sum(key in self._trained for key in wanted) + failed
        left = len(wanted) - ended
        workers = self._driver.num_workers
        remaining = None
        if self._spent_s:
            remaining = math.fsum(self._spent_s) / len(self._spent_s) * left / workers
        running = self._driver.running
        seeds = [key.seed for key in wanted if key not in self._trained]
        self._listener.status(
            AblationStatus(
                phase=phase,
                trials=len(wanted),
                trained=ended,
                reused=self._reused,
                running=running,
                failed=failed,
                seed=min(seeds) if seeds and running else None,
                elapsed_s=now - self._began,
                remaining_s=remaining,
            )
        )


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
        "networks": {each.name: each.arch.digest for each in prepared.networks.all},
    }

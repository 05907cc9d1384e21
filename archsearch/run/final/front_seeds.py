"""The front trained again with other seeds."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from archsearch.analysis import best_guesses
from archsearch.cluster import Driver, Event, FailedEvent, Job, Trained
from archsearch.errors import TrialError
from archsearch.model.transfer import Donor
from archsearch.record import Aims, Inherited, Quantization, SeedResult, TrialRecord
from archsearch.run.cost_plan import duration
from archsearch.run.int8_accuracy import Int8Accuracy
from archsearch.run.status import Listener, SearchStatus
from archsearch.run.time_left import TimeLeft
from archsearch.train import Recipe

logger = logging.getLogger(__name__)

_PHASE = "training the front again"


def missing_trainings(
    front: Iterable[TrialRecord], seeds: Sequence[int]
) -> list[tuple[TrialRecord, int]]:
    """Return which trial is still to be trained with which seed.

    They come seed by seed, so that a killed run has pairs to compare, and the longest training of
    a seed first, so that the workers end together.
    """
    longest_first = sorted(front, key=_seconds, reverse=True)
    return [
        (record, seed)
        for seed in seeds
        for record in longest_first
        if seed not in {each.seed for each in record.other_seeds}
    ]


def train_front_again(
    records: Sequence[TrialRecord],
    front: Sequence[TrialRecord],
    seeds: Sequence[int],
    driver: Driver,
    recipe: Recipe,
    keep: Callable[[int, SeedResult], None],
    listener: Listener,
    aims: Aims | None = None,
    int8: Int8Accuracy | None = None,
    start_of: Callable[[Inherited], Donor | None] = lambda inherited: None,
) -> None:
    """Train the front with each of ``seeds``; what is known is not trained again.

    Members that another one beats by its plain values, and that stay only until their latency is
    better known, are not trained: on a busy machine they would be most of the front.

    Args:
        records: all trials of the run, for those who watch.
        front: its front.
        seeds: other seeds than that of the search.
        driver: trains, or finds what another run or an ablation has trained.
        recipe: of the run.
        keep: stores the result of one training, by trial number.
        listener: receives progress.
        aims: what the front trades off; None for accuracy against latency.
        int8: what a training is worth in int8; None where latency is not in int8.
        start_of: the weights that a member's training began with, which every seed repeats; None
            where they were lost.
    """
    wanted = missing_trainings(best_guesses(front, aims), seeds)
    starts = {
        record.number: start_of(record.inherited)
        for record, _ in wanted
        if record.inherited is not None
    }
    if lost := [str(number) for number, start in starts.items() if start is None]:
        listener.line(
            f"trial {', '.join(lost)}: not trained with other seeds, the inherited weights that "
            "its training began with are gone"
        )
        wanted = [pair for pair in wanted if starts.get(pair[0].number, ...) is not None]
    if not wanted:
        return
    trial_s = {record.number: _seconds(record) for record, _ in wanted}
    ended = reused = 0
    began, trained_s, left_s = time.monotonic(), 0.0, sum(trial_s[r.number] for r, _ in wanted)
    clock = TimeLeft()

    def say_reused() -> None:
        listener.line(
            f"{_count(reused, 'training')} of the front with other seeds: reused, a run or an "
            "ablation in this folder had done the same"
        )

    def begin(missing: Sequence[Job]) -> None:
        nonlocal began
        began = time.monotonic()
        if reused:
            say_reused()
        expected = sum(trial_s[job.trial] for job in missing) / driver.num_workers
        members = len({job.trial for job in missing})
        listener.line(
            f"training {_count(members, 'front member')} again with "
            f"{_count(len(seeds), 'other seed')}: {_count(len(missing), 'training')}, about "
            f"{duration(expected)}"
        )

    def take(outcome: Trained | FailedEvent) -> None:
        nonlocal ended, reused, trained_s, left_s
        ended += 1
        is_known = isinstance(outcome, Trained) and outcome.event is None
        reused += is_known
        left_s -= trial_s[outcome.job.trial]
        trained_s += 0.0 if is_known else trial_s[outcome.job.trial]
        trial, seed = outcome.job.trial, outcome.job.seed
        label = f"trial {trial} with seed {seed}"
        keep(trial, seed_result(outcome, label, listener, driver, int8))

    def expected_s() -> float:
        # at the pace of this session once there is one, until then at that of the search
        if not trained_s:
            return left_s / driver.num_workers
        return left_s * (time.monotonic() - began) / trained_s

    def show(_: Event | None) -> None:
        remaining = clock.seconds(ended, expected_s)
        listener.status(_status(records, front, len(wanted), ended, driver.running, remaining))

    jobs = (
        Job(
            record.number,
            record.arch,
            recipe,
            seed,
            start=starts.get(record.number),
            label=f"trial {record.number}, seed {seed}",
        )
        for record, seed in wanted
    )
    driver.train(
        jobs,
        take,
        begin=begin,
        watch=show,
        is_enough=lambda known: int8 is None or int8.key in known.quantizations,
    )
    if reused == len(wanted):
        say_reused()


def seed_result(
    outcome: Trained | FailedEvent,
    label: str,
    listener: Listener,
    driver: Driver,
    int8: Int8Accuracy | None,
) -> SeedResult:
    """Return what one training with another seed shows; say why where it failed.

    Args:
        outcome: of the training.
        label: what messages call it.
        listener: receives progress.
        driver: stores what int8 costs.
        int8: what a training is worth in int8; None where latency is not in int8.
    """
    job = outcome.job
    if isinstance(outcome, Trained):
        training = outcome.training
        result = SeedResult(seed=job.seed, seconds=training.seconds, accuracy=training.accuracy)
        if int8 is None:
            return result
        try:
            found = _in_int8(outcome, driver, int8)
        except TrialError as error:
            listener.line(f"{label}: {error}")
            return result.model_copy(update={"accuracy": None, "reason": str(error)})
        both = {"accuracy": found.accuracy, "float_accuracy": found.float_accuracy}
        return result.model_copy(update=both)
    listener.line(f"{label} failed: {outcome.reason}")
    if outcome.details:
        logger.info("%s", outcome.details)
    seconds = sum(metrics.seconds for metrics in outcome.curve)
    return SeedResult(seed=job.seed, seconds=seconds, reason=outcome.reason)


def _in_int8(outcome: Trained, driver: Driver, int8: Int8Accuracy) -> Quantization:
    """Return what a training is worth in int8, and store it with the training."""
    if outcome.event is None:
        return outcome.training.quantizations[int8.key]
    found = int8(outcome.job.arch, outcome.event.saved())
    driver.trainings.add(outcome.event, quantizations={int8.key: found})
    return found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(record: TrialRecord) -> float:
    """Return how long the training of a trial took."""
    return sum(metrics.seconds for metrics in record.curve)


def _status(
    records: Sequence[TrialRecord],
    front: Sequence[TrialRecord],
    trainings: int,
    ended: int,
    running: int,
    remaining_s: float | None,
) -> SearchStatus:
    count = Counter(record.state for record in records)
    return SearchStatus(
        phase=_PHASE,
        trials=trainings,
        trained=ended,
        running=running,
        complete=count["complete"],
        pruned=count["pruned"],
        infeasible=count["infeasible"],
        failed=count["failed"],
        front_size=len(front),
        best_accuracy=front[-1].accuracy if front else None,
        best_latency_ms=front[-1].latency_ms if front else None,
        remaining_s=remaining_s,
    )

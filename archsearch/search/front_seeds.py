"""The front trained again with other seeds, by the workers that trained it first."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from archsearch.analysis import best_guesses
from archsearch.cluster import EpochEvent, Executor, FailedEvent, FinishedEvent, Job
from archsearch.record import SeedResult, TrialRecord
from archsearch.search.plan import duration
from archsearch.search.status import Listener, SearchStatus
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
    start_executor: Callable[[], Executor],
    recipe: Recipe,
    keep: Callable[[int, SeedResult], None],
    listener: Listener,
) -> None:
    """Train the front with each of ``seeds``; what is known is not trained again.

    Members that another one beats by its plain values, and that stay only until their latency is
    better known, are not trained: on a busy machine they would be most of the front.

    Args:
        records: all trials of the run, for those who watch.
        front: its front.
        seeds: other seeds than that of the search.
        start_executor: returns what trains; asked only if there is something to train. It must
            not stop these trainings early.
        recipe: of the run.
        keep: stores the result of one training, by trial number.
        listener: watches.
    """
    members = best_guesses(front)
    missing = missing_trainings(members, seeds)
    if not missing:
        return
    executor = start_executor()
    expected = sum(_seconds(record) for record, _ in missing) / executor.num_workers
    listener.line(
        f"training {len({record.number for record, _ in missing})} front members again with "
        f"{len(seeds)} other {'seed' if len(seeds) == 1 else 'seeds'}: {len(missing)} trainings, "
        f"about {duration(expected)}"
    )
    for record, seed in missing:
        executor.submit(Job(record.number, record.arch, recipe, seed))
    ended = 0
    while ended < len(missing):
        event = executor.next_event(timeout_s=0.1)
        if event is not None and not isinstance(event, EpochEvent):
            ended += 1
            keep(event.job.trial, _result(event, listener))
        listener.status(_status(records, front, len(missing), ended, executor.running))


def _result(event: FinishedEvent | FailedEvent, listener: Listener) -> SeedResult:
    job, seconds = event.job, sum(metrics.seconds for metrics in event.curve)
    if isinstance(event, FailedEvent):
        logger.warning(
            "trial %d, seed %d: %s\n%s", job.trial, job.seed, event.reason, event.details
        )
        listener.line(f"trial {job.trial} failed with seed {job.seed}: {event.reason}")
        return SeedResult(seed=job.seed, seconds=seconds, reason=event.reason)
    return SeedResult(seed=job.seed, seconds=seconds, accuracy=event.curve[-1].accuracy)


def _seconds(record: TrialRecord) -> float:
    """Return how long the training of a trial took."""
    return sum(metrics.seconds for metrics in record.curve)


def _status(
    records: Sequence[TrialRecord],
    front: Sequence[TrialRecord],
    trainings: int,
    ended: int,
    running: int,
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
    )

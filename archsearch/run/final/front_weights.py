"""Weights of front members that were lost: made again, by the same training."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from archsearch.cluster import Driver, FailedEvent, Job, Trained
from archsearch.errors import TrialError
from archsearch.percent import percent_text
from archsearch.record import TrialRecord
from archsearch.run.inheritance import kept_start
from archsearch.run.run_folder import RunFolder
from archsearch.run.status import Listener
from archsearch.train import Recipe


def make_missing_weights(
    front: Sequence[TrialRecord],
    folder: RunFolder,
    recipe: Recipe,
    seed: int,
    open_driver: Callable[[], Driver],
    listener: Listener,
) -> None:
    """Train the front members again whose weights are not in the folder of the run.

    Weights are written before a trial ends in the study. They are missing where a worker died with
    them, where somebody removed them, in runs of earlier versions, and where a candidate came to
    the front that was far behind it before the final measurement.

    Args:
        front: confirmed members of the front.
        folder: of the run.
        recipe: of the run.
        seed: of the run.
        open_driver: opens what trains; called where weights are missing.
        listener: receives progress.
    """
    missing = {each.number: each for each in front if not folder.checkpoint(each.digest).is_file()}
    if not missing:
        return
    starts = {
        number: kept_start(folder, each.inherited)
        for number, each in missing.items()
        if each.inherited is not None
    }
    if lost := [number for number, start in starts.items() if start is None]:
        listener.line(
            f"the weights of {_trials(lost)} are missing, and so are those that the training "
            "began with: it cannot be repeated"
        )
        missing = {number: each for number, each in missing.items() if number not in lost}
    if not missing:
        return
    listener.line(
        f"the weights of {_trials(list(missing))} are missing: "
        f"{'it is' if len(missing) == 1 else 'they are'} trained again"
    )

    def keep(outcome: Trained | FailedEvent) -> None:
        record = missing[outcome.job.trial]
        if isinstance(outcome, FailedEvent):
            listener.line(f"trial {record.number}: trained again, it failed: {outcome.reason}")
            return
        assert outcome.event is not None, "a stored training has no weights"
        try:
            folder.write_weights(record.digest, outcome.event.saved())
        except TrialError as error:
            listener.line(f"trial {record.number}: {error}")
            return
        if record.accuracy is not None and outcome.training.accuracy != record.accuracy:
            listener.line(
                f"trial {record.number}: trained again, it reaches "
                f"{percent_text(outcome.training.accuracy)} % where it reached "
                f"{percent_text(record.accuracy)} %"
            )

    with open_driver() as driver:
        jobs = [
            _as_before(
                Job(record.number, record.arch, recipe, seed, start=starts.get(number)), driver
            )
            for number, record in missing.items()
        ]
        driver.train(jobs, keep, is_enough=lambda training: False)


def _as_before(job: Job, driver: Driver) -> Job:
    """Return the job with the precision that the recipe left open and the training chose."""
    known = driver.trainings.find(job)
    return job if known is None else replace(job, recipe=known.recipe)


def _trials(numbers: Sequence[int]) -> str:
    word = "trial" if len(numbers) == 1 else "trials"
    return f"{word} {', '.join(map(str, numbers))}"

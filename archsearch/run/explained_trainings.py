"""The fewest trainings that settle an explanation: chosen, trained, and kept with the run."""

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from archsearch.activity import doing, resumable
from archsearch.analysis.attribution_design import most_informative, order_is_settled
from archsearch.cluster import (
    Driver,
    EpochEvent,
    Event,
    FailedEvent,
    Job,
    Trained,
    TrainingStore,
    machine_lock,
)
from archsearch.errors import InputError, Problem
from archsearch.run.config import NONE, SearchConfig
from archsearch.run.execution import log_to, open_driver
from archsearch.run.execution_options import Execution
from archsearch.run.explanation import Evidence, Explanation, evidence, space_of
from archsearch.run.extra_trainings import ExtraTraining, add_extra_training
from archsearch.run.preparation import Place, Prepared, prepare
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.run.run_identity import asked_for
from archsearch.run.status import Listener
from archsearch.run.teaching.teaching import with_outputs
from archsearch.train import Recipe

logger = logging.getLogger(__name__)

#: after each of so many parts of the trainings, it is checked whether the order is settled
_ROUNDS = 4


def train_for_explanation(
    run: str | Path,
    trial: str | int,
    against: str,
    number: int,
    execution: Execution,
    listener: Listener,
    runs_dir: str | Path = "runs",
) -> Explanation:
    """Train what makes an explanation clearer, and return it.

    Networks between baseline and trial, each the one that shrinks the widest interval most, with
    recipe, images and seed of the run; one that has been trained already with another seed. It ends
    when the order of the largest three contributions is settled, after ``number`` trainings, or
    when the time is over. Trainings are kept: later explanations of the run use them.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        trial: see `archsearch.run.explain`.
        against: see `archsearch.run.explain`.
        number: most trainings.
        execution: workers and time limit.
        listener: receives progress.
        runs_dir: where runs are kept.

    Raises:
        InputError: see `archsearch.run.explain`; or the images are not those of the run, or another
            process is at work on it.
    """
    folder = find_run(run, runs_dir)
    check_starts(folder)
    known = evidence(folder, trial, against)
    prepared = prepared_as_begun(folder, execution)
    began = time.monotonic()
    limit = execution.time_limit_s

    def is_late() -> bool:
        return limit is not None and time.monotonic() - began > limit

    with explaining(prepared, execution, listener, "explanation") as driver:
        session = _Session(folder, prepared, driver, listener)
        left = number
        while True:
            found = known.explained()
            if order_is_settled(found.accuracy.attribution):
                listener.line("the order of the three largest contributions is settled")
                break
            if left <= 0 or is_late():
                why = "after the last training" if left <= 0 else "and the time is over"
                listener.line(f"the order of the largest contributions is not settled {why}")
                break
            count = min(left, max(driver.num_workers, -(-number // _ROUNDS)))
            if not session.train(known, count, is_late) and not is_late():
                listener.line("none of these networks could be trained")
                break
            left -= count
            known = evidence(folder, trial, against)
        return found


def goes_on(folder: RunFolder) -> str:
    """Return how trainings that were stopped go on."""
    return f"the same command goes on from here: {folder.path}"


@contextmanager
def explaining(
    prepared: Prepared, execution: Execution, listener: Listener, what: str
) -> Iterator[Driver]:
    """Lock the folder of a run, and open the driver that trains for an explanation of it.

    Args:
        prepared: the run, as it was begun.
        execution: workers.
        listener: receives lines.
        what: is trained for, in a word.
    """
    folder = prepared.folder
    with (
        folder.lock(),
        log_to(folder.log),
        resumable(what, goes_on(folder)),
        open_driver(
            execution,
            prepared.device,
            prepared.data,
            machine_lock(),
            TrainingStore(folder.path),
            say=listener.line,
        ) as driver,
    ):
        yield driver


def check_starts(folder: RunFolder) -> None:
    """Refuse a run whose candidates began otherwise than networks that are trained now.

    Raises:
        InputError: they inherited weights.
    """
    if folder.read_config().get("identity", {}).get("inherit", NONE) != NONE:
        rule = (
            "trains networks from scratch, and the candidates of this run began with inherited "
            "weights: they cannot be compared"
        )
        raise InputError(
            Problem("inherit", rule, None, "explain it without training", str(folder.config))
        )


def prepared_as_begun(folder: RunFolder, execution: Execution) -> Prepared:
    """Return recipe, images and the teacher's answers of a run, as they were.

    Raises:
        InputError: the images are others now, or cannot be read.
    """
    begun = folder.read_config()
    config = SearchConfig.model_validate({**asked_for(begun["identity"]), "execution": execution})
    place = Place(folder.name, str(Path(os.path.abspath(folder.path)).parent))
    prepared = prepare(config, place, space_of(folder))
    before, now = begun.get("data") or {}, prepared.written["data"]
    problems = [
        Problem(
            f"data.{key}",
            f"run '{folder.name}' had images with {before[key]}",
            now[key],
            "give it the images that it had",
            file=str(folder.config),
        )
        for key in ("train", "val", "num_classes", "mean", "std")
        if key in before and before[key] != now[key]
    ]
    if problems:
        raise InputError(problems)
    # the default recipe of this version may be another than that of the run
    recipe = Recipe.model_validate(begun["recipe"]) if "recipe" in begun else prepared.recipe
    # the answers of its teacher lie in its folder
    data = with_outputs(prepared.data, prepared.teaching, logger.info)
    return replace(prepared, fit=replace(prepared.fit, recipe=recipe), data=data)


class _Session:
    """Trains networks of a run; every training that ends is kept at once."""

    def __init__(
        self, folder: RunFolder, prepared: Prepared, driver: Driver, listener: Listener
    ) -> None:
        self._folder = folder
        self._prepared = prepared
        self._driver = driver
        self._listener = listener
        self._failed: set[str] = set()

    def train(self, known: Evidence, count: int, is_late: Callable[[], bool]) -> int:
        """Train the most informative networks; return how many trainings ended well."""
        space, path = self._prepared.space, known.path
        allowed = [
            each
            for each in path.coalitions()
            if not space.problems(mixed := path.mixture(each))
            and space.digest_of(mixed) not in self._failed
        ]
        if not allowed:
            return 0
        jobs, networks = [], {}
        seeds = {space.digest_of(params): set(own) for params, own in known.accuracies}
        for number, chosen in enumerate(most_informative(known.fitted, count, allowed)):
            params = path.mixture(chosen)
            used = seeds.setdefault(space.digest_of(params), set())
            seed = self._prepared.config.seed
            while seed in used:
                seed += 1
            used.add(seed)
            networks[number] = params
            recipe = self._prepared.recipe
            label = f"network {number + 1} of {count}, seed {seed}"
            jobs.append(Job(number, space.arch(params), recipe, seed, label=label))
        done = 0

        def take(outcome: Trained | FailedEvent) -> None:
            nonlocal done
            job, params = outcome.job, networks[outcome.job.trial]
            if isinstance(outcome, FailedEvent):
                self._failed.add(space.digest_of(params))
                self._listener.line(f"{job} failed: {outcome.reason}")
                return
            done += 1
            training = ExtraTraining(
                params=params, seed=job.seed, accuracy=outcome.training.accuracy
            )
            add_extra_training(self._folder, training)

        def begin(missing: Sequence[Job]) -> None:
            epochs = self._prepared.recipe.epochs
            many = "1 network" if len(missing) == 1 else f"{len(missing)} networks"
            self._listener.line(f"training {many} between baseline and trial for {epochs} epochs")

        epochs = len(jobs) * self._prepared.recipe.epochs
        with doing("training for the explanation", total=epochs) as activity:

            def watch(event: Event | None) -> None:
                activity.done += isinstance(event, EpochEvent)

            self._driver.train(jobs, take, begin=begin, watch=watch, is_late=is_late)
        return done

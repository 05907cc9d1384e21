"""From a baseline to a network one choice at a time: the path is planned, then trained."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from archsearch.activity import doing
from archsearch.analysis.attribution import FittedPath
from archsearch.analysis.path_comparison import PathStep, TrainedPath, path_gains
from archsearch.cluster import EpochEvent, Event, FailedEvent, Job, Trained
from archsearch.errors import RunError
from archsearch.run.execution_options import Execution
from archsearch.run.explained_trainings import (
    check_starts,
    explaining,
    goes_on,
    prepared_as_begun,
)
from archsearch.run.explanation import Evidence, Explanation, evidence
from archsearch.run.extra_trainings import (
    ExtraTraining,
    PlannedPath,
    add_extra_training,
    add_path,
    read_extras,
)
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.run.status import Listener
from archsearch.space import Params, SearchSpace

#: steps of one choice; all other choices are one step together
MOST_SINGLE_STEPS = 7


def train_path(
    run: str | Path,
    trial: str | int,
    against: str,
    seeds: int,
    execution: Execution,
    listener: Listener,
    runs_dir: str | Path = "runs",
) -> Explanation:
    """Train the networks from the baseline to the trial, and return the explanation with them.

    The choices with the largest values are made one at a time, each time the one from which the
    model expects most; the others are one step. Recipe and images are the run's. What is trained is
    kept, so the same command goes on where it was stopped.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        trial: see `archsearch.run.explain`.
        against: see `archsearch.run.explain`.
        seeds: of every network, 2 or more.
        execution: workers and time limit.
        listener: receives progress.
        runs_dir: where runs are kept.

    Raises:
        InputError: see `archsearch.run.train_for_explanation`.
        RunError: the time was over, or trainings failed, before every step had a pair of seeds.
    """
    folder = find_run(run, runs_dir)
    check_starts(folder)
    known = evidence(folder, trial, against)
    prepared = prepared_as_begun(folder, execution)
    steps = _kept_path(folder, known, prepared.space)
    networks = [known.path.baseline, *(step.params for step in steps)]
    chosen = tuple(range(prepared.config.seed + 1, prepared.config.seed + 1 + seeds))
    # seed by seed: a path that is interrupted has whole ones
    jobs = [
        Job(
            at,
            prepared.space.arch(params),
            prepared.recipe,
            seed,
            label=f"network {at} of the path, seed {seed}",
        )
        for seed in chosen
        for at, params in enumerate(networks)
    ]
    accuracies: list[dict[int, float]] = [{} for _ in networks]
    limit, began = execution.time_limit_s, time.monotonic()
    with (
        explaining(prepared, execution, listener, "path") as driver,
        doing("training the path", total=len(jobs) * prepared.recipe.epochs) as activity,
    ):

        def begin(missing: Sequence[Job]) -> None:
            count = len({job.trial for job in missing})
            listener.line(
                f"training {count} of {len(networks)} networks from baseline to trial for "
                f"{prepared.recipe.epochs} epochs: {len(missing)} trainings"
            )

        def take(outcome: Trained | FailedEvent) -> None:
            job = outcome.job
            if isinstance(outcome, FailedEvent):
                listener.line(f"{job} failed: {outcome.reason}")
                return
            accuracies[job.trial][job.seed] = outcome.training.accuracy
            _keep(folder, known, networks[job.trial], job.seed, outcome.training.accuracy)

        def watch(event: Event | None) -> None:
            activity.done += isinstance(event, EpochEvent)

        driver.train(
            jobs,
            take,
            begin=begin,
            watch=watch,
            is_late=lambda: limit is not None and time.monotonic() - began > limit,
        )
    gains = path_gains(accuracies, len(prepared.data.val))
    if gains is None:
        rule = "not every step of the path has two networks with a seed in common"
        raise RunError(f"{rule}; {goes_on(folder)}")
    means = tuple(float(np.mean(list(own.values()))) for own in accuracies)
    path = TrainedPath(chosen, means, steps, gains)
    return evidence(folder, trial, against).explained()._replace(path=path)


def _kept_path(folder: RunFolder, known: Evidence, space: SearchSpace) -> tuple[PathStep, ...]:
    """Return the path as it was first planned; what is trained for it changes the model."""
    path, made = known.path, frozenset[str]()
    for plan in read_extras(folder).paths:
        if (plan.baseline, plan.target) == (path.baseline, path.target):
            steps = []
            for names, expected in zip(plan.steps, plan.expected, strict=True):
                made = made.union(names)
                steps.append(PathStep(names, path.mixture(made), expected))
            return tuple(steps)
    planned = planned_path(known, space)
    plan = PlannedPath(
        baseline=path.baseline,
        target=path.target,
        steps=tuple(step.choices for step in planned),
        expected=tuple(step.expected for step in planned),
    )
    with folder.lock():
        add_path(folder, plan)
    return planned


def planned_path(known: Evidence, space: SearchSpace) -> tuple[PathStep, ...]:
    """Return the steps: each time the one that the model expects most of, if it is allowed."""
    fitted, path = known.fitted, known.path
    values = dict(
        zip(path.players, np.abs(known.explained().accuracy.attribution.mean), strict=True)
    )
    largest = sorted(path.players, key=lambda name: -values[name])
    single, rest = largest[:MOST_SINGLE_STEPS], largest[MOST_SINGLE_STEPS:]
    if len(rest) == 1:
        single, rest = largest, []
    open_: list[tuple[str, ...]] = [(name,) for name in single]
    if rest:
        open_.append(tuple(name for name in path.players if name in rest))
    steps: list[PathStep] = []
    made: frozenset[str] = frozenset()
    before = _expected(fitted, [made])[0]
    while open_:
        allowed = [each for each in open_ if not space.problems(path.mixture(made.union(each)))]
        if not allowed:
            # only together do the others make a network of the space
            allowed = [tuple(name for each in open_ for name in each)]
            open_ = list(allowed)
        expected = _expected(fitted, [made.union(each) for each in allowed])
        at = int(np.argmax(expected))
        made = made.union(allowed[at])
        steps.append(PathStep(allowed[at], path.mixture(made), float(expected[at] - before)))
        before = expected[at]
        open_.remove(allowed[at])
    return tuple(steps)


def _expected(fitted: FittedPath, coalitions: Sequence[frozenset[str]]) -> Sequence[float]:
    """Return the accuracies that the model expects of networks between the ends."""
    codes = fitted.model.choices.codes([fitted.path.known(each) for each in coalitions])
    return [float(mean) for mean in fitted.model.predict(codes).mean]


def _keep(folder: RunFolder, known: Evidence, params: Params, seed: int, accuracy: float) -> None:
    """Add a training to those of the run, unless it has it."""
    own: Mapping[int, float] = next((own for each, own in known.accuracies if each == params), {})
    if seed not in own:
        add_extra_training(folder, ExtraTraining(params=params, seed=seed, accuracy=accuracy))

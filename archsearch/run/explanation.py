"""Why one network of a run is better than another: the difference, split over the choices."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from archsearch.activity import doing
from archsearch.analysis.attribution import (
    FEWEST_TRIALS,
    Attribution,
    FittedPath,
    attribute,
    fit_path,
)
from archsearch.analysis.configuration_path import ConfigurationPath
from archsearch.analysis.path_comparison import TrainedPath
from archsearch.analysis.trial_choice import choose
from archsearch.errors import InputError, Problem
from archsearch.record import Environment, TrialRecord
from archsearch.run.explained_baseline import find_baseline, params_of_trial
from archsearch.run.extra_trainings import read_extra_trainings
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.run.run_reader import load_run
from archsearch.space import Params, SearchSpace, space_from
from archsearch.yaml_source import YamlSource

#: parameters that a choice switches on, beyond which only their number is given
_MOST_SWITCHED = 3


class Choice(NamedTuple):
    """A choice in which two networks differ.

    Attributes:
        name: of the parameter.
        before: its value in the baseline, with those of the parameters that it switches on.
        after: its value in the explained network, likewise.
    """

    name: str
    before: str
    after: str


class Split(NamedTuple):
    """The difference in one measure, split over the choices.

    Attributes:
        attribution: what the model says; the values add up to ``attribution.total``.
        before: what was observed of the baseline; None for nothing.
        after: what was observed of the explained network; None for nothing.
        num_trials: of which the measure is known.
    """

    attribution: Attribution
    before: float | None
    after: float | None
    num_trials: int

    @property
    def observed(self) -> float | None:
        """The observed difference; None where one of the two was not observed."""
        if self.before is None or self.after is None:
            return None
        return self.after - self.before

    @property
    def unexplained(self) -> float | None:
        """The observed difference without what the model says."""
        return None if self.observed is None else self.observed - self.attribution.total.value

    @property
    def num_used(self) -> int:
        """Trials behind the model."""
        return int(self.attribution.used.sum())


class Explanation(NamedTuple):
    """Why one network of a run is better than another.

    Attributes:
        name: of the run.
        environment: where latency was measured.
        target: number of the trial that is explained.
        baseline: what it is compared with, e.g. ``trial 3`` or ``zoo:edgevit_xxs``.
        choices: in which the two differ, in the order of the space's file.
        accuracy: of the validation images, 0 to 1; observed over all seeds of a trial.
        latency: natural logarithm of milliseconds; None with fewer than 20 latencies.
        path: the networks between baseline and trial, trained; None where they were not.
        remarks: sentences on a teacher or inherited weights; none without.
    """

    name: str
    environment: Environment
    target: int
    baseline: str
    choices: tuple[Choice, ...]
    accuracy: Split
    latency: Split | None
    path: TrainedPath | None = None
    remarks: tuple[str, ...] = ()


class Evidence(NamedTuple):
    """What a run knows for one explanation.

    Attributes:
        name: of the run.
        environment: where latency was measured.
        target: number of the trial that is explained.
        baseline: what it is compared with.
        path: from the baseline to the trial.
        accuracies: of each network, as a configuration, its validation accuracies by seed.
        log_ms: of each network, logarithm of its latency.
        remarks: sentences on a teacher or inherited weights; none without.
    """

    name: str
    environment: Environment
    target: int
    baseline: str
    path: ConfigurationPath
    accuracies: tuple[tuple[Params, dict[int, float]], ...]
    log_ms: tuple[tuple[Params, float], ...]
    remarks: tuple[str, ...] = ()

    @property
    def fitted(self) -> FittedPath:
        """The model of the accuracies."""
        return fit_path(self.path, *self._observed, tame_collapse=True)

    def explained(self) -> Explanation:
        """Return the explanation that this evidence gives."""
        observed, means, counts = self._observed
        with doing("attributing the difference to the choices"):
            found = attribute(self.path, observed, means, counts, tame_collapse=True)
            accuracy = self._split(observed, means, found)
            latency = self._latency(tuple(found.interactions))
        choices = tuple(_choice(self.path, name) for name in self.path.players)
        return Explanation(
            self.name,
            self.environment,
            self.target,
            self.baseline,
            choices,
            accuracy,
            latency,
            remarks=self.remarks,
        )

    @property
    def _observed(self) -> tuple[list[Params], list[float], list[int]]:
        return (
            [params for params, _ in self.accuracies],
            [float(np.mean(list(own.values()))) for _, own in self.accuracies],
            [len(own) for _, own in self.accuracies],
        )

    def _latency(self, pairs: tuple[tuple[str, str], ...]) -> Split | None:
        """Return the split of log latency; None with too few latencies."""
        if len(self.log_ms) < FEWEST_TRIALS:
            return None
        observed, logs = [params for params, _ in self.log_ms], [log for _, log in self.log_ms]
        return self._split(observed, logs, attribute(self.path, observed, logs, pairs=pairs))

    def _split(
        self, observed: Sequence[Params], values: Sequence[float], found: Attribution
    ) -> Split:
        known = list(zip(observed, values, strict=True))
        before, after = (
            next((value for params, value in known if params == end), None)
            for end in (self.path.baseline, self.path.target)
        )
        return Split(found, before, after, len(values))


def explain(
    run: str | Path,
    trial: str | int = "best",
    against: str = "median",
    runs_dir: str | Path = "runs",
) -> Explanation:
    """Say which choices make a trial differ from a baseline; the run may still be going on.

    Args:
        run: folder of a run, or its name inside ``runs_dir``.
        trial: ``best``, ``knee`` or the number of a trial.
        against: the number of a trial, ``best``, ``knee``, ``zoo:NAME``, an architecture file
            (``.yaml``), or ``median`` for the middle of the space.
        runs_dir: where runs are kept.

    Raises:
        InputError: there is no such run, trial or baseline; the baseline is not in the space, or
            is the same network; or fewer than 20 trials were trained to the end.
    """
    return evidence(find_run(run, runs_dir), trial, against).explained()


def evidence(folder: RunFolder, trial: str | int, against: str) -> Evidence:
    """Return what a run knows for an explanation, trainings for earlier explanations included.

    Raises:
        InputError: see `explain`.
    """
    record = load_run(folder)
    space = space_of(folder)
    configurations = [
        (params_of_trial(each, space), each)
        for each in record.trials
        if each.accuracy is not None or each.known_latency is not None
    ]
    trained = [(params, each) for params, each in configurations if each.accuracy is not None]
    if len(trained) < FEWEST_TRIALS:
        rule = f"an explanation needs at least {FEWEST_TRIALS} trials that were trained to the end"
        raise InputError(Problem("run", rule, len(trained), "let the run go on", record.name))
    chosen = choose(record, trial)
    baseline = find_baseline(against, record, space)
    path = ConfigurationPath(space, baseline.params, params_of_trial(chosen, space))
    if not path.players:
        rule = f"{baseline.name} is the same network as trial {chosen.number}"
        raise InputError(Problem("--against", rule, against, "name another baseline"))
    accuracies = [(params, _accuracies(each)) for params, each in trained]
    for extra in read_extra_trainings(folder):
        own = next((own for params, own in accuracies if params == extra.params), None)
        if own is not None:
            own[extra.seed] = extra.accuracy
        elif not space.problems(extra.params):
            accuracies.append((extra.params, {extra.seed: extra.accuracy}))
    log_ms = [
        (params, float(np.log(each.latency_ms)))
        for params, each in configurations
        if each.latency_ms is not None
    ]
    # a run may have trained and measured the baseline beside its trials
    for beside in (each for each in record.baselines if each.name == against):
        is_trial = any(params == baseline.params for params, _ in configurations)
        if beside.accuracy is not None and not is_trial:
            accuracies.append((baseline.params, {beside.seed: beside.accuracy}))
        if beside.latency is not None and not is_trial:
            log_ms.append((baseline.params, float(np.log(beside.latency.median_ms))))
    return Evidence(
        record.name,
        record.environment,
        chosen.number,
        baseline.name,
        path,
        tuple(accuracies),
        tuple(log_ms),
        record.remarks,
    )


def _accuracies(record: TrialRecord) -> dict[int, float]:
    """Return the validation accuracies of a trial that was trained to the end, by seed."""
    assert record.accuracy is not None, "the others were left out"
    return {record.seed: record.accuracy, **record.seed_accuracies}


def space_of(folder: RunFolder) -> SearchSpace:
    """Return the space that a run was started in, or widened to.

    Raises:
        InputError: the run's configuration holds none.
    """
    config = folder.read_config()
    if "space" not in config:
        raise InputError(Problem("space", "is missing in the run", file=str(folder.config)))
    return space_from(YamlSource(str(folder.config), config["space"]), config["space_name"])


def _choice(path: ConfigurationPath, name: str) -> Choice:
    return Choice(
        name,
        _written(path, name, path.baseline, path.target),
        _written(path, name, path.target, path.baseline),
    )


def _written(path: ConfigurationPath, name: str, own: Params, other: Params) -> str:
    """Return the value of a choice, with those of the parameters that come with it."""
    switched = [
        f"{each.rsplit('.', 1)[-1]} {value}"
        for each, value in own.items()
        if each not in other and name in path.deciders(each)
    ]
    if not switched:
        return str(own[name])
    with_them = ", ".join(switched)
    if len(switched) > _MOST_SWITCHED:
        with_them = f"{len(switched)} more choices"
    return f"{own[name]} with {with_them}"

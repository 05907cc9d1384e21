"""The search as a library: any discrete space, any evaluator.

`search` asks a sampler for configurations, evaluates them (with several workers if wanted) and
returns every trial and the front. It is what `archsearch run` is built of, without latency probes
and training.
"""

import functools
import inspect
import logging
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import TrialState

from archsearch.analysis import hypervolume, nondominated
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem, RunError, nearest
from archsearch.search.samplers import LIBRARY_SAMPLERS, SamplerOptions
from archsearch.search.store import suggest
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

Direction = Literal["min", "max"]
#: what is evaluated: the architecture, or the parameters of a flat space
Configuration = Arch | Params
Evaluate = Callable[..., Mapping[str, float]]
KnownValue = Callable[[Any], float]

_MAX_FIRST_FAILURES = 5
#: proposals in a row that bring nothing new before a sampler that repeats itself is given up
_MAX_REPEATS = 500
_VALUES, _REASON = "values", "reason"


@dataclass(frozen=True)
class Evaluation:
    """One trial of a `search`.

    Attributes:
        number: in the order of proposals.
        params: active parameters.
        values: objectives, constraints and known values by name; empty if it failed.
        feasible: whether every constraint is met.
        failure: why it failed; empty if it did not.
        origin: how the proposal came about.
    """

    number: int
    params: Params
    values: Mapping[str, float]
    feasible: bool = True
    failure: str = ""
    origin: str = ""


@dataclass(frozen=True)
class SearchResult:
    """Everything a `search` found.

    Attributes:
        objectives: direction by name.
        trials: every trial, in the order of proposals.
        stopped: why the search ended.
        study: the Optuna study.
    """

    objectives: Mapping[str, Direction]
    trials: tuple[Evaluation, ...]
    stopped: str
    study: optuna.Study = field(repr=False)

    @property
    def evaluated(self) -> tuple[Evaluation, ...]:
        """Trials that have values."""
        return tuple(trial for trial in self.trials if trial.values)

    @property
    def front(self) -> tuple[Evaluation, ...]:
        """Feasible trials that no other feasible trial dominates, by the first objective."""
        good = [trial for trial in self.evaluated if trial.feasible]
        if not good:
            return ()
        points = self.points(good)
        mask = nondominated(points, [d == "max" for d in self.objectives.values()])
        front = [trial for trial, kept in zip(good, mask, strict=True) if kept]
        return tuple(sorted(front, key=lambda trial: trial.values[next(iter(self.objectives))]))

    @property
    def best(self) -> Evaluation | None:
        """The feasible trial that is best in the first objective."""
        good = [trial for trial in self.evaluated if trial.feasible]
        name, direction = next(iter(self.objectives.items()))
        sign = -1.0 if direction == "max" else 1.0
        return min(good, key=lambda trial: sign * trial.values[name], default=None)

    def points(self, trials: Sequence[Evaluation]) -> NDArray[np.float64]:
        """Return the objectives of ``trials``: (N, M)."""
        rows = [[trial.values[name] for name in self.objectives] for trial in trials]
        return np.array(rows, dtype=np.float64).reshape(len(trials), len(self.objectives))

    def hypervolume(self, reference: Mapping[str, float]) -> float:
        """Return the hypervolume of the feasible trials.

        Args:
            reference: the worst corner, by objective.
        """
        good = [trial for trial in self.evaluated if trial.feasible]
        corner = [reference[name] for name in self.objectives]
        maximise = [direction == "max" for direction in self.objectives.values()]
        return hypervolume(self.points(good), corner, maximise)


def search(
    space: SearchSpace,
    evaluate: Evaluate,
    *,
    objectives: Mapping[str, Direction],
    constraints: Mapping[str, float] | None = None,
    known: Mapping[str, KnownValue] | None = None,
    trials: int = 100,
    workers: int = 1,
    sampler: str = "model",
    seed: int = 0,
    time_limit_s: float | None = None,
    patience: int | None = None,
    storage: str | None = None,
    name: str = "search",
    listener: Callable[[Evaluation], object] | None = None,
) -> SearchResult:
    """Search ``space`` for the configurations that trade the objectives off best.

    No configuration is evaluated twice, and none that a known constraint forbids. The same seed
    and the same results give the same trials, however fast the workers are: a proposal knows the
    results of all trials but the last ``workers``, which count as running.

    Args:
        space: what is searched.
        evaluate: called with an `Arch`, or with the parameters of a flat space; returns objectives
            (and what constraints need) by name. With several workers it is called from threads.
        objectives: direction by name; the first is the one that `SearchResult.best` looks at.
        constraints: upper limits by name, on objectives or on other values.
        known: functions for values that need no evaluation, by name; called like ``evaluate``.
        trials: evaluations in all, those of earlier sessions in ``storage`` included.
        workers: evaluations at a time.
        sampler: ``model`` (the default), ``evolution``, ``random``, ``nsga2``, ``tpe`` or ``gp``.
        seed: of all proposals.
        time_limit_s: propose nothing more after so long.
        patience: stop when the front has gained no hypervolume for so many trials.
        storage: Optuna storage URL, to be resumed or looked at; None keeps the study in memory.
        name: of the study.
        listener: called with each trial when it is told.

    Raises:
        InputError: the arguments do not fit together, or the evaluator does not return what it
            should.
        RunError: the first evaluations all failed.
    """
    return _Search(
        space,
        evaluate,
        dict(objectives),
        dict(constraints or {}),
        dict(known or {}),
        trials,
        workers,
        sampler,
        seed,
        time_limit_s,
        patience,
        storage,
        name,
        listener or (lambda evaluation: None),
    ).run()


class _Search:
    """One call of `search`; proposals and results go through the study in order of number."""

    def __init__(
        self,
        space: SearchSpace,
        evaluate: Evaluate,
        objectives: dict[str, Direction],
        constraints: dict[str, float],
        known: dict[str, KnownValue],
        trials: int,
        workers: int,
        sampler: str,
        seed: int,
        time_limit_s: float | None,
        patience: int | None,
        storage: str | None,
        name: str,
        listener: Callable[[Evaluation], object],
    ) -> None:
        check_arguments(objectives, constraints, trials, workers, sampler, patience)
        self._space, self._objectives, self._constraints = space, objectives, constraints
        self._evaluate = _accepting(evaluate)
        self._known = known
        self._trials, self._workers = trials, workers
        self._time_limit_s, self._patience = time_limit_s, patience
        self._listener = listener
        self._done: list[Evaluation] = []
        self._digests: set[str] = set()
        self._reached, self._reached_at = -math.inf, 0
        self._corner: NDArray[np.float64] | None = None
        self._began = time.perf_counter()
        options = SamplerOptions(
            known={
                index: self._on_params(known[objective])
                for index, objective in enumerate(objectives)
                if objective in known
            },
            accept=self._meets_known,
            limits={key: limit for key, limit in constraints.items() if key not in known},
        )
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            storage=storage,
            study_name=name,
            sampler=LIBRARY_SAMPLERS[sampler](space, seed, options),
            directions=["maximize" if d == "max" else "minimize" for d in objectives.values()],
            load_if_exists=True,
        )

    def run(self) -> SearchResult:
        self._restore()
        stopped = ""
        pending: dict[int, tuple[optuna.Trial, Params, Future[Mapping[str, float]]]] = {}
        with ThreadPoolExecutor(self._workers, thread_name_prefix="evaluate") as pool:
            try:
                while True:
                    if not stopped:
                        stopped = self._reason_to_stop(len(pending))
                    if not stopped and len(pending) < self._workers:
                        proposal = self._ask()
                        if proposal is None:
                            stopped = "every configuration of the space has been tried"
                        else:
                            trial, params = proposal
                            future = pool.submit(self._evaluate, self._configuration(params))
                            pending[trial.number] = (trial, params, future)
                        continue
                    if not pending:
                        break
                    # told in order of number: what a proposal knows depends on no clock
                    trial, params, future = pending.pop(min(pending))
                    wait([future], return_when=FIRST_COMPLETED)
                    self._tell(trial, params, future)
            except BaseException:
                for _, _, future in pending.values():
                    future.cancel()
                raise
        return SearchResult(self._objectives, tuple(self._done), stopped, self._study)

    def _restore(self) -> None:
        """Take in the trials of earlier sessions; queue again what was interrupted."""
        for trial in self._study.get_trials(deepcopy=False):
            if trial.state in (TrialState.RUNNING, TrialState.WAITING):
                if trial.state == TrialState.RUNNING:
                    self._study.tell(trial.number, state=TrialState.FAIL)
                    if trial.params and not self._space.problems(trial.params):
                        self._study.enqueue_trial(dict(trial.params))
                continue
            if _VALUES not in trial.user_attrs and _REASON not in trial.user_attrs:
                continue
            values = trial.user_attrs.get(_VALUES, {})
            self._note(
                Evaluation(
                    trial.number,
                    dict(trial.params),
                    values,
                    self._is_feasible(values),
                    trial.user_attrs.get(_REASON, ""),
                )
            )

    def _reason_to_stop(self, pending: int) -> str:
        if len(self._done) + pending >= self._trials:
            return f"{self._trials} trials"
        spent = time.perf_counter() - self._began
        if self._time_limit_s is not None and spent >= self._time_limit_s:
            return f"the time limit of {self._time_limit_s:g} s"
        if self._patience is not None and len(self._done) - self._reached_at >= self._patience:
            return f"no gain in hypervolume for {self._patience} trials"
        return ""

    def _ask(self) -> tuple[optuna.Trial, Params] | None:
        """Return a new trial that known constraints allow; None when there is nothing new."""
        for _ in range(_MAX_REPEATS):
            trial = self._study.ask()
            params = self._space.walk(functools.partial(suggest, trial))
            problems = self._space.problems(params)
            digest = "" if problems else self._space.digest_of(params)
            if not problems and digest not in self._digests and self._meets_known(params):
                self._digests.add(digest)
                return trial, params
            self._write_constraints(trial, self._known_values(params) if not problems else {})
            self._study.tell(trial, state=TrialState.PRUNED)
            if getattr(self._study.sampler, "exhausted", False):
                return None
        return None

    def _tell(
        self, trial: optuna.Trial, params: Params, future: "Future[Mapping[str, float]]"
    ) -> None:
        origin = str(getattr(self._study.sampler, "origin", type(self._study.sampler).__name__))
        try:
            returned = future.result()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if not any(evaluation.failure for evaluation in self._done):
                trace = "".join(traceback.format_exception(error))
                logger.error("trial %d failed; the first failure in full:\n%s", trial.number, trace)
            self._fail(trial, params, reason, origin)
            return
        values = {**self._known_values(params), **self._checked(returned)}
        bad = [key for key, value in values.items() if math.isnan(value)]
        if bad:
            self._fail(trial, params, f"{', '.join(bad)}: not a number", origin)
            return
        trial.set_user_attr(_VALUES, values)
        for key in self._constraints:
            trial.set_user_attr(key, values[key])
        self._write_constraints(trial, values)
        self._study.tell(trial, [values[objective] for objective in self._objectives])
        feasible = self._is_feasible(values)
        self._note(Evaluation(trial.number, params, values, feasible, "", origin))

    def _fail(self, trial: optuna.Trial, params: Params, reason: str, origin: str) -> None:
        trial.set_user_attr(_REASON, reason)
        self._write_constraints(trial, {})
        self._study.tell(trial, state=TrialState.FAIL)
        self._note(Evaluation(trial.number, params, {}, False, reason, origin))
        failed = sum(bool(evaluation.failure) for evaluation in self._done)
        if failed == len(self._done) >= min(_MAX_FIRST_FAILURES, self._trials):
            raise RunError(f"the first {failed} evaluations all failed; the last one: {reason}")

    def _note(self, evaluation: Evaluation) -> None:
        self._done.append(evaluation)
        self._digests.add(self._space.digest_of(evaluation.params))
        if evaluation.values and evaluation.feasible:
            self._follow_progress()
        self._listener(evaluation)

    def _follow_progress(self) -> None:
        if self._patience is None:
            return
        signs = [-1.0 if d == "max" else 1.0 for d in self._objectives.values()]
        points = np.array(
            [
                [sign * each.values[n] for n, sign in zip(self._objectives, signs, strict=True)]
                for each in self._done
                if each.values and each.feasible
            ]
        )
        if self._corner is None or (points > self._corner).any():
            # the worst corner follows the worst seen; what was reached is counted afresh
            span = np.maximum(np.ptp(points, axis=0), 1e-12)
            self._corner = points.max(axis=0) + 0.1 * span
            self._reached = hypervolume(points[:-1], self._corner) if len(points) > 1 else -1.0
        reached = hypervolume(points, self._corner)
        if reached > self._reached:
            self._reached, self._reached_at = reached, len(self._done)

    def _checked(self, returned: Mapping[str, float]) -> dict[str, float]:
        """Return what the evaluator returned, as floats.

        Raises:
            InputError: something is missing.
        """
        needed = [*self._objectives, *self._constraints]
        missing = [key for key in needed if key not in self._known and key not in returned]
        if missing:
            names = [str(key) for key in returned]
            raise InputError(
                [
                    Problem(key, "the evaluator does not return it", names, nearest(key, names))
                    for key in missing
                ]
            )
        return {str(key): float(value) for key, value in returned.items()}

    def _configuration(self, params: Params) -> Configuration:
        return params if self._space.is_flat else self._space.arch(params)

    def _on_params(self, function: KnownValue) -> Callable[[Params], float]:
        def value(params: Params) -> float:
            return float(function(self._configuration(params)))

        return value

    def _known_values(self, params: Params) -> dict[str, float]:
        configuration = self._configuration(params)
        return {key: float(function(configuration)) for key, function in self._known.items()}

    def _meets_known(self, params: Params) -> bool:
        limited = [key for key in self._constraints if key in self._known]
        if not limited:
            return True
        configuration = self._configuration(params)
        return all(
            float(self._known[key](configuration)) <= self._constraints[key] for key in limited
        )

    def _is_feasible(self, values: Mapping[str, float]) -> bool:
        return all(values.get(key, math.inf) <= limit for key, limit in self._constraints.items())

    def _write_constraints(self, trial: optuna.Trial, values: Mapping[str, float]) -> None:
        for key, limit in self._constraints.items():
            violation = (values[key] - limit) / (abs(limit) or 1.0) if key in values else 0.0
            trial.set_constraint(key, violation)


def check_arguments(
    objectives: Mapping[str, str],
    constraints: Mapping[str, float],
    trials: int,
    workers: int,
    sampler: str,
    patience: int | None,
) -> None:
    """Refuse arguments of `search` that do not fit together.

    Raises:
        InputError: with all problems.
    """
    problems = []
    if not objectives:
        problems.append(Problem("objectives", "must name at least one objective"))
    for key, direction in objectives.items():
        if direction not in ("min", "max"):
            problems.append(Problem(f"objectives.{key}", "must be 'min' or 'max'", direction))
    for key, limit in constraints.items():
        if not math.isfinite(limit):
            problems.append(Problem(f"constraints.{key}", "must be a finite upper limit", limit))
    for key, value in (("trials", trials), ("workers", workers), ("patience", patience)):
        if value is not None and value < 1:
            problems.append(Problem(key, "must be at least 1", value))
    if sampler not in LIBRARY_SAMPLERS:
        problems.append(
            Problem("sampler", "unknown sampler", sampler, nearest(sampler, LIBRARY_SAMPLERS))
        )
    if problems:
        raise InputError(problems)


def _accepting(evaluate: Evaluate) -> Callable[[Any], Mapping[str, float]]:
    """Return ``evaluate`` as a function of the configuration alone.

    Raises:
        InputError: it cannot be called with one argument.
    """
    try:
        inspect.signature(evaluate).bind(object())
    except TypeError as error:
        raise InputError(
            Problem("evaluate", f"must take one configuration ({error})", evaluate)
        ) from None
    except ValueError:
        pass  # a built-in without a signature
    return evaluate

"""The search as a library: any discrete space, any evaluator, one fidelity or several.

`search` asks a sampler for configurations, evaluates them (with several workers if wanted) and
returns every trial and the front. It is what `archsearch run` is built of, without latency probes
and training.
"""

import contextlib
import functools
import heapq
import json
import logging
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import TrialState

from archsearch.errors import InputError, Problem, RunError
from archsearch.search.arguments import Evaluate, check_arguments, check_evaluator
from archsearch.search.model_based import observe_complete
from archsearch.search.patience import Patience
from archsearch.search.result import Direction, Evaluation, SearchResult
from archsearch.search.rungs import Rungs
from archsearch.search.samplers import LIBRARY_SAMPLERS, SamplerOptions
from archsearch.search.storage import storage_at
from archsearch.search.store import suggest
from archsearch.search.task import VALUES, KnownValue, Task
from archsearch.search.told import RUNG
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

_MAX_FIRST_FAILURES = 5
#: proposals in a row that bring nothing new before a sampler that repeats itself is given up
_MAX_REPEATS = 500
_REASON, _STATE = "reason", "state"
_CANDIDATE, _FIDELITY, _FIDELITIES = "candidate", "fidelity", "fidelities"
#: characters of a state that is kept in the study
_MAX_STATE = 10_000


def search(
    space: SearchSpace,
    evaluate: Evaluate,
    *,
    objectives: Mapping[str, Direction],
    constraints: Mapping[str, float] | None = None,
    known: Mapping[str, KnownValue] | None = None,
    fidelities: Sequence[float] = (),
    promote: float | None = None,
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

    No configuration is evaluated twice at one fidelity, and none that a known constraint forbids.
    The same seed and the same results give the same trials, however fast the workers are: a
    proposal knows the results of all trials but those that would still be running if the workers
    were equally fast and a unit of fidelity took each of them the same time.

    With ``fidelities``, every configuration is first evaluated at the lowest and then paused. The
    best at a fidelity, by non-dominated rank and hypervolume contribution, go on to the next,
    whenever they come to be among the best. The front and the hypervolume are those of the last
    fidelity alone.

    Args:
        space: what is searched.
        evaluate: called with an `Arch`, or with the parameters of a flat space; returns objectives
            (and what constraints need) by name. With ``fidelities`` it is called as
            ``evaluate(configuration, fidelity, state)`` and may return a pair, values and a state;
            it gets the state back when the configuration goes on, and None the first time. With
            several workers it is called from threads.
        objectives: direction by name; the first is the one that `SearchResult.best` looks at.
        constraints: upper limits by name, on objectives or on other values.
        known: functions for values that need no evaluation, by name, called with a configuration.
        fidelities: the rungs, increasing, e.g. epochs ``(1, 3, 9)``; empty for one fidelity.
        promote: share of the configurations at a rung that go on to the next; None for the ratio
            of their fidelities.
        trials: configurations in all, those of earlier sessions in ``storage`` included.
        workers: evaluations at a time.
        sampler: ``model`` (the default), ``evolution``, ``random``, ``nsga2``, ``tpe`` or ``gp``.
            All but ``model`` and ``random`` learn from the last rung alone.
        seed: of all proposals.
        time_limit_s: begin nothing more after so long.
        patience: stop when the front has gained no hypervolume for so many configurations.
        storage: Optuna storage URL, to be resumed or looked at; None keeps the study in memory. A
            state is kept there if it is plain JSON data, such as the path of a checkpoint;
            otherwise a paused configuration is given None again after a restart.
        name: of the study.
        listener: called with each trial when it is told.

    Raises:
        InputError: the arguments do not fit together, or the evaluator does not return what it
            should.
        RunError: the first evaluations all failed.
    """
    check_arguments(
        objectives=objectives,
        constraints=constraints or {},
        fidelities=fidelities,
        share=promote,
        counts={"trials": trials, "workers": workers, "patience": patience},
        sampler=sampler,
        samplers=LIBRARY_SAMPLERS,
    )
    check_evaluator(evaluate, bool(fidelities))
    task = Task(space, dict(objectives), dict(constraints or {}), dict(known or {}))
    options = SamplerOptions(
        known={
            index: functools.partial(task.known_value, objective)
            for index, objective in enumerate(objectives)
            if objective in task.known
        },
        accept=task.meets_known,
        limits={key: limit for key, limit in task.constraints.items() if key not in task.known},
        observe=task.observe if fidelities else observe_complete,
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    place = storage_at(storage) if storage is not None else None
    with place.told("cannot be opened", Exception) if place else contextlib.nullcontext():
        study = optuna.create_study(
            storage=place.open() if place else None,
            study_name=name,
            sampler=LIBRARY_SAMPLERS[sampler](space, seed, options),
            directions=["maximize" if d == "max" else "minimize" for d in objectives.values()],
            load_if_exists=True,
        )
    rungs = Rungs(fidelities, promote) if fidelities else Rungs((1.0,))
    limits = _Limits(trials, workers, time_limit_s, Patience(patience))
    running = _Search(task, evaluate, study, rungs, bool(fidelities), limits, listener)
    return running.run()


@dataclass(frozen=True)
class _Limits:
    """How much is evaluated, and by how many."""

    trials: int
    workers: int
    time_limit_s: float | None
    patience: Patience


@dataclass(order=True)
class _Job:
    """A configuration being evaluated at a rung; ordered by when it would end."""

    ends: float
    number: int
    trial: optuna.Trial = field(compare=False)
    params: Params = field(compare=False)
    rung: int = field(compare=False)
    candidate: int = field(compare=False)
    origin: str = field(compare=False)
    future: "Future[Any]" = field(compare=False)


class _Search:
    """One call of `search`.

    Results are told in the order in which they would come if workers were equally fast and a unit
    of fidelity took the same time everywhere: what a proposal knows depends on no clock.
    """

    def __init__(
        self,
        task: Task,
        evaluate: Evaluate,
        study: optuna.Study,
        rungs: Rungs,
        has_rungs: bool,
        limits: _Limits,
        listener: Callable[[Evaluation], object] | None,
    ) -> None:
        self._task, self._evaluate, self._study = task, evaluate, study
        self._rungs, self._has_rungs, self._limits = rungs, has_rungs, limits
        self._listener = listener or (lambda evaluation: None)
        self._done: list[Evaluation] = []
        self._digests: set[str] = set()
        self._params: dict[int, Params] = {}
        self._states: dict[int, Any] = {}
        self._queued = 0
        self._exhausted = False
        self._began = time.perf_counter()
        self._now = 0.0

    def run(self) -> SearchResult:
        self._restore()
        stopped = ""
        pending: list[_Job] = []
        with ThreadPoolExecutor(self._limits.workers, thread_name_prefix="evaluate") as pool:
            try:
                while True:
                    stopped = stopped or self._reason_to_stop()
                    free = not stopped and len(pending) < self._limits.workers
                    if free and (job := self._next(pool)) is not None:
                        heapq.heappush(pending, job)
                        continue
                    if not pending:
                        break
                    job = heapq.heappop(pending)
                    wait([job.future])
                    self._now = job.ends
                    self._tell(job)
            except BaseException:
                for job in pending:
                    job.future.cancel()
                raise
        if not stopped and self._exhausted:
            stopped = "every configuration of the space has been tried"
        stopped = stopped or f"{self._limits.trials} trials"
        rungs = self._rungs.fidelities if self._has_rungs else ()
        return SearchResult(self._task.objectives, tuple(self._done), stopped, self._study, rungs)

    def _restore(self) -> None:
        """Take in the trials of earlier sessions; queue again what was interrupted."""
        self._check_rungs()
        for trial in self._study.get_trials(deepcopy=False):
            rung = trial.user_attrs.get(RUNG, 0)
            if trial.state in (TrialState.RUNNING, TrialState.WAITING):
                if trial.state == TrialState.RUNNING:
                    self._study.tell(trial.number, state=TrialState.FAIL)
                    # what was promoted is paused again
                    if rung or not trial.params or self._task.space.problems(trial.params):
                        continue
                    self._study.enqueue_trial(dict(trial.params))
                self._queued += 1
                continue
            if VALUES not in trial.user_attrs and _REASON not in trial.user_attrs:
                continue
            values = trial.user_attrs.get(VALUES, {})
            candidate = trial.user_attrs.get(_CANDIDATE, trial.number)
            if _STATE in trial.user_attrs:
                self._states[candidate] = json.loads(trial.user_attrs[_STATE])
            self._note(
                rung,
                Evaluation(
                    trial.number,
                    dict(trial.params),
                    values,
                    self._task.is_feasible(values),
                    trial.user_attrs.get(_REASON, ""),
                    fidelity=self._fidelity(rung),
                    candidate=candidate,
                ),
            )

    def _check_rungs(self) -> None:
        now = list(self._rungs.fidelities) if self._has_rungs else []
        before = self._study.user_attrs.get(_FIDELITIES, [])
        if self._study.get_trials(deepcopy=False) and before != now:
            rule = f"study '{self._study.study_name}' was begun with {before or 'none'}"
            raise InputError(Problem("fidelities", rule, now or None, "give another name"))
        if now:
            self._study.set_user_attr(_FIDELITIES, now)

    def _fidelity(self, rung: int) -> float | None:
        return self._rungs.fidelities[rung] if self._has_rungs else None

    def _reason_to_stop(self) -> str:
        limits = self._limits
        spent = time.perf_counter() - self._began
        if limits.time_limit_s is not None and spent >= limits.time_limit_s:
            return f"the time limit of {limits.time_limit_s:g} s"
        if limits.patience.is_over and len(self._params) < limits.trials:
            return f"no gain in hypervolume for {limits.patience.trials} trials"
        return ""

    def _next(self, pool: ThreadPoolExecutor) -> _Job | None:
        """Begin what comes next: a queued configuration, a promotion, or a new configuration."""
        promotion = None if self._queued else self._rungs.next()
        if promotion is not None:
            candidate, rung = promotion
            self._study.enqueue_trial(
                self._params[candidate], user_attrs={RUNG: rung, _CANDIDATE: candidate}
            )
            trial = self._study.ask()
            params, origin = self._task.space.walk(functools.partial(suggest, trial)), "promoted"
        else:
            proposal = None
            if len(self._params) < self._limits.trials and not self._exhausted:
                proposal = self._ask()
                self._exhausted = proposal is None
            if proposal is None:
                return None
            trial, params = proposal
            sampler = self._study.sampler
            origin = str(getattr(sampler, "origin", type(sampler).__name__))
            rung, candidate = 0, trial.number
        self._params[candidate] = params
        self._rungs.begin(candidate, rung)
        configuration = self._task.configuration(params)
        if self._has_rungs:
            trial.set_user_attr(RUNG, rung)
            known = (self._fidelity(rung), self._states.get(candidate))
            future = pool.submit(self._evaluate, configuration, *known)
        else:
            future = pool.submit(self._evaluate, configuration)
        ends = self._now + self._rungs.cost(rung)
        return _Job(ends, trial.number, trial, params, rung, candidate, origin, future)

    def _ask(self) -> tuple[optuna.Trial, Params] | None:
        """Return a new trial that known constraints allow; None when there is nothing new.

        Raises:
            InputError: nothing keeps the known constraints.
        """
        task = self._task
        for _ in range(_MAX_REPEATS):
            trial = self._study.ask()
            self._queued = max(0, self._queued - 1)
            params = task.space.walk(functools.partial(suggest, trial))
            problems = task.space.problems(params)
            digest = "" if problems else task.space.digest_of(params)
            if not problems and digest not in self._digests and task.meets_known(params):
                self._digests.add(digest)
                return trial, params
            self._write_constraints(trial, task.known_values(params) if not problems else {})
            self._study.tell(trial, state=TrialState.PRUNED)
            if getattr(self._study.sampler, "exhausted", False):
                break
        if not self._params and task.known_limits:
            raise task.unreachable()
        return None

    def _tell(self, job: _Job) -> None:
        try:
            returned = job.future.result()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if not any(evaluation.failure for evaluation in self._done):
                trace = "".join(traceback.format_exception(error))
                logger.error("trial %d failed; the first failure in full:\n%s", job.number, trace)
            self._fail(job, reason)
            return
        state = None
        if self._has_rungs and isinstance(returned, tuple) and len(returned) == 2:
            returned, state = returned
        measured, bad = self._task.checked(returned)
        values = {**self._task.known_values(job.params), **measured}
        bad += [key for key, value in values.items() if not math.isfinite(value)]
        if bad:
            self._fail(job, f"{', '.join(bad)}: not a number")
            return
        job.trial.set_user_attr(VALUES, values)
        for key in self._task.constraints:
            job.trial.set_user_attr(key, values[key])
        self._write_constraints(job.trial, values)
        self._keep_state(job, state)
        if job.rung == len(self._rungs) - 1:
            self._study.tell(job.trial, [values[name] for name in self._task.objectives])
        else:
            # a study compares complete trials: a lower fidelity must not be among them
            self._study.tell(job.trial, state=TrialState.PRUNED)
        feasible = self._task.is_feasible(values)
        self._note(job.rung, self._evaluation(job, values, feasible, ""))

    def _keep_state(self, job: _Job, state: Any) -> None:
        """Keep the state of a paused configuration, in the study too if it is plain data."""
        if not self._has_rungs:
            return
        job.trial.set_user_attr(_CANDIDATE, job.candidate)
        job.trial.set_user_attr(_FIDELITY, self._fidelity(job.rung))
        if job.rung == len(self._rungs) - 1:
            self._states.pop(job.candidate, None)
            return
        self._states[job.candidate] = state
        try:
            text = json.dumps(state)
        except (TypeError, ValueError):
            return
        if state is not None and json.loads(text) == state and len(text) <= _MAX_STATE:
            job.trial.set_user_attr(_STATE, text)

    def _evaluation(
        self, job: _Job, values: Mapping[str, float], feasible: bool, failure: str
    ) -> Evaluation:
        return Evaluation(
            job.number,
            job.params,
            values,
            feasible,
            failure,
            job.origin,
            self._fidelity(job.rung),
            job.candidate,
        )

    def _fail(self, job: _Job, reason: str) -> None:
        job.trial.set_user_attr(_REASON, reason)
        self._write_constraints(job.trial, {})
        self._keep_state(job, None)
        self._study.tell(job.trial, state=TrialState.FAIL)
        self._note(job.rung, self._evaluation(job, {}, False, reason))
        failed = sum(bool(evaluation.failure) for evaluation in self._done)
        if failed == len(self._done) >= min(_MAX_FIRST_FAILURES, self._limits.trials):
            raise RunError(f"the first {failed} evaluations all failed; the last one: {reason}")

    def _note(self, rung: int, evaluation: Evaluation) -> None:
        self._done.append(evaluation)
        self._params[evaluation.candidate] = evaluation.params
        self._digests.add(self._task.space.digest_of(evaluation.params))
        point = self._task.point(evaluation.values) if evaluation.values else None
        self._rungs.tell(evaluation.candidate, rung, point, evaluation.feasible)
        patience = self._limits.patience
        if rung == 0 and (patience.has_points or not self._has_rungs):
            patience.count()
        if point is not None and evaluation.feasible and rung == len(self._rungs) - 1:
            patience.tell(point)
        self._listener(evaluation)

    def _write_constraints(self, trial: optuna.Trial, values: Mapping[str, float]) -> None:
        for key, limit in self._task.constraints.items():
            violation = (values[key] - limit) / (abs(limit) or 1.0) if key in values else 0.0
            trial.set_constraint(key, violation)

"""The search as a library: any discrete space, any function, one fidelity or several.

`search` runs the same engine as `archsearch run`, with a function in place of networks.
"""

import functools
import heapq
import json
import logging
import math
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from typing import Any

from archsearch.activity import doing
from archsearch.errors import InputError, Problem
from archsearch.search.argument_checks import Evaluate, check_arguments, check_evaluator
from archsearch.search.engine import Engine, Limits, Policy
from archsearch.search.evaluation import Direction, Evaluation
from archsearch.search.evaluation_threads import EvaluationThreads
from archsearch.search.result import SearchResult
from archsearch.search.rungs import ModelRungs, Rungs
from archsearch.search.samplers.registry import SAMPLERS, SamplerOptions
from archsearch.search.samplers.surrogate.model_sampler import observe_complete
from archsearch.search.samplers.surrogate.observed_trials import RUNG
from archsearch.search.search_task import VALUES, KnownValue, Task
from archsearch.search.study_store import CANDIDATE, StudyStore
from archsearch.search.trial_log import TrialLog
from archsearch.space import SearchSpace

logger = logging.getLogger(__name__)

#: proposals in a row without a new configuration after which the search ends
_MAX_REPEATS = 500
_FIRST_FAILURES = 5
_REASON, _STATE, _FIDELITY, _FIDELITIES = "reason", "state", "fidelity", "fidelities"
#: characters of a state that is kept in the study
_MAX_STATE = 10_000
#: the same seed and results give the same trials, however fast the workers are
_POLICY = Policy(
    fill_first=True,
    reuse_results=False,
    look_after=_MAX_REPEATS,
    give_up_after=_MAX_REPEATS,
    finish_one=False,
    pause_when_idle=True,
)


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
        sampler: a key of `archsearch.search.samplers.registry.SAMPLERS`; ``model`` is the default.
            All but ``model`` and ``random`` learn from the last rung alone.
        seed: of all proposals.
        time_limit_s: start nothing new after this many seconds.
        patience: stop after this many configurations without a gain in hypervolume.
        storage: Optuna storage URL, to be resumed or looked at; None keeps the study in memory. A
            state is kept there if it is plain JSON data, such as the path of a checkpoint;
            otherwise a paused configuration is given None again after a restart.
        name: of the study.
        listener: called with each trial when its result is recorded.

    Returns:
        all trials, with their front over the objectives, the best one and the Optuna study.

    Raises:
        InputError: the arguments do not fit together, or the evaluator does not return what it
            should.
        RunError: the first evaluations all failed.

    Examples:
        >>> import archsearch
        >>> space = archsearch.flat_space({"kernel": [3, 5, 7], "depth": {"int": [1, 6]}})
        >>> result = archsearch.search(
        ...     space,
        ...     lambda params: {"error": 1 / (params["depth"] * params["kernel"])},
        ...     objectives={"error": "min", "cost": "min"},
        ...     known={"cost": lambda params: params["depth"] * params["kernel"] ** 2},
        ...     constraints={"cost": 50},
        ...     trials=10,
        ... )
        >>> all(point.values["cost"] <= 50 for point in result.front)
        True
    """
    check_arguments(
        objectives=objectives,
        constraints=constraints or {},
        fidelities=fidelities,
        share=promote,
        counts={"trials": trials, "workers": workers, "patience": patience},
        sampler=sampler,
        samplers=SAMPLERS,
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
        worst={
            index: task.constraints[objective]
            for index, (objective, direction) in enumerate(objectives.items())
            if objective in task.constraints and direction == "min"
        },
        observe=task.observe if fidelities else observe_complete,
        fidelities=tuple(fidelities),
        settings={"tpe": {"multivariate": True}},
    )
    store = StudyStore(
        storage,
        name,
        space,
        SAMPLERS[sampler](space, seed, options),
        constraints=tuple(task.constraints),
        objectives=task.objectives,
    )
    rungs = Rungs(fidelities or (1.0,), promote)
    if len(fidelities) > 1 and promote is None and store.chooses:
        rungs = ModelRungs(fidelities, store.choose)
    with EvaluationThreads(workers) as pool:
        evaluator = _FunctionEvaluator(
            task, evaluate, store, rungs if fidelities else None, pool, workers, listener
        )
        evaluator.check_fidelities()
        limits = Limits(trials, time_limit_s, patience, min(_FIRST_FAILURES, trials))
        engine = Engine(space, store, _KnownValues(task), evaluator, rungs, limits, _POLICY)
        engine.restore()
        try:
            stopped = engine.run()
        except BaseException:
            evaluator.cancel()
            raise
    return SearchResult(
        task.objectives,
        tuple(trial for trial in engine.log.trials if trial.state != "infeasible"),
        stopped,
        store.study,
        tuple(fidelities),
    )


class _KnownValues:
    """Screens by the known values.

    Args:
        task: what is searched for.

    Attributes:
        ended: nothing but the space ends the proposals.
        remark: nothing to add.
    """

    ended = ""
    remark = ""

    def __init__(self, task: Task) -> None:
        self._task = task

    def screen(self, proposed: Evaluation) -> Evaluation:
        """Compute the known values; a configuration that breaks a limit by them is infeasible."""
        values = self._task.known_values(proposed.params)
        over = self._task.violations(values)
        feasible = self._task.meets_known(proposed.params)
        return replace(
            proposed,
            values=values,
            violations=over,
            feasible=feasible,
            state="running" if feasible else "infeasible",
        )

    def is_enough(self, batch: Sequence[Evaluation], wanted: int, feasible_share: float) -> bool:
        """Propose one at a time, so that each proposal depends on all earlier ones."""
        return bool(batch)

    def measure(
        self, batch: Sequence[Evaluation], settle: Callable[[Evaluation], None]
    ) -> list[Evaluation]:
        """Return the batch: nothing is measured before an evaluation."""
        return list(batch)

    def rescue(self, search: Engine) -> list[Evaluation]:
        """Return nothing: proposals go on until they are exhausted."""
        return []

    def check_reachable(self, log: TrialLog) -> None:
        """Refuse a search in which nothing keeps the known constraints.

        Raises:
            InputError: nothing does.
        """
        if not log.evaluated and self._task.known_limits:
            raise self._task.unreachable()


class _FunctionEvaluator:
    """Evaluates with a function, in threads.

    Results are returned in the order in which they would come if workers were equally fast and a
    unit of fidelity took the same time everywhere: proposals do not depend on timing.
    """

    def __init__(
        self,
        task: Task,
        evaluate: Evaluate,
        store: StudyStore,
        rungs: Rungs | None,
        pool: EvaluationThreads,
        workers: int,
        listener: Callable[[Evaluation], object] | None,
    ) -> None:
        self._task, self._evaluate, self._store = task, evaluate, store
        self._rungs, self._pool, self._workers = rungs, pool, workers
        self._listener = listener or (lambda evaluation: None)
        self._pending: list[tuple[float, int, Evaluation, Future[Any]]] = []
        self._states: dict[int, Any] = {}
        self._now = 0.0
        self._has_failed = False

    def check_fidelities(self) -> None:
        """Refuse to go on with a study of other fidelities.

        Raises:
            InputError: it was started with others.
        """
        study = self._store.study
        now = list(self._rungs.fidelities) if self._rungs else []
        before = study.user_attrs.get(_FIDELITIES, [])
        if study.get_trials(deepcopy=False) and before != now:
            rule = f"study '{study.study_name}' was started with {before or 'none'}"
            raise InputError(Problem("fidelities", rule, now or None, "give another name"))
        if now:
            study.set_user_attr(_FIDELITIES, now)

    def cancel(self) -> None:
        """Drop what no thread has begun."""
        for *_, future in self._pending:
            future.cancel()

    # -- evaluations

    def room(self, running: int) -> int:
        """Return how many workers have nothing to do."""
        return self._workers - running

    def begin(self, trial: Evaluation, paused: Evaluation | None) -> None:
        """Evaluate in a thread."""
        configuration = self._task.configuration(trial.params)
        cost = 1.0
        trial = replace(trial, fidelity=self._fidelity(trial.rung))
        given: tuple[Any, ...] = (configuration,)
        if self._rungs is not None:
            cost = self._rungs.cost(trial.rung)
            given = (configuration, trial.fidelity, self._states.get(trial.candidate))
        what = f"evaluating trial {trial.number} with {_name(self._evaluate)}"
        future = self._pool.submit(lambda: _called(what, self._evaluate, *given))
        if paused is not None:
            trial = replace(trial, origin="promoted")
        heapq.heappush(self._pending, (self._now + cost, trial.number, trial, future))

    def results(self) -> Iterable[Evaluation]:
        """Return the evaluation that would end next if all workers were equally fast."""
        if not self._pending:
            return ()
        self._now, _, trial, future = heapq.heappop(self._pending)
        wait([future])
        return (self._result(trial, future),)

    def _result(self, trial: Evaluation, future: "Future[Any]") -> Evaluation:
        try:
            returned = future.result()
        except Exception as error:
            if not self._has_failed:
                trace = "".join(traceback.format_exception(error))
                logger.error("trial %d failed; the first failure in full:\n%s", trial.number, trace)
            return self._failed(trial, f"{type(error).__name__}: {error}")
        state = None
        if self._rungs is not None and isinstance(returned, tuple) and len(returned) == 2:
            returned, state = returned
        measured, bad = self._task.checked(returned)
        values = {**self._task.known_values(trial.params), **measured}
        bad += [key for key, value in values.items() if not math.isfinite(value)]
        if bad:
            return self._failed(trial, f"{', '.join(bad)}: not a number")
        is_last = self._rungs is None or trial.rung == len(self._rungs) - 1
        return replace(
            trial,
            values=values,
            feasible=self._task.is_feasible(values),
            violations=self._task.violations(values),
            state="complete" if is_last else "pruned",
            is_evaluated=True,
            detail=None if is_last else state,
        )

    def _failed(self, trial: Evaluation, reason: str) -> Evaluation:
        self._has_failed = True
        return replace(
            trial,
            values={},
            violations={},
            feasible=False,
            failure=reason,
            state="failed",
            is_evaluated=True,
            detail=None,
        )

    def _fidelity(self, rung: int) -> float | None:
        return self._rungs.fidelities[rung] if self._rungs is not None else None

    # -- results

    def point(self, evaluation: Evaluation) -> Sequence[float] | None:
        """Return the objectives, smaller is better; None after a failure."""
        if not evaluation.is_evaluated or not evaluation.values:
            return None
        return self._task.point(evaluation.values)

    def attributes(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """Return values, or the reason of a failure, and the state of a paused configuration.

        A state is kept if it is plain data.
        """
        if evaluation.state == "infeasible":
            return {}
        kept: dict[str, Any] = {}
        if evaluation.failure:
            kept[_REASON] = evaluation.failure
        else:
            kept[VALUES] = dict(evaluation.values)
            kept |= {key: evaluation.values[key] for key in self._task.constraints}
        if self._rungs is None:
            return kept
        kept |= {
            RUNG: evaluation.rung,
            CANDIDATE: evaluation.candidate,
            _FIDELITY: evaluation.fidelity,
        }
        state = evaluation.detail
        try:
            text = json.dumps(state)
        except (TypeError, ValueError):
            return kept
        if state is not None and json.loads(text) == state and len(text) <= _MAX_STATE:
            kept[_STATE] = text
        return kept

    def recorded(self, evaluation: Evaluation, log: TrialLog) -> None:
        """Keep the state of a paused configuration, and call the listener."""
        if evaluation.state != "infeasible":
            self._note(evaluation)

    def _note(self, evaluation: Evaluation) -> None:
        if evaluation.detail is not None:
            self._states[evaluation.candidate] = evaluation.detail
        else:
            self._states.pop(evaluation.candidate, None)
        _called(
            f"telling {_name(self._listener)} of trial {evaluation.number}",
            self._listener,
            evaluation,
        )

    def restored(self) -> Iterable[Evaluation]:
        """Yield the trials of earlier sessions that were evaluated."""
        for trial in self._store.finished():
            if VALUES not in trial.user_attrs and _REASON not in trial.user_attrs:
                continue
            values = trial.user_attrs.get(VALUES, {})
            rung = trial.user_attrs.get(RUNG, 0)
            failure = trial.user_attrs.get(_REASON, "")
            is_last = self._rungs is None or rung == len(self._rungs) - 1
            state = trial.user_attrs.get(_STATE)
            evaluation = Evaluation(
                trial.number,
                dict(trial.params),
                values,
                self._task.is_feasible(values),
                failure,
                fidelity=self._fidelity(rung),
                candidate=trial.user_attrs.get(CANDIDATE, trial.number),
                state="failed" if failure else "complete" if is_last else "pruned",
                digest=self._task.space.digest_of(dict(trial.params)),
                rung=rung,
                violations=self._task.violations(values),
                is_evaluated=True,
                detail=None if state is None else json.loads(state),
            )
            self._note(evaluation)
            yield evaluation


def _called(what: str, function: Callable[..., Any], *given: Any) -> Any:
    """Call a user's function, and say so: it may hang."""
    with doing(what):
        return function(*given)


def _name(function: object) -> str:
    """Return what a user calls a function."""
    inner = function.func if isinstance(function, functools.partial) else function
    return str(getattr(inner, "__qualname__", type(inner).__qualname__))

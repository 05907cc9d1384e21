"""Evaluates with a user's function, in threads, in an order that does not depend on timing."""

import functools
import heapq
import json
import logging
import math
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any

import numpy as np

from archsearch.activity import doing
from archsearch.errors import InputError, Problem
from archsearch.search.argument_checks import Evaluate
from archsearch.search.evaluation import Evaluation
from archsearch.search.evaluation_threads import EvaluationThreads
from archsearch.search.rungs import Rungs
from archsearch.search.samplers.surrogate.observed_trials import RUNG
from archsearch.search.search_task import CURVES, VALUES, Task
from archsearch.search.study_store import CANDIDATE, PROGRESS, StudyStore
from archsearch.search.trial_log import TrialLog

logger = logging.getLogger(__name__)

_REASON, _STATE, _FIDELITY, _FIDELITIES = "reason", "state", "fidelity", "fidelities"
#: notes of a trial in progress: when it ends if all workers are equally fast, and how it ended
_DUE, _RESULT = "due", "result"
#: characters of a state that is kept in the study
_MAX_STATE = 10_000


class FunctionEvaluator:
    """Evaluates with a function, in threads.

    Results are returned in the order in which they would come if workers were equally fast and a
    unit of fidelity took the same time everywhere: proposals do not depend on timing. One that
    waits for its turn is noted in the study, so that it is not evaluated again after a kill.

    Args:
        task: what is searched for.
        evaluate: the function.
        store: the study.
        rungs: fidelities; None for a search without.
        pool: the threads.
        workers: evaluations at a time.
        listener: called with each trial when its result is recorded.
        has_epochs: a fidelity is a number of epochs, and the function returns a value for each.
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
        has_epochs: bool = False,
    ) -> None:
        self._task, self._evaluate, self._store = task, evaluate, store
        self._rungs, self._pool, self._workers = rungs, pool, workers
        self._listener = listener or (lambda evaluation: None)
        self._pending: list[tuple[float, int, Evaluation, Future[Any]]] = []
        self._states: dict[int, Any] = {}
        self._has_epochs = has_epochs
        self._curves: dict[int, dict[str, list[float]]] = {}
        self._early: dict[int, Evaluation] = {}
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
        if paused is not None:
            trial = replace(trial, origin="promoted")
        if _DUE not in trial.notes:
            notes = self._store.note(trial.number, {_DUE: self._now + cost})
            trial = replace(trial, notes=notes)
        future: Future[Any]
        if (known := trial.notes.get(_RESULT)) is not None:
            self._early[trial.number] = self._ended(trial, **known)
            future = Future()
            future.set_result(None)
        else:
            what = f"evaluating trial {trial.number} with {_name(self._evaluate)}"
            future = self._pool.submit(lambda: _called(what, self._evaluate, *given))
        heapq.heappush(self._pending, (trial.notes[_DUE], trial.number, trial, future))

    def results(self) -> Iterable[Evaluation]:
        """Return the evaluation that would end next if all workers were equally fast."""
        if not self._pending:
            return ()
        due, number, trial, future = self._pending[0]
        while not future.done():
            left = [each for _, n, _, each in self._pending if n not in self._early]
            wait(left, return_when=FIRST_COMPLETED)
            self._note_early(number)
        heapq.heappop(self._pending)
        self._now = max(self._now, due)
        known = self._early.pop(number, None)
        return (self._result(trial, future) if known is None else known,)

    def _note_early(self, next_number: int) -> None:
        """Note the results whose turn has not come."""
        for _, number, trial, future in self._pending:
            if number in (next_number, *self._early) or not future.done():
                continue
            ended = self._early[number] = self._result(trial, future)
            state = _plain(ended.detail)
            if state is None and ended.detail is not None:
                continue  # it cannot be kept, so it is evaluated again
            note = {"values": dict(ended.values), "failure": ended.failure, "state": state}
            if curves := self._curves.get(ended.candidate):
                note["curves"] = curves
            self._store.note(number, {_RESULT: note})

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
        if self._has_epochs:
            returned = self._with_last_values(trial, returned)
        measured, bad = self._task.checked(returned)
        values = {**self._task.known_values(trial.params), **measured}
        bad += [key for key, value in values.items() if not math.isfinite(value)]
        if bad:
            return self._failed(trial, f"{', '.join(bad)}: not a number")
        return self._ended(trial, values, "", state)

    def _with_last_values(self, trial: Evaluation, returned: Any) -> Any:
        """Keep the values of every epoch; return the last ones.

        Raises:
            InputError: no objective has one value for each epoch since the pause.
        """
        if not isinstance(returned, Mapping) or self._rungs is None:
            return returned
        epochs = int(self._rungs.cost(trial.rung))
        curves = {
            str(name): [float(each) for each in value]
            for name, value in returned.items()
            if isinstance(value, Sequence | np.ndarray) and len(value) == epochs
        }
        if not any(name in curves for name in self._task.objectives):
            rule = f"must return one value for each of the {epochs} epochs since the pause"
            raise InputError(
                Problem("evaluate", rule, returned, "e.g. {'error': [0.9, 0.8]} for two")
            )
        before = self._curves.get(trial.candidate, {})
        if trial.rung == 0 or before:
            self._curves[trial.candidate] = {
                name: [*before.get(name, []), *curve] for name, curve in curves.items()
            }
        return {**returned, **{name: curve[-1] for name, curve in curves.items()}}

    def _failed(self, trial: Evaluation, reason: str) -> Evaluation:
        self._has_failed = True
        return self._ended(trial, {}, reason, None)

    def _ended(
        self,
        trial: Evaluation,
        values: Mapping[str, float],
        failure: str,
        state: Any,
        curves: dict[str, list[float]] | None = None,
    ) -> Evaluation:
        if curves is not None:
            self._curves[trial.candidate] = curves
        is_last = self._rungs is None or trial.rung == len(self._rungs) - 1
        return replace(
            trial,
            values=values,
            feasible=not failure and self._task.is_feasible(values),
            violations={} if failure else self._task.violations(values),
            failure=failure,
            state="failed" if failure else "complete" if is_last else "pruned",
            is_evaluated=True,
            detail=None if is_last else state,
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
        if curves := self._curves.get(evaluation.candidate):
            kept[CURVES] = curves
        if (state := _plain(evaluation.detail)) is not None:
            kept[_STATE] = json.dumps(state)
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
        """Yield the trials of earlier sessions that were evaluated, in the order of results."""
        finished = self._store.finished()
        due = {each.number: each.user_attrs.get(PROGRESS, {}).get(_DUE, 0.0) for each in finished}
        self._now = max(due.values(), default=0.0)
        for trial in sorted(finished, key=lambda each: (due[each.number], each.number)):
            if VALUES not in trial.user_attrs and _REASON not in trial.user_attrs:
                continue
            values = trial.user_attrs.get(VALUES, {})
            rung = trial.user_attrs.get(RUNG, 0)
            failure = trial.user_attrs.get(_REASON, "")
            is_last = self._rungs is None or rung == len(self._rungs) - 1
            state = trial.user_attrs.get(_STATE)
            candidate = trial.user_attrs.get(CANDIDATE, trial.number)
            if curves := trial.user_attrs.get(CURVES):
                self._curves[candidate] = curves
            evaluation = Evaluation(
                trial.number,
                dict(trial.params),
                values,
                self._task.is_feasible(values),
                failure,
                fidelity=self._fidelity(rung),
                candidate=candidate,
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


def _plain(state: Any) -> Any:
    """Return a state if a study can keep it: plain data that is not too long; else None."""
    try:
        text = json.dumps(state)
    except (TypeError, ValueError):
        return None
    return state if len(text) <= _MAX_STATE and json.loads(text) == state else None


def _name(function: object) -> str:
    """Return what a user calls a function."""
    inner = function.func if isinstance(function, functools.partial) else function
    return str(getattr(inner, "__qualname__", type(inner).__qualname__))

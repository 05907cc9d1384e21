"""The Optuna study of a run: the single source of truth, and the only writer of its storage."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState

from archsearch.record import SeedResult, TrialRecord
from archsearch.search.storage import Storage, storage_at
from archsearch.search.told import RUNG
from archsearch.space import Parameter, Params, SearchSpace, Value

logger = logging.getLogger(__name__)

#: objectives in the order that Optuna stores them
OBJECTIVES = ("accuracy", "latency_ms")
_DIRECTIONS = (StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE)

#: user attribute of a finished trial that holds its `TrialRecord`
RECORD = "record"
_ORIGIN = "origin"
#: attribute of the study: what the end of a run added, by trial number
FINALS = "finals"
#: attribute of the study: lines on latencies of the front that are open, by trial number
LATENCY_NOTES = "latency_notes"
#: attribute of the study: trainings of the front with other seeds, by trial number
OTHER_SEEDS = "other_seeds"
#: user attribute of a trial that proposed an architecture again: the first trial of it
REPEAT_OF = "repeat_of"
_INVALID = "invalid"
#: user attribute of a trial that goes on with a paused candidate: the trial that was paused
_CANDIDATE = "candidate"


@dataclass
class Proposal:
    """A trial that was asked for and is not told yet."""

    trial: Trial
    params: Params
    origin: str

    @property
    def number(self) -> int:
        """Optuna's trial number."""
        return self.trial.number


class StudyStore:
    """Asks, tells and reads back; see the Optuna facts that shaped it in ``docs/decisions.md``.

    Args:
        storage: where the study is; a text is an Optuna storage URL.
        name: of the study.
        space: what is searched.
        sampler: proposes parameters.
        constraints: names of the constraints, written in this order on every trial.
        told: called with the record of every trial that is told, repeats left out.

    Raises:
        RunError: the storage cannot be opened.
    """

    def __init__(
        self,
        storage: Storage | str,
        name: str,
        space: SearchSpace,
        sampler: optuna.samplers.BaseSampler | None = None,
        constraints: Sequence[str] = (),
        told: Callable[[TrialRecord], None] | None = None,
    ) -> None:
        self._told = told
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._constraints = tuple(constraints)
        place = storage_at(storage) if isinstance(storage, str) else storage
        with place.told("cannot be opened", Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study = optuna.create_study(
                storage=place.open(),
                study_name=name,
                directions=_DIRECTIONS,
                sampler=sampler,
                load_if_exists=True,
            )
            self.study.set_metric_names(list(OBJECTIVES))

    def ask(self) -> Proposal:
        """Return the next proposal: one that was interrupted, else the sampler's."""
        trial = self.study.ask()
        params = self._space.walk(lambda parameter: suggest(trial, parameter))
        # queued trials bring their origin along
        origin = trial.user_attrs.get(_ORIGIN)
        if origin is None:
            origin = getattr(self.study.sampler, "origin", type(self.study.sampler).__name__)
            trial.set_user_attr(_ORIGIN, origin)
        return Proposal(trial, params, str(origin))

    @property
    def exhausted(self) -> bool:
        """Whether the sampler has nothing new to propose."""
        return bool(getattr(self.study.sampler, "exhausted", False))

    def tell(
        self, proposal: Proposal, record: TrialRecord, violations: Mapping[str, float]
    ) -> None:
        """Finish a trial with what is known about it."""
        # the trial itself has the choices
        data = {key: value for key, value in record.to_dict().items() if key != "choices"}
        proposal.trial.set_user_attr(RECORD, data)
        self._finish(proposal, record, violations)
        if self._told is not None:
            self._told(record)

    def _finish(
        self, proposal: Proposal, record: TrialRecord, violations: Mapping[str, float]
    ) -> None:
        for name in self._constraints:
            proposal.trial.set_constraint(name, violations.get(name, 0.0))
        if record.state == "complete":
            values = (record.accuracy, record.latency_ms)
            self.study.tell(proposal.trial, values)  # type: ignore[arg-type]
        else:
            # infeasible and dominated candidates have no accuracy to compare: Optuna's PRUNED
            failed = record.state == "failed"
            state = TrialState.FAIL if failed else TrialState.PRUNED
            self.study.tell(proposal.trial, state=state)

    def tell_repeat(
        self, proposal: Proposal, known: TrialRecord, violations: Mapping[str, float]
    ) -> None:
        """Finish a trial whose architecture was told before, with what was told then."""
        proposal.trial.set_user_attr(REPEAT_OF, known.number)
        self._finish(proposal, known, violations)

    def tell_invalid(self, proposal: Proposal, reason: str) -> None:
        """Finish a trial whose parameters break a rule of the space, as wholly infeasible."""
        proposal.trial.set_user_attr(_INVALID, reason)
        for name in self._constraints:
            proposal.trial.set_constraint(name, 1.0)
        self.study.tell(proposal.trial, state=TrialState.PRUNED)

    def ask_for(self, params: Params, origin: str) -> Proposal:
        """Return a proposal of given parameters."""
        self.study.enqueue_trial(dict(params), user_attrs={_ORIGIN: origin})
        return self.ask()

    def promote(self, paused: TrialRecord, rung: int) -> Proposal:
        """Return a trial in which a paused candidate goes on to ``rung``, an index.

        A study is append-only, so each rung of a candidate is a trial of its own.
        """
        attributes = {_ORIGIN: paused.origin, RUNG: rung, _CANDIDATE: paused.number}
        self.study.enqueue_trial(dict(paused.choices), user_attrs=attributes)
        ahead = []
        while (proposal := self.ask()).trial.user_attrs.get(_CANDIDATE) != paused.number:
            ahead.append(proposal)
        for other in ahead:
            # what was queued before, such as trials that were interrupted, is queued again
            self.study.tell(other.trial, state=TrialState.FAIL)
            self.study.enqueue_trial(dict(other.params), user_attrs={_ORIGIN: other.origin})
        return proposal

    def recover(self) -> int:
        """Queue again what an earlier driver left unfinished; return how many trials.

        They would otherwise stay RUNNING for ever and bias samplers that count them. A candidate
        on its way to a higher rung is paused again.
        """
        unfinished = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in unfinished:
            origin = trial.user_attrs.get(_ORIGIN, "resumed")
            self.study.tell(trial.number, state=TrialState.FAIL)
            if RUNG in trial.user_attrs:
                continue
            if trial.params and not self._space.problems(trial.params):
                self.study.enqueue_trial(dict(trial.params), user_attrs={_ORIGIN: origin})
        return len(unfinished)

    def records(self) -> list[TrialRecord]:
        """Return every finished trial that has a record, in order of number."""
        return read_records(self.study)

    def set_finals(self, finals: Mapping[int, Mapping[str, Any]]) -> None:
        """Add fields to the records of finished trials, by number: Optuna keeps those frozen."""
        known = self.attribute(FINALS, {})
        added = {str(number): dict(fields) for number, fields in finals.items()}
        self.set_attribute(FINALS, {**known, **added})

    def add_seed(self, number: int, result: SeedResult) -> None:
        """Add a training with another seed to the record of trial ``number``."""
        known = self.attribute(OTHER_SEEDS, {})
        own = [*known.get(str(number), []), result.model_dump(mode="json")]
        self.set_attribute(OTHER_SEEDS, {**known, str(number): own})

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the whole study."""
        return self.study.user_attrs.get(name, default)

    def set_attribute(self, name: str, value: Any) -> None:
        """Set an attribute of the whole study."""
        self.study.set_user_attr(name, value)


def suggest(trial: Trial, parameter: Parameter) -> Value:
    """Ask a trial for the value of one parameter."""
    value = trial.suggest_categorical(parameter.name, list(parameter.values))
    assert value is not None, "no parameter has None among its values"
    return value


def read_records(study: optuna.Study) -> list[TrialRecord]:
    """Return the record of every finished trial of ``study``, in order of number.

    Of a candidate that was paused and went on, only the last one.
    """
    attributes = study.user_attrs
    finals, other_seeds = attributes.get(FINALS, {}), attributes.get(OTHER_SEEDS, {})
    finished = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if RECORD in trial.user_attrs and trial.state.is_finished()
    ]
    went_on = {trial.user_attrs.get(_CANDIDATE) for trial in finished}
    return [
        TrialRecord.model_validate(
            {
                **trial.user_attrs[RECORD],
                **finals.get(str(trial.number), {}),
                "other_seeds": other_seeds.get(str(trial.number), ()),
                "choices": trial.params,
            }
        )
        for trial in finished
        if trial.number not in went_on
    ]

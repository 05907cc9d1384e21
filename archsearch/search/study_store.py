"""The Optuna study of a search: the single source of truth, and the only writer of its storage."""

import contextlib
import logging
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from archsearch.record import SeedResult, TrialRecord
from archsearch.search.evaluation import Direction, Evaluation
from archsearch.search.interrupted import (
    BATCH,
    INHERITED,
    PLACE,
    TRAINING,
    Interrupted,
    last_batch,
)
from archsearch.search.samplers.surrogate.model_sampler import ModelSampler
from archsearch.search.samplers.surrogate.observed_trials import RUNG
from archsearch.search.storage import Storage, storage_at
from archsearch.search.transaction import together
from archsearch.space import Parameter, Params, SearchSpace, Value

logger = logging.getLogger(__name__)

#: objectives of a run that names none, in the order that Optuna stores them
OBJECTIVES: dict[str, Direction] = {"accuracy": "max", "latency_ms": "min"}

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
#: user attribute of a trial: what is kept of it while it is in progress; see `Evaluation.notes`
PROGRESS = "progress"
#: user attribute of a trial that goes on with a paused candidate: the first trial of it; runs of
#: earlier versions have the trial that was paused last
CANDIDATE = "candidate"


class Unfinished(NamedTuple):
    """How many trials earlier sessions left without an end.

    Attributes:
        begun: their evaluation had begun, and begins again.
        proposed: they were proposed, and nothing was begun.
    """

    begun: int
    proposed: int


NOTHING_UNFINISHED = Unfinished(0, 0)


class StudyStore:
    """Asks, tells and reads back; see the Optuna facts that shaped it in ``docs/decisions.md``.

    Args:
        storage: where the study is; a text is an Optuna storage URL, None keeps it in memory.
        name: of the study.
        space: what is searched.
        sampler: proposes parameters.
        constraints: names of the constraints, written in this order on every trial.
        objectives: direction by name, in the order that Optuna stores them.

    Raises:
        RunError: the storage cannot be opened.
    """

    def __init__(
        self,
        storage: Storage | str | None,
        name: str,
        space: SearchSpace,
        sampler: optuna.samplers.BaseSampler | None = None,
        constraints: Sequence[str] = (),
        objectives: Mapping[str, Direction] = OBJECTIVES,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space = space
        self._constraints = tuple(constraints)
        self._objectives = tuple(objectives)
        self._asked: dict[int, Trial] = {}
        self._notes: dict[int, dict[str, Any]] = {}
        self._queued = 0
        place = storage_at(storage) if isinstance(storage, str) else storage
        errors = (
            place.explain_errors("cannot be opened", Exception)
            if place
            else contextlib.nullcontext()
        )
        with errors, warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.study = optuna.create_study(
                storage=place.open() if place else None,
                study_name=name,
                directions=["maximize" if d == "max" else "minimize" for d in objectives.values()],
                sampler=sampler,
                load_if_exists=True,
            )
            self.study.set_metric_names(list(objectives))

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Let the study have all that is written in the block, or nothing of it."""
        with together(self.study._storage):
            yield

    def ask(self, notes: Mapping[str, Any] | None = None) -> Evaluation:
        """Return the next proposal: one that was put back, else the sampler's.

        Args:
            notes: to keep with it while it is in progress.
        """
        with self.together():
            trial = self.study.ask()
            self._queued = max(0, self._queued - 1)
            return self._proposed(trial, notes)

    def _proposed(self, trial: Trial, notes: Mapping[str, Any] | None = None) -> Evaluation:
        params = self._space.walk(lambda parameter: suggest(trial, parameter))
        attributes = trial.user_attrs
        # queued trials have their origin
        origin = attributes.get(_ORIGIN)
        if origin is None:
            origin = getattr(self.study.sampler, "origin", type(self.study.sampler).__name__)
            trial.set_user_attr(_ORIGIN, origin)
        self._asked[trial.number] = trial
        self._notes[trial.number] = dict(attributes.get(PROGRESS, {}))
        kept = self.note(trial.number, notes) if notes else self._notes[trial.number]
        return Evaluation(
            trial.number,
            params,
            origin=str(origin),
            candidate=attributes.get(CANDIDATE, trial.number),
            rung=attributes.get(RUNG, 0),
            notes=kept,
        )

    def note(self, number: int, notes: Mapping[str, Any]) -> dict[str, Any]:
        """Keep ``notes``, plain data, with a trial in progress; return all that it has."""
        kept = {**self._notes[number], **notes}
        self._asked[number].set_user_attr(PROGRESS, kept)
        self._notes[number] = kept
        return kept

    def choose(self, paused: Sequence[int], whole: Collection[int], is_last: bool) -> int | None:
        """Return the paused candidate that the sampler would continue; None for none."""
        sampler = self.study.sampler
        assert isinstance(sampler, ModelSampler), "other samplers do not choose"
        return sampler.continue_with(self.study, paused, whole, is_last)

    @property
    def chooses(self) -> bool:
        """Whether the sampler can choose who continues."""
        return isinstance(self.study.sampler, ModelSampler)

    @property
    def exhausted(self) -> bool:
        """Whether the sampler has nothing new to propose."""
        return bool(getattr(self.study.sampler, "exhausted", False))

    @property
    def has_queued(self) -> bool:
        """Whether trials that were interrupted wait to be asked for again."""
        return self._queued > 0

    def tell(self, evaluation: Evaluation, attributes: Mapping[str, Any]) -> None:
        """Finish a trial with what is known about it.

        Args:
            evaluation: its end.
            attributes: user attributes to keep with it, plain data.
        """
        with self.together():
            trial = self._asked[evaluation.number]
            for name, value in attributes.items():
                trial.set_user_attr(name, value)
            self._finish(evaluation.number, evaluation)

    def _finish(self, number: int, result: Evaluation) -> None:
        trial = self._asked.pop(number)
        self._notes.pop(number, None)
        for name in self._constraints:
            trial.set_constraint(name, result.violations.get(name, 0.0))
        if result.state == "complete":
            self.study.tell(trial, [result.values[name] for name in self._objectives])
        else:
            # a study compares complete trials: what was not evaluated at the last fidelity, or not
            # at all, must not be among them
            failed = result.state == "failed"
            self.study.tell(trial, state=TrialState.FAIL if failed else TrialState.PRUNED)

    def tell_repeat(self, number: int, known: Evaluation, *, reuse: bool) -> None:
        """Finish a trial whose configuration was proposed before.

        Args:
            number: of the trial.
            known: the earlier trial.
            reuse: give the trial the earlier one's result; otherwise it has none.
        """
        with self.together():
            if reuse:
                self._asked[number].set_user_attr(REPEAT_OF, known.number)
                self._finish(number, known)
            else:
                self._finish(number, replace(known, state="pruned"))

    def put_back(self, proposed: Evaluation) -> None:
        """End a proposal without a result, and queue it, as measured, for a later session."""
        with self.together():
            trial = self._asked.pop(proposed.number)
            known = self._notes.pop(proposed.number)
            for name in self._constraints:
                trial.set_constraint(name, proposed.violations.get(name, 0.0))
            self.study.tell(trial, state=TrialState.FAIL)
            gone = (BATCH, PLACE, INHERITED)
            notes = {name: note for name, note in known.items() if name not in gone}
            attributes = {_ORIGIN: proposed.origin, PROGRESS: notes}
            self.study.enqueue_trial(dict(proposed.params), user_attrs=attributes)

    def tell_invalid(self, number: int, reason: str) -> None:
        """Finish a trial whose parameters break a rule of the space, as wholly infeasible."""
        with self.together():
            trial = self._asked.pop(number)
            self._notes.pop(number, None)
            trial.set_user_attr(_INVALID, reason)
            for name in self._constraints:
                trial.set_constraint(name, 1.0)
            self.study.tell(trial, state=TrialState.PRUNED)

    def ask_for(self, params: Params, origin: str) -> Evaluation:
        """Return a proposal of given parameters; trials that were queued before come first."""
        with self.together():
            self.study.enqueue_trial(dict(params), user_attrs={_ORIGIN: origin})
            self._queued += 1
            return self.ask()

    def promote(self, paused: Evaluation, rung: int, notes: Mapping[str, Any]) -> Evaluation:
        """Return a trial in which a paused candidate goes on to ``rung``, an index.

        A study is append-only, so each rung of a candidate is a trial of its own. It does not go
        through the queue, where others may wait that the plan has no room for.

        Args:
            paused: the trial that it goes on from.
            rung: index of the fidelity.
            notes: to keep with it while it is in progress.
        """
        attributes = {
            _ORIGIN: paused.origin,
            RUNG: rung,
            CANDIDATE: paused.candidate,
            PROGRESS: dict(notes),
        }
        fixed = {"fixed_params": dict(paused.params)}  # as `enqueue_trial` has it
        with self.together():
            template = create_trial(
                state=TrialState.RUNNING, user_attrs=attributes, system_attrs=fixed
            )
            self.study.add_trial(template)
            running = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
            added = max(running, key=lambda each: each.number)
            return self._proposed(Trial(self.study, added._trial_id))

    def drop(self, number: int) -> None:
        """End a trial in progress without a result."""
        self._asked.pop(number)
        self._notes.pop(number, None)
        self.study.tell(number, state=TrialState.FAIL)

    def recover(self) -> tuple[Interrupted, Unfinished]:
        """Return the trials that an earlier driver left in progress, which go on as they are.

        Their numbers, places and measurements stay, so that a search goes the same way however
        often it is killed. Those that the space has no more are ended.
        """
        trials = self.study.get_trials(deepcopy=False)
        notes = {each.number: each.user_attrs.get(PROGRESS, {}) for each in trials}
        taken_up = list[Evaluation]()
        begun = 0
        for trial in trials:
            if trial.state != TrialState.RUNNING:
                continue
            begun += bool(notes[trial.number].get(TRAINING))
            if _ORIGIN in trial.user_attrs and self._space.problems(
                trial.params or trial.system_attrs.get("fixed_params", {})
            ):
                self.study.tell(trial.number, state=TrialState.FAIL)
                continue
            taken_up.append(self._proposed(Trial(self.study, trial._trial_id)))
        self._queued = sum(each.state == TrialState.WAITING for each in trials)
        training = sum(bool(each.notes.get(TRAINING)) for each in taken_up)
        proposed = self._queued + len(taken_up) - training
        states = {each.number: each.state.is_finished() for each in trials}
        return Interrupted(tuple(taken_up), last_batch(notes, states)), Unfinished(begun, proposed)

    def finished(self) -> list[FrozenTrial]:
        """Return every trial that has ended, in order of number."""
        return [t for t in self.study.get_trials(deepcopy=False) if t.state.is_finished()]

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

    Of a candidate that was paused and went on, only the last one. What inherited from it names
    that one too.
    """
    attributes = study.user_attrs
    finals, other_seeds = attributes.get(FINALS, {}), attributes.get(OTHER_SEEDS, {})
    finished = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if RECORD in trial.user_attrs and trial.state.is_finished()
    ]
    first = first_trials(finished)
    last = {first[trial.number]: trial.number for trial in finished}
    return [
        TrialRecord.model_validate(
            {
                **_naming_last(trial.user_attrs[RECORD], first, last),
                **finals.get(str(trial.number), {}),
                "other_seeds": other_seeds.get(str(trial.number), ()),
                "choices": trial.params,
            }
        )
        for trial in finished
        if last[first[trial.number]] == trial.number
    ]


def _naming_last(
    record: Mapping[str, Any], first: Mapping[int, int], last: Mapping[int, int]
) -> dict[str, Any]:
    """Return a record that names its donor, if any, by the last trial of that candidate."""
    donor = record.get("inherited") or {}
    number = donor.get("trial")
    if not isinstance(number, int) or number not in first:
        return dict(record)
    return {**record, "inherited": {**donor, "trial": last[first[number]]}}


def first_trials(trials: Iterable[FrozenTrial]) -> dict[int, int]:
    """Return by number of each trial that of the first trial of its candidate."""
    first: dict[int, int] = {}
    for trial in trials:
        begun = trial.user_attrs.get(CANDIDATE, trial.number)
        first[trial.number] = first.get(begun, begun)
    return first

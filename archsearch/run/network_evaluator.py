"""Trains the candidates of a run, by an executor, and keeps their records and weights."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archsearch.cluster import EpochEvent, Event, Executor, FailedEvent, FinishedEvent, Job, Paused
from archsearch.errors import TrialError
from archsearch.model.transfer import Donor
from archsearch.record import FIRST_TARGET, Quantization, State, TrialRecord
from archsearch.run.config import SearchConfig
from archsearch.run.early_stopping import DominanceRule
from archsearch.run.inheritance import LAYERS_KEPT, Inheritance, kept_layers
from archsearch.run.int8_accuracy import Judge
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.run.network_values import evaluation_of, point_of, record_of
from archsearch.run.run_folder import RunFolder
from archsearch.run.status import Listener
from archsearch.search.evaluation import Evaluation
from archsearch.search.interrupted import TRAINING
from archsearch.search.rungs import epoch_rungs
from archsearch.search.samplers.surrogate.observed_trials import RUNG
from archsearch.search.study_store import RECORD, StudyStore, first_trials
from archsearch.search.trial_log import TrialLog
from archsearch.space import SearchSpace
from archsearch.train import Recipe

logger = logging.getLogger(__name__)

_LAYERS_KEPT = LAYERS_KEPT


class NetworkEvaluator:
    """Trains candidates; results are used as they come.

    Args:
        config: what is asked for.
        recipe: how candidates are trained.
        space: what is searched.
        store: the study.
        start_executor: starts what trains candidates, when there is one to train; its stop rule
            must be ``rule``'s. Until then the machine is the probe's, and a run that finds nothing
            within the budget starts no worker.
        num_workers: candidates trained at the same time.
        rule: decides on early stopping; None trains everything to the end.
        guess: latency model shared with the sampler.
        folder: where weights are kept.
        listener: receives progress.
        elapsed_before_s: seconds that earlier sessions of the run took.
        on_record: called with the record of every finished trial.
        judge: what a trained candidate is worth in int8; None where latency is not in int8.
        inheritance: what candidates begin with; None for new weights.

    Attributes:
        epochs: epochs trained, those of earlier sessions included.
        executor: None until the first training.
    """

    def __init__(
        self,
        config: SearchConfig,
        recipe: Recipe,
        space: SearchSpace,
        store: StudyStore,
        start_executor: Callable[[], Executor],
        num_workers: int,
        rule: DominanceRule | None,
        guess: LatencyRegression,
        folder: RunFolder,
        listener: Listener,
        elapsed_before_s: float = 0.0,
        on_record: Callable[[TrialRecord], None] | None = None,
        judge: Judge | None = None,
        inheritance: Inheritance | None = None,
    ) -> None:
        self._config, self._recipe, self._space, self._store = config, recipe, space, store
        self._start_executor, self._num_workers = start_executor, num_workers
        self._rule, self._guess, self._folder, self._listener = rule, guess, folder, listener
        self._rungs = epoch_rungs(config.pauses(recipe.epochs), config.promote, recipe.epochs)
        self._on_record = on_record or (lambda record: None)
        self._judge = judge
        self._inheritance = inheritance
        # in the order of submission, which is that in which workers begin them
        self._trials: dict[int, Evaluation] = {}
        self._begun: set[int] = set()
        self._has_failed = False
        self._began = time.perf_counter()
        self._before_s = elapsed_before_s
        self.executor: Executor | None = None
        self.epochs = 0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began, earlier sessions included."""
        return self._before_s + time.perf_counter() - self._began

    def room(self, running: int) -> int:
        """Return how many candidates to put before the workers, who are to have some ahead."""
        waiting = self.executor.waiting if self.executor else 0
        if waiting >= max(1, self._num_workers // 2):
            return 0
        return 2 * self._num_workers - waiting

    def begin(self, trial: Evaluation, paused: Evaluation | None) -> None:
        """Submit a candidate for training, up to the epochs of its rung."""
        record = record_of(trial)
        state, start = None, None
        if paused is not None:
            state = self._folder.read_paused(record.digest)
            # a study is append-only: the trial of the next rung repeats what is known
            record = record.model_copy(
                update={"number": trial.number, "state": "running", "curve": (), "reason": ""}
            )
            trial = replace(trial, detail=record)
        if self._inheritance is not None:
            record, start = self._begun_with(self._inheritance, trial, record, paused is not None)
            trial = replace(trial, detail=record)
            if paused is not None and record.inherited != record_of(paused).inherited:
                state = None
        assert record.latency is not None, "what is trained was measured first"
        if self._rule is not None and self._is_compared(record):
            # a guess stops nobody early
            least = {name: each.claimed_ms for name, each in record.more_latencies.items()}
            self._rule.expect(
                trial.number, record.latency.claimed_ms or 0.0, self._more(record, least, 0.0)
            )
        self._trials[trial.number] = trial
        if self.executor is None:
            self.executor = self._start_executor()
        until = self._epochs_of(trial.rung) if len(self._rungs) > 1 else None
        going_on = (
            Paused(record_of(paused).curve, state)
            if paused is not None and state is not None
            else None
        )
        self.executor.submit(
            Job(trial.number, record.arch, self._recipe, self._config.seed, until, going_on, start)
        )
        self._mark_begun()

    def _begun_with(
        self, inheritance: Inheritance, trial: Evaluation, record: TrialRecord, goes_on: bool
    ) -> tuple[TrialRecord, Donor | None]:
        """Return the record with what the training begins, or began, with."""
        if not goes_on:
            return inheritance.begin(record, trial.notes)
        start = inheritance.start_of(record.inherited)
        if record.inherited is not None and start is None:
            # its key says what it began with: without these weights it is another training
            self._listener.line(
                f"trial {trial.number}: the weights that it began with are gone, so it begins again"
            )
            return inheritance.begin(record, {})
        return record, start

    def _is_compared(self, record: TrialRecord) -> bool:
        """Tell whether a candidate is compared with others while it trains.

        Where candidates inherit, the first have nobody to inherit from: they learn later.
        """
        return self._inheritance is None or record.inherited is not None

    def _mark_begun(self) -> None:
        """Note in the study what is in training: as many as there are workers."""
        for number in list(self._trials)[: self._num_workers]:
            if number not in self._begun:
                self._begun.add(number)
                self._store.note(number, {TRAINING: True})

    def results(self) -> Iterable[Evaluation]:
        """Return what has ended, if anything has within a tenth of a second."""
        event = self.executor.next_event(timeout_s=0.1) if self.executor else None
        ended = self._ended(event) if event is not None else None
        self._mark_begun()
        return () if ended is None else (ended,)

    def _ended(self, event: Event) -> Evaluation | None:
        trial = self._trials[event.job.trial]
        if isinstance(event, EpochEvent):
            self.epochs += 1
            record = record_of(trial)
            if record.started_s is None:
                started_s = max(0.0, self.elapsed_s - event.metrics.seconds)
                record = record.model_copy(update={"started_s": started_s})
                self._trials[trial.number] = replace(trial, detail=record)
            return None
        del self._trials[event.job.trial]
        if isinstance(event, FailedEvent):
            return self._failed(trial, event)
        if event.is_paused:
            self._keep_paused(trial, event)
        reason = event.stopped
        if event.is_paused:
            reason = f"paused after epoch {len(event.curve)} of {self._recipe.epochs}"
        quantization = None
        if not reason and self._judge is not None:
            try:
                quantization = self._judge(event.job.arch, event.saved())
            except TrialError as error:
                failure = FailedEvent(event.job, event.curve, str(error), "")
                return self._failed(trial, failure)
        if not reason:
            self._keep_weights(trial, event)
        state: State = "pruned" if reason else "complete"
        return self._result(trial, state, reason, event, quantization)

    def _result(
        self,
        trial: Evaluation,
        state: State,
        reason: str,
        event: FinishedEvent | FailedEvent,
        quantization: Quantization | None = None,
    ) -> Evaluation:
        curve = tuple(event.curve)
        trained = quantization.accuracy if quantization else curve[-1].accuracy if curve else None
        record = record_of(trial).model_copy(
            update={
                "state": state,
                "reason": reason,
                "curve": curve,
                "accuracy": trained if state == "complete" else None,
                "quantization": quantization,
                "finished_s": self.elapsed_s,
            }
        )
        return replace(evaluation_of(record, self._config, trial), is_evaluated=True)

    def _failed(self, trial: Evaluation, event: FailedEvent) -> Evaluation:
        self._listener.line(f"trial {trial.number} failed: {event.reason}")
        if not self._has_failed and event.details:
            self._listener.line(event.details)
        elif event.details:
            logger.info("%s", event.details)
        self._has_failed = True
        self._folder.drop_paused(trial.digest)
        return self._result(trial, "failed", event.reason, event)

    def _keep_paused(self, trial: Evaluation, event: FinishedEvent) -> None:
        """Write what the candidate needs to go on; without it, it would begin again."""
        try:
            self._folder.write_paused(trial.digest, event.saved())
        except TrialError as error:
            self._listener.line(f"trial {trial.number}: {error}")

    def _keep_weights(self, trial: Evaluation, event: FinishedEvent) -> None:
        """Write the weights of a whole training, before the study says that it has ended.

        So every trial of the front has its weights, wherever the run is killed.
        """
        try:
            self._folder.write_weights(trial.digest, event.saved())
        except TrialError as error:
            self._listener.line(f"trial {trial.number}: {error}")

    def _epochs_of(self, rung: int) -> int:
        return int(self._rungs.fidelities[rung])

    # -- results

    def point(self, evaluation: Evaluation) -> Sequence[float] | None:
        """Return the objectives at the trial's rung; None where it did not reach it."""
        record = record_of(evaluation)
        epochs = self._epochs_of(evaluation.rung)
        if not evaluation.is_evaluated or evaluation.state == "failed":
            return None
        return point_of(record, self._config, record.curve[:epochs])

    def attributes(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """Return the record, without the choices, which the trial itself has."""
        data = record_of(evaluation).to_dict()
        return {RECORD: {key: value for key, value in data.items() if key != "choices"}}

    def recorded(self, evaluation: Evaluation, log: TrialLog) -> None:
        """Drop weights off the front; the stopping rule learns from whole trainings."""
        record = record_of(evaluation)
        self._learn(record)
        if self._inheritance is not None:
            self._inheritance.learn(record)
        self._on_record(record)
        if record.state == "complete":
            self._folder.drop_paused(record.digest)
            self._drop_weights(log)

    def _learn(self, record: TrialRecord) -> None:
        if self._rule is None or record.state != "complete" or record.latency is None:
            return
        if not self._is_compared(record):
            return
        high = record.latency.at_most_ms
        if high is not None:
            most = {name: each.at_most_ms for name, each in record.more_latencies.items()}
            more = self._more(record, most, math.inf)
            self._rule.finished(record.number, high, record.curve, more)

    def _more(
        self, record: TrialRecord, known_ms: Mapping[str, float | None], unknown: float
    ) -> list[float]:
        """Return the objectives beside accuracy and the first latency, for the stopping rule."""
        more = []
        for name in self._config.directions:
            if name in ("accuracy", FIRST_TARGET):
                continue
            value = known_ms[name] if name in known_ms else record.value(name)
            more.append(unknown if value is None else value)
        return more

    def _drop_weights(self, log: TrialLog) -> None:
        """Keep the weights of the first non-dominated layers; drop those that fell off.

        Lower layers are kept until the end because the final measurement may drop points of the
        first. So are the weights of a candidate whose end the study does not know yet.
        """
        records = [record_of(each) for each in log.latest]
        kept = {trial.digest for trial in self._trials.values()}
        kept |= kept_layers(records, self._config.aims, _LAYERS_KEPT)
        self._folder.drop_weights_but(kept)
        if self._inheritance is not None:
            self._inheritance.keep(kept, map(record_of, self._trials.values()))

    # -- earlier sessions

    def restored(self) -> Iterable[Evaluation]:
        """Yield the trials of earlier sessions, after latency model and stopping rule saw them."""
        trials = [trial for trial in self._store.finished() if RECORD in trial.user_attrs]
        first = first_trials(trials)
        trained: dict[int, int] = {}
        for trial in trials:
            data = {**trial.user_attrs[RECORD], "choices": trial.params}
            record = TrialRecord.model_validate(data)
            candidate = first[trial.number]
            if candidate not in trained:
                self._guess_from(record)
            # the curve of a candidate that went on begins with the epochs of its rungs before
            self.epochs += max(0, len(record.curve) - trained.get(candidate, 0))
            trained[candidate] = len(record.curve)
            self._learn(record)
            if self._inheritance is not None:
                self._inheritance.learn(record)
            has_failed = record.state == "failed" and record.latency is not None
            like = Evaluation(
                trial.number,
                dict(trial.params),
                origin=record.origin,
                candidate=candidate,
                digest=record.digest,
                rung=trial.user_attrs.get(RUNG, 0),
                is_evaluated=bool(record.curve) or has_failed,
            )
            yield evaluation_of(record, self._config, like)

    def _guess_from(self, record: TrialRecord) -> None:
        params = self._space.params_of(record.arch)
        if params is None:
            return
        if record.latency is not None:
            self._guess.learn(params, record.latency)
        for name, latency in record.more_latencies.items():
            self._guess.learn(params, latency, name)
        wanted = {*self._config.limits, *self._config.directions}
        sizes = {n: getattr(record, n) for n in ("params", "macs", "memory_bytes") if n in wanted}
        self._guess.observe_sizes(params, {name: size for name, size in sizes.items() if size})

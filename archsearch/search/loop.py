"""The search itself: ask -> gate -> train -> tell, until enough candidates are trained."""

import logging
import time
from collections.abc import Callable

from archsearch.activity import doing
from archsearch.analysis import pareto_front
from archsearch.cluster import EpochEvent, Event, Executor, FailedEvent, FinishedEvent, Job, Paused
from archsearch.errors import RunError, TrialError
from archsearch.record import TrialRecord
from archsearch.search.config import SearchConfig
from archsearch.search.gate import Gate
from archsearch.search.intake import Intake
from archsearch.search.latency_guess import LatencyGuess
from archsearch.search.ledger import Candidate, Ledger
from archsearch.search.promotion import promotion_of
from archsearch.search.run_folder import RunFolder
from archsearch.search.status import Listener, SearchStatus, SilentListener
from archsearch.search.stopping import DominanceRule
from archsearch.search.store import StudyStore
from archsearch.space import SearchSpace
from archsearch.train import Recipe

logger = logging.getLogger(__name__)

#: a run whose first candidates all fail is stopped after this many
_MAX_FIRST_FAILURES = 5
_LAYERS_KEPT = 4
_STATUS_EVERY_S = 0.25


class SearchLoop:
    """Drives one session of a run.

    Args:
        config: what is asked for.
        recipe: how candidates are trained.
        space: what is searched.
        store: the study.
        gate: counts and latency.
        start_executor: starts what trains candidates, when there is one to train; its stop rule
            must be ``rule``'s. Until then the machine is the probe's, and a run that finds nothing
            within the budget starts no worker.
        num_workers: candidates trained at the same time.
        rule: decides on early stopping; None trains everything to the end.
        guess: latency model shared with the sampler.
        folder: where weights are kept.
        listener: watches.
        elapsed_before_s: seconds that earlier sessions of the run took.
    """

    def __init__(
        self,
        config: SearchConfig,
        recipe: Recipe,
        space: SearchSpace,
        store: StudyStore,
        gate: Gate,
        start_executor: Callable[[], Executor],
        num_workers: int,
        rule: DominanceRule | None,
        guess: LatencyGuess,
        folder: RunFolder,
        listener: Listener | None = None,
        elapsed_before_s: float = 0.0,
    ) -> None:
        self._config = config
        self._recipe = recipe
        self._start_executor = start_executor
        self._num_workers = num_workers
        self._executor: Executor | None = None
        self._rule = rule
        self._folder = folder
        self._listener = listener or SilentListener()
        self._promotion = promotion_of(config.rungs, config.promote, recipe.epochs)
        self._ledger = Ledger(config, store, rule, self._promotion)
        self._intake = Intake(config, space, store, gate, guess, self._ledger, self._listener)
        self._in_flight: dict[int, Candidate] = {}
        self._interrupted = self._ledger.restore(space, guess)
        self._began = time.perf_counter()
        self._before_s = elapsed_before_s
        self._epochs_before = self._ledger.epochs
        self._trained_before = self._ledger.trained
        self._last_status = 0.0
        self._said_idle = False

    def run(self) -> None:
        """Search until the trials or the time are used up, or the space is.

        Raises:
            BudgetUnreachableError: nothing in the space meets the latency budget.
            RunError: the first candidates all failed, or the machinery did.
        """
        if self._ledger.records or self._interrupted:
            self._listener.line(
                f"resuming: {self._ledger.trained} of {self._config.execution.trials} candidates "
                f"are trained, {self._interrupted} were interrupted and start again"
            )
        while True:
            self._feed()
            if not self._in_flight and not self._promote(at_least=1):
                break
            event = self._executor.next_event(timeout_s=0.1) if self._executor else None
            if event is not None:
                self._handle(event)
            self._show("searching")
        self._show("searched", force=True)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began, earlier sessions included."""
        return self._before_s + time.perf_counter() - self._began

    def _feed(self) -> None:
        """Put candidates before the workers while they have too little ahead."""
        if self._waiting >= max(1, self._num_workers // 2) or self._promote():
            return
        while (wanted := self._wanted()) > 0:
            in_flight = {candidate.digest for candidate in self._in_flight.values()}
            with doing("proposing candidates"):
                batch = self._intake.propose(wanted, in_flight)
            if batch:
                self._show("measuring latency", force=True)
            feasible = self._intake.measure(batch)
            counts = self._ledger.counts
            if not feasible and not self._in_flight and counts["complete"] + counts["pruned"] == 0:
                feasible = self._intake.reachable()
            for candidate in feasible:
                self._submit(candidate)
            if feasible or (not batch and self._in_flight):
                return

    def _wanted(self) -> int:
        """Return how many candidates to put before the workers now."""
        begun = sum(candidate.rung == 0 for candidate in self._in_flight.values())
        left = self._config.execution.trials - self._ledger.trained - begun
        if left <= 0 or self._is_late or self._intake.exhausted or self._is_idle():
            return 0
        return min(left, 2 * self._num_workers - self._waiting)

    @property
    def _is_late(self) -> bool:
        limit = self._config.execution.time_limit_s
        return limit is not None and time.perf_counter() - self._began >= limit

    def _promote(self, at_least: int = 0) -> bool:
        """Put a paused candidate that goes on before the workers; return whether there was one.

        When the time is over, that happens only until one candidate is trained to the end.
        """
        if self._is_late and (not at_least or self._ledger.counts["complete"]):
            return False
        found = self._ledger.promote(at_least)
        if found is None:
            return False
        candidate, record = found
        state = self._folder.read_paused(candidate.digest)
        self._submit(candidate, Paused(record.curve, state) if state is not None else None)
        return True

    def _is_idle(self) -> bool:
        if self._ledger.is_idle and not self._said_idle:
            self._said_idle = True
            patience = self._config.execution.patience
            self._listener.line(f"no gain in hypervolume for {patience} candidates: nothing new")
        return self._ledger.is_idle

    @property
    def _waiting(self) -> int:
        return self._executor.waiting if self._executor else 0

    def _submit(self, candidate: Candidate, paused: Paused | None = None) -> None:
        assert candidate.latency is not None, "what is trained was measured first"
        if self._rule is not None:
            # a guess stops nobody early
            self._rule.expect(candidate.number, candidate.latency.claimed_ms or 0.0)
        self._in_flight[candidate.number] = candidate
        if self._executor is None:
            self._show("starting to train", force=True)
            self._executor = self._start_executor()
        until = self._promotion.epochs[candidate.rung] if self._promotion is not None else None
        job = Job(candidate.number, candidate.arch, self._recipe, self._config.seed, until, paused)
        self._executor.submit(job)

    def _handle(self, event: Event) -> None:
        candidate = self._in_flight[event.job.trial]
        if isinstance(event, EpochEvent):
            self._ledger.epochs += 1
            if candidate.started_s is None:
                candidate.started_s = max(0.0, self.elapsed_s - event.metrics.seconds)
            return
        del self._in_flight[event.job.trial]
        if isinstance(event, FailedEvent):
            self._failed(candidate, event)
            return
        reason = event.stopped
        if event.is_paused:
            self._keep_paused(candidate, event)
            reason = f"paused after epoch {len(event.curve)} of {self._recipe.epochs}"
        record = self._ledger.tell(
            candidate,
            "pruned" if reason else "complete",
            reason=reason,
            curve=event.curve,
            finished_s=self.elapsed_s,
        )
        if record.state == "complete":
            self._folder.drop_paused(record.digest)
            self._keep_weights(record, event)

    def _keep_paused(self, candidate: Candidate, event: FinishedEvent) -> None:
        """Write what the candidate needs to go on; without it, it would begin again."""
        try:
            self._folder.write_paused(candidate.digest, event.saved())
        except TrialError as error:
            self._listener.line(f"trial {candidate.number}: {error}")

    def _failed(self, candidate: Candidate, event: FailedEvent) -> None:
        ledger = self._ledger
        logger.warning("trial %d failed: %s\n%s", candidate.number, event.reason, event.details)
        self._listener.line(f"trial {candidate.number} failed: {event.reason}")
        if ledger.counts["failed"] == 0 and event.details:
            self._listener.line(event.details)
        ledger.tell(
            candidate,
            "failed",
            reason=event.reason,
            curve=event.curve,
            finished_s=self.elapsed_s,
        )
        self._folder.drop_paused(candidate.digest)
        if ledger.counts["failed"] == ledger.trained >= _MAX_FIRST_FAILURES:
            raise RunError(
                f"the first {ledger.trained} candidates all failed; the last one said: "
                f"{event.reason}; see {self._folder.log}"
            )

    def _keep_weights(self, record: TrialRecord, event: FinishedEvent) -> None:
        """Keep weights of the first non-dominated layers; drop those that fell off.

        Lower layers are kept until the end because the final measurement may drop points of the
        first.
        """
        kept = {each.digest for each in self._ledger.layers(_LAYERS_KEPT)}
        if record.digest in kept:
            try:
                self._folder.write_weights(record.digest, event.saved())
            except TrialError as error:
                self._listener.line(f"trial {record.number}: {error}")
        self._folder.drop_weights_but(kept)

    def _show(self, phase: str, force: bool = False) -> None:
        now = time.perf_counter()
        if not force and now - self._last_status < _STATUS_EVERY_S:
            return
        self._last_status = now
        ledger, counts = self._ledger, self._ledger.counts
        front = pareto_front(ledger.records, self._config.budgets.latency_ms)
        self._listener.status(
            SearchStatus(
                phase=phase,
                trials=self._config.execution.trials,
                trained=ledger.trained,
                running=self._executor.running if self._executor else 0,
                complete=counts["complete"],
                pruned=counts["pruned"],
                infeasible=counts["infeasible"],
                failed=counts["failed"],
                front_size=len(front),
                best_accuracy=front[-1].accuracy if front else None,
                best_latency_ms=front[-1].latency_ms if front else None,
                epochs=ledger.epochs,
                elapsed_s=now - self._began,
                remaining_s=self._remaining_s(now - self._began),
            )
        )

    def _remaining_s(self, elapsed: float) -> float | None:
        """Estimate from the epochs of this session and the epochs that a candidate took."""
        ledger, execution = self._ledger, self._config.execution
        epochs = ledger.epochs - self._epochs_before
        remaining = None
        if ledger.trained - self._trained_before >= 2 and epochs > 0:
            finished = [record for record in ledger.records if record.curve]
            per_trial = sum(len(record.curve) for record in finished) / max(1, len(finished))
            begun = ledger.epochs - sum(len(record.curve) for record in finished)
            left = per_trial * max(0, execution.trials - ledger.trained) - begun
            remaining = elapsed / epochs * max(0.0, left)
        if execution.time_limit_s is not None:
            until_limit = max(0.0, execution.time_limit_s - elapsed)
            remaining = until_limit if remaining is None else min(remaining, until_limit)
        return remaining

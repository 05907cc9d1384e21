"""The search itself: ask -> gate -> train -> tell, until enough candidates are trained."""

import logging
import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.cluster import EpochEvent, Event, Executor, FailedEvent, FinishedEvent, Job
from archsearch.cost import ArchCounts
from archsearch.errors import BudgetUnreachableError, RunError, TrialError
from archsearch.record import LatencyResult, State, TrialRecord
from archsearch.search.config import SearchConfig
from archsearch.search.gate import Gate
from archsearch.search.latency_guess import LatencyGuess
from archsearch.search.run_folder import RunFolder
from archsearch.search.status import Listener, SearchStatus, SilentListener
from archsearch.search.stopping import DominanceRule
from archsearch.search.store import Proposal, StudyStore
from archsearch.space import SearchSpace
from archsearch.train import Recipe

logger = logging.getLogger(__name__)

#: a run whose first candidates all fail is stopped after this many
_MAX_FIRST_FAILURES = 5
#: measured candidates, none within the budget, before the fastest one is looked for on purpose
_MAX_INFEASIBLE_START = 24
_STATUS_EVERY_S = 0.25


@dataclass
class Candidate:
    """A proposal with everything known about it so far."""

    proposal: Proposal
    arch: Arch
    digest: str
    counts: ArchCounts
    latency: LatencyResult | None = None
    started_s: float | None = None


class SearchLoop:
    """Drives one session of a run.

    Args:
        config: what is asked for.
        recipe: how candidates are trained.
        space: what is searched.
        store: the study.
        gate: counts and latency.
        executor: trains candidates; its stop rule must be ``rule``'s.
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
        executor: Executor,
        rule: DominanceRule | None,
        guess: LatencyGuess,
        folder: RunFolder,
        listener: Listener | None = None,
        elapsed_before_s: float = 0.0,
    ) -> None:
        self._config = config
        self._recipe = recipe
        self._space = space
        self._store = store
        self._gate = gate
        self._executor = executor
        self._rule = rule
        self._guess = guess
        self._folder = folder
        self._listener = listener or SilentListener()
        self._began = time.perf_counter()
        self._before_s = elapsed_before_s
        self._last_status = 0.0
        self._records: dict[str, TrialRecord] = {}
        self._in_flight: dict[int, Candidate] = {}
        self._twins: dict[str, list[Candidate]] = {}
        self._counts: Counter[str] = Counter()
        self._epochs = 0
        self._session_trained = 0
        self._exhausted = False

    def run(self) -> None:
        """Search until the trials or the time are used up, or the space is.

        Raises:
            BudgetUnreachableError: nothing in the space meets the latency budget.
            RunError: the first candidates all failed, or the machinery did.
        """
        self._restore()
        while True:
            self._feed()
            if not self._in_flight:
                break
            event = self._executor.next_event(timeout_s=0.1)
            while event is not None:
                self._handle(event)
                event = self._executor.next_event(timeout_s=0.0) if self._eager() else None
            self._show("searching")
        self._show("searched", force=True)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began, earlier sessions included."""
        return self._before_s + time.perf_counter() - self._began

    @property
    def records(self) -> list[TrialRecord]:
        """Every told trial, by number."""
        return sorted(self._records.values(), key=lambda record: record.number)

    def _eager(self) -> bool:
        # taking a second event from an executor in this process would train another epoch
        return self._executor.num_workers > 1

    def _restore(self) -> None:
        """Take in what earlier sessions told."""
        again = self._store.recover()
        for record in self._store.records():
            self._records.setdefault(record.digest, record)
            self._counts[record.state] += 1
            self._epochs += len(record.curve)
            if record.latency is not None:
                params = self._space.params_of(record.arch)
                if params is not None:
                    self._guess.observe(params, record.latency.median_ms)
            self._tell_rule(record)
        if self._records or again:
            self._listener.line(
                f"resuming: {self._trained} of {self._config.execution.trials} candidates are "
                f"trained, {again} were interrupted and start again"
            )

    @property
    def _trained(self) -> int:
        return self._counts["complete"] + self._counts["pruned"] + self._counts["failed"]

    # feeding the executor

    def _feed(self) -> None:
        """Propose, gate and submit candidates while the workers have too little ahead."""
        if self._executor.waiting >= max(1, self._executor.num_workers // 2):
            return
        while (wanted := self._wanted()) > 0:
            batch = self._propose(wanted)
            if not batch:
                return
            self._show("measuring latency", force=True)
            feasible = self._measure(batch)
            for candidate in feasible:
                self._submit(candidate)
            if feasible:
                return
            if self._counts["complete"] + self._counts["pruned"] == 0:
                self._check_reachable()

    def _wanted(self) -> int:
        """Return how many candidates to put before the workers now."""
        execution = self._config.execution
        left = execution.trials - self._trained - len(self._in_flight)
        late = (
            execution.time_limit_s is not None
            and time.perf_counter() - self._began >= execution.time_limit_s
        )
        if left <= 0 or late or self._exhausted:
            return 0
        return min(left, 2 * self._executor.num_workers - self._executor.waiting)

    def _propose(self, wanted: int) -> list[Candidate]:
        """Ask until ``wanted`` candidates await measurement, more where many are infeasible."""
        wanted = math.ceil(wanted / max(0.25, self._feasible_share()))
        batch: list[Candidate] = []
        while len(batch) < wanted:
            proposal = self._store.ask()
            candidate = self._screen(proposal, {each.digest for each in batch})
            if candidate is not None:
                batch.append(candidate)
            if self._store.exhausted:
                self._exhausted = True
                self._listener.line("every architecture of the space has been tried")
                break
        return batch

    def _feasible_share(self) -> float:
        feasible = self._trained + len(self._in_flight)
        known = feasible + self._counts["infeasible"]
        return (feasible + 1) / (known + 1)

    def _screen(self, proposal: Proposal, batch: set[str]) -> Candidate | None:
        """Return a new candidate; settle at once what is invalid, seen, or too large."""
        broken = self._space.problems(proposal.params)
        if broken:
            # samplers that do not know the rules of the space: a violation of one whole budget
            self._store.tell_invalid(proposal, "; ".join(broken))
            return None
        arch = self._space.arch(proposal.params)
        digest = arch.digest
        candidate = Candidate(proposal, arch, digest, self._gate.counts(arch))
        if digest in self._records:
            self._copy(candidate, self._records[digest])
            return None
        twin = digest in batch or any(c.digest == digest for c in self._in_flight.values())
        if twin:
            self._twins.setdefault(digest, []).append(candidate)
            return None
        counts = candidate.counts
        violations = self._config.budgets.violations(counts.params, counts.macs, None)
        if any(value > 0 for value in violations.values()):
            over = ", ".join(
                f"{name} {share:+.0%}" for name, share in violations.items() if share > 0
            )
            self._tell(candidate, "infeasible", reason=f"over budget: {over}")
            return None
        return candidate

    def _measure(self, batch: list[Candidate]) -> list[Candidate]:
        """Measure latency; tell what is over the budget; return the rest."""
        results = self._gate.measure([candidate.arch for candidate in batch])
        feasible = []
        for candidate, result in zip(batch, results, strict=True):
            candidate.latency = result
            self._guess.observe(candidate.proposal.params, result.median_ms)
            limit = self._config.budgets.latency_ms
            if limit is not None and result.median_ms > limit:
                reason = f"over budget: {result.median_ms:.3g} ms against {limit:g} ms"
                self._tell(candidate, "infeasible", reason=reason)
            else:
                feasible.append(candidate)
        return feasible

    def _submit(self, candidate: Candidate) -> None:
        assert candidate.latency is not None
        number = candidate.proposal.number
        if self._rule is not None:
            self._rule.expect(number, candidate.latency.median_ms)
        self._in_flight[number] = candidate
        self._executor.submit(Job(number, candidate.arch, self._recipe, self._config.seed))

    def _check_reachable(self) -> None:
        """End the run when nothing meets the budget, after looking for the fastest on purpose."""
        limit = self._config.budgets.latency_ms
        measured = [r for r in self._records.values() if r.latency is not None]
        if limit is None or len(measured) < _MAX_INFEASIBLE_START:
            return
        self._listener.line(
            f"none of {len(measured)} candidates is under {limit:g} ms; looking for the fastest"
        )
        for _ in range(3):
            batch = self._fastest_guesses(16)
            feasible = self._measure(batch)
            for candidate in feasible:
                self._submit(candidate)
            if feasible or not batch:
                break
        if self._in_flight:
            return
        fastest = min(
            (r for r in self._records.values() if r.latency is not None),
            key=lambda record: record.latency_ms or math.inf,
        )
        assert fastest.latency is not None
        raise BudgetUnreachableError(
            f"no architecture of {self._space.name} is under {limit:g} ms on "
            f"{fastest.latency.device}; the fastest found takes {fastest.latency_ms:.3g} ms "
            f"(trial {fastest.number}); raise --budget-ms, or search smaller widths and depths"
        )

    def _fastest_guesses(self, count: int) -> list[Candidate]:
        """Return new candidates that are guessed to be the fastest of many."""
        rng = np.random.default_rng((self._config.seed, len(self._records)))
        pool = [self._space.sample(rng) for _ in range(400)]
        pool.sort(key=lambda params: (self._guess.predict(params) or (math.inf, 0.0))[0])
        batch: list[Candidate] = []
        for params in pool:
            if len(batch) == count:
                break
            arch = self._space.arch(params)
            if arch.digest in self._records or arch.digest in {c.digest for c in batch}:
                continue
            candidate = self._screen(self._store.ask_for(params, "fastest"), set())
            if candidate is not None:
                batch.append(candidate)
        return batch

    # taking in what happened

    def _handle(self, event: Event) -> None:
        candidate = self._in_flight[event.job.trial]
        if candidate.started_s is None:
            candidate.started_s = self.elapsed_s
        if isinstance(event, EpochEvent):
            self._epochs += 1
            candidate.started_s = min(candidate.started_s, self.elapsed_s - event.metrics.seconds)
            return
        del self._in_flight[event.job.trial]
        self._session_trained += 1
        if isinstance(event, FailedEvent):
            self._failed(candidate, event)
            return
        state: State = "pruned" if event.stopped else "complete"
        record = self._tell(candidate, state, reason=event.stopped, curve=event.curve)
        self._tell_rule(record)
        if state == "complete":
            self._keep_weights(record, event)

    def _failed(self, candidate: Candidate, event: FailedEvent) -> None:
        number = candidate.proposal.number
        logger.warning("trial %d failed: %s\n%s", number, event.reason, event.details)
        first = self._counts["failed"] == 0
        self._tell(candidate, "failed", reason=event.reason, curve=event.curve)
        self._listener.line(f"trial {number} failed: {event.reason}")
        if first and event.details:
            self._listener.line(event.details)
        if self._counts["failed"] == self._trained >= _MAX_FIRST_FAILURES:
            raise RunError(
                f"the first {self._trained} candidates all failed; the last one said: "
                f"{event.reason}; see {self._folder.log}"
            )

    def _tell(
        self,
        candidate: Candidate,
        state: State,
        reason: str = "",
        curve: tuple = (),  # type: ignore[type-arg]
    ) -> TrialRecord:
        counts, latency = candidate.counts, candidate.latency
        on_front = state == "complete"
        record = TrialRecord(
            number=candidate.proposal.number,
            digest=candidate.digest,
            arch=candidate.arch,
            state=state,
            origin=candidate.proposal.origin,
            params=counts.params,
            macs=counts.macs,
            latency=latency,
            accuracy=curve[-1].accuracy if on_front else None,
            curve=curve,
            seed=self._config.seed,
            reason=reason,
            started_s=candidate.started_s,
            finished_s=self.elapsed_s,
        )
        median = latency.median_ms if latency else None
        violations = self._config.budgets.violations(counts.params, counts.macs, median)
        self._store.tell(candidate.proposal, record, violations)
        self._records[candidate.digest] = record
        self._counts[state] += 1
        for twin in self._twins.pop(candidate.digest, []):
            self._copy(twin, record)
        return record

    def _copy(self, candidate: Candidate, known: TrialRecord) -> None:
        """Tell a repeated proposal what is known already; nothing is trained twice."""
        median = known.latency.median_ms if known.latency else None
        violations = self._config.budgets.violations(known.params, known.macs, median)
        self._store.tell_repeat(candidate.proposal, known, violations)

    def _tell_rule(self, record: TrialRecord) -> None:
        if self._rule is not None and record.state == "complete" and record.latency is not None:
            self._rule.finished(record.number, record.latency.median_ms, record.curve)

    def _keep_weights(self, record: TrialRecord, event: FinishedEvent) -> None:
        """Keep weights of the first two non-dominated layers; drop those that fell off.

        The second layer is kept because the final measurement may drop a point of the first.
        """
        kept = {each.digest for each in self._layers(2)}
        if record.digest in kept:
            path = self._folder.checkpoint(record.digest)
            try:
                data = event.weights()
            except TrialError as error:
                self._listener.line(f"trial {record.number}: {error}")
            else:
                partial = path.with_suffix(".partial")
                partial.write_bytes(data)
                partial.replace(path)
        names = {self._folder.checkpoint(digest).name for digest in kept}
        for path in self._folder.checkpoints.glob("*.safetensors"):
            if path.name not in names:
                path.unlink()

    def _layers(self, count: int) -> Iterator[TrialRecord]:
        left = list(self._records.values())
        for _ in range(count):
            front = pareto_front(left, self._config.budgets.latency_ms)
            yield from front
            numbers = {record.number for record in front}
            left = [record for record in left if record.number not in numbers]

    # showing

    def _show(self, phase: str, force: bool = False) -> None:
        now = time.perf_counter()
        if not force and now - self._last_status < _STATUS_EVERY_S:
            return
        self._last_status = now
        front = pareto_front(self._records.values(), self._config.budgets.latency_ms)
        elapsed = now - self._began
        trials = self._config.execution.trials
        remaining = None
        if self._session_trained >= 2:
            remaining = elapsed / self._session_trained * max(0, trials - self._trained)
        limit = self._config.execution.time_limit_s
        if limit is not None:
            left = max(0.0, limit - elapsed)
            remaining = left if remaining is None else min(remaining, left)
        self._listener.status(
            SearchStatus(
                phase=phase,
                trials=trials,
                trained=self._trained,
                running=self._executor.running,
                complete=self._counts["complete"],
                pruned=self._counts["pruned"],
                infeasible=self._counts["infeasible"],
                failed=self._counts["failed"],
                front_size=len(front),
                best_accuracy=front[-1].accuracy if front else None,
                best_latency_ms=front[-1].latency_ms if front else None,
                epochs=self._epochs,
                elapsed_s=elapsed,
                remaining_s=remaining,
            )
        )

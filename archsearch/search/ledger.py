"""What a run knows: every told trial, by architecture, and the one way to tell another."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.cost import ArchCounts
from archsearch.record import (
    EpochMetrics,
    LatencyPrediction,
    LatencyResult,
    State,
    TrialRecord,
)
from archsearch.search.config import SearchConfig
from archsearch.search.latency_guess import LatencyGuess
from archsearch.search.patience import Patience
from archsearch.search.promotion import Promotion
from archsearch.search.stopping import DominanceRule
from archsearch.search.store import Proposal, StudyStore
from archsearch.space import SearchSpace

#: budgets on what is counted, as records name them
_SIZES = ("params", "macs", "memory_bytes")


@dataclass
class Candidate:
    """A proposal with everything known about it so far."""

    proposal: Proposal
    arch: Arch
    digest: str
    counts: ArchCounts
    predicted: LatencyPrediction | None = None
    latency: LatencyResult | None = None
    started_s: float | None = None
    memory_bytes: int | None = None
    rung: int = 0

    @property
    def number(self) -> int:
        """Trial number."""
        return self.proposal.number


class Ledger:
    """Tells trials to the study and remembers them by architecture.

    Args:
        config: what is asked for.
        store: the study.
        rule: learns from every finished candidate; None without early stopping.
        promotion: follows candidates through rungs; None without.

    Attributes:
        counts: told trials by state, repeats left out.
        epochs: epochs trained.
    """

    def __init__(
        self,
        config: SearchConfig,
        store: StudyStore,
        rule: DominanceRule | None,
        promotion: Promotion | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._rule = rule
        self._promotion = promotion
        self._records: dict[str, TrialRecord] = {}
        self._twins: dict[str, list[Candidate]] = {}
        self._patience = Patience(config.execution.patience)
        self.counts: Counter[str] = Counter()
        self.epochs = 0

    def restore(self, space: SearchSpace, guess: LatencyGuess) -> int:
        """Take in what earlier sessions told; return how many trials they left unfinished."""
        interrupted = self._store.recover()
        for record in self._store.records():
            self._add(record)
            self.epochs += len(record.curve)
            params = space.params_of(record.arch)
            if params is None:
                continue
            if record.latency is not None:
                guess.learn(params, record.latency)
            sizes = {
                name: getattr(record, name)
                for name in self._config.budgets.limits
                if name in _SIZES
            }
            guess.observe_sizes(params, {name: size for name, size in sizes.items() if size})
        return interrupted

    @property
    def records(self) -> list[TrialRecord]:
        """Every told trial, by number."""
        return sorted(self._records.values(), key=lambda record: record.number)

    @property
    def trained(self) -> int:
        """Number of candidates whose training has ended, however it ended."""
        return self.counts["complete"] + self.counts["pruned"] + self.counts["failed"]

    @property
    def is_idle(self) -> bool:
        """Whether the last candidates have gained no hypervolume, as many as patience allows."""
        return self._patience.is_over

    def known(self, digest: str) -> TrialRecord | None:
        """Return what was told about an architecture, None before it was."""
        return self._records.get(digest)

    def promote(self, at_least: int = 0) -> tuple[Candidate, TrialRecord] | None:
        """Return a paused candidate that goes on now, and what it has shown; None for none.

        Args:
            at_least: of a rung that go on, however few are there.
        """
        found = self._promotion.next(at_least) if self._promotion is not None else None
        if found is None:
            return None
        digest, rung = found
        record = self._records[digest]
        assert record.params is not None, "what was trained was counted"
        assert record.macs is not None, "what was trained was counted"
        candidate = Candidate(
            self._store.promote(record, rung),
            record.arch,
            digest,
            ArchCounts(record.params, record.macs),
            record.predicted,
            record.latency,
            record.started_s,
            record.memory_bytes,
            rung,
        )
        return candidate, record

    def layers(self, count: int) -> Iterator[TrialRecord]:
        """Yield the first ``count`` non-dominated layers within the budget."""
        left = list(self._records.values())
        for _ in range(count):
            front = pareto_front(left, self._config.budgets.latency_ms)
            yield from front
            numbers = {record.number for record in front}
            left = [record for record in left if record.number not in numbers]

    def tell(
        self,
        candidate: Candidate,
        state: State,
        *,
        reason: str = "",
        curve: Sequence[EpochMetrics] = (),
        finished_s: float | None = None,
    ) -> TrialRecord:
        """Tell the end of a candidate to the study, and to repeats that wait for it."""
        record = TrialRecord(
            number=candidate.number,
            digest=candidate.digest,
            arch=candidate.arch,
            state=state,
            origin=candidate.proposal.origin,
            params=candidate.counts.params,
            macs=candidate.counts.macs,
            memory_bytes=candidate.memory_bytes,
            predicted=candidate.predicted,
            latency=candidate.latency,
            accuracy=curve[-1].accuracy if state == "complete" else None,
            curve=tuple(curve),
            seed=self._config.seed,
            reason=reason,
            started_s=candidate.started_s,
            finished_s=finished_s,
            choices=dict(candidate.proposal.params),
        )
        self._store.tell(candidate.proposal, record, self._violations(record))
        self._add(record)
        for twin in self._twins.pop(candidate.digest, []):
            self.repeat(twin, record)
        return record

    def repeat(self, candidate: Candidate, known: TrialRecord) -> None:
        """Tell a repeated proposal what is known already; nothing is trained twice."""
        self._store.tell_repeat(candidate.proposal, known, self._violations(known))

    def wait_for(self, candidate: Candidate) -> None:
        """Keep a repeat of a candidate that has not ended yet, to be told its result."""
        self._twins.setdefault(candidate.digest, []).append(candidate)

    def _violations(self, record: TrialRecord) -> dict[str, float]:
        known_ms = record.latency.claimed_ms if record.latency else None
        if record.latency is None and record.predicted is not None:
            known_ms = record.predicted.ms
        return self._config.budgets.violations(
            record.params, record.macs, known_ms, record.memory_bytes
        )

    def _add(self, record: TrialRecord) -> None:
        before = self._records.get(record.digest)
        self._records[record.digest] = record
        self.counts[record.state] += 1
        if before is not None:
            # it was paused, and went on
            self.counts[before.state] -= 1
        elif record.state in ("complete", "pruned", "failed"):
            self._patience.count()
        if self._promotion is not None:
            self._promotion.tell(record)
        within = all(share <= 0 for share in self._violations(record).values())
        if record.state == "complete" and record.accuracy is not None and within:
            self._patience.tell((-record.accuracy, record.latency_ms or 0.0))
        if self._rule is not None and record.state == "complete" and record.latency is not None:
            high = record.latency.at_most_ms
            if high is not None:
                self._rule.finished(record.number, high, record.curve)

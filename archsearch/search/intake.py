"""From proposals to candidates worth training: seen before, counted, measured, within budget."""

import math
from collections.abc import Collection

import numpy as np

from archsearch.activity import doing
from archsearch.arch import summary
from archsearch.errors import BudgetUnreachableError, TrialError
from archsearch.record import TrialRecord
from archsearch.search.config import SearchConfig
from archsearch.search.first_look import first_looks, what_was_done
from archsearch.search.gate import Gate
from archsearch.search.inference_memory import inference_bytes
from archsearch.search.latency_guess import LatencyGuess
from archsearch.search.latency_table import ENOUGH_KNOWN
from archsearch.search.ledger import Candidate, Ledger
from archsearch.search.model_based import UNLIKELY
from archsearch.search.status import Listener
from archsearch.search.store import Proposal, StudyStore
from archsearch.space import SearchSpace

#: proposals in a row that need no measurement, before the workers are looked after again; and
#: before a search with nothing else to train ends
_MAX_HOPELESS = 40
_MAX_WITHOUT_A_CANDIDATE = 400
#: measured candidates, none within the budget, before the fastest one is looked for on purpose
_MAX_INFEASIBLE_START = 16
#: of that search: guesses that are compared, networks measured at a time and in all, and seconds
_FASTEST_POOL = 400
_FASTEST_BATCH = 4
_FASTEST_MOST = 32
_FASTEST_S = 120.0
#: guesses that need a count of multiply-adds each
_COUNTED_POOL = 60
#: the latency table's refusals that are measured all the same are the first of these, and each time
#: when there are twice as many
_FIRST_AUDIT = 8
#: a measurement below this share of the lower end of its prediction shows that the table is wrong
_FAR_BELOW = 0.8
#: candidates in a row that were guessed to be over a budget, were proposed for lack of others, and
#: were over it
_MAX_UNLIKELY = 16


class Intake:
    """Asks, screens and measures; settles at once what is not worth training.

    Args:
        config: what is asked for.
        space: what is searched.
        store: the study.
        gate: counts and latency.
        guess: latency model shared with the sampler.
        ledger: told trials.
        listener: watches.

    Attributes:
        exhausted: nothing new is proposed any more.
    """

    def __init__(
        self,
        config: SearchConfig,
        space: SearchSpace,
        store: StudyStore,
        gate: Gate,
        guess: LatencyGuess,
        ledger: Ledger,
        listener: Listener,
    ) -> None:
        self._config = config
        self._space = space
        self._store = store
        self._gate = gate
        self._guess = guess
        self._ledger = ledger
        self._listener = listener
        self.exhausted = False
        self._without_a_candidate = 0
        self._refused = 0
        self._next_audit = _FIRST_AUDIT
        self._audited: set[str] = set()
        self._trusts_table = True
        self._unlikely = 0

    def propose(self, wanted: int, in_flight: Collection[str]) -> list[Candidate]:
        """Return new candidates to be measured, more than ``wanted`` where many are infeasible.

        Args:
            wanted: feasible candidates hoped for.
            in_flight: digests in training.

        Raises:
            BudgetUnreachableError: everything is over the budget of parameters or multiply-adds.
        """
        wanted = math.ceil(wanted / max(0.25, self._feasible_share(len(in_flight))))
        batch: dict[str, Candidate] = {}
        hopeless = 0
        while len(batch) < wanted and hopeless < _MAX_HOPELESS and not self.exhausted:
            proposal = self._store.ask()
            candidate = self._screen(proposal, {*in_flight, *batch})
            if candidate is not None and self._expected_within_budget(candidate):
                batch[candidate.digest] = candidate
                if candidate.digest in self._audited:
                    break  # what it shows decides on the others
            else:
                hopeless += 1
                self._missed(proposal)
            if self._store.exhausted:
                self._end("nothing new that may keep the budgets is left in the space")
        self._without_a_candidate = 0 if batch else self._without_a_candidate + hopeless
        if self._without_a_candidate >= _MAX_WITHOUT_A_CANDIDATE and not self.exhausted:
            self._end(
                f"the last {self._without_a_candidate} proposals were over a budget, or known: "
                "the search ends here"
            )
        records = self._ledger.records
        if self.exhausted and not batch and all(_known_ms(each) == math.inf for each in records):
            raise BudgetUnreachableError(self._smallest())
        return list(batch.values())

    def measure(self, batch: list[Candidate]) -> list[Candidate]:
        """Measure latency; tell what is over the budget; return the rest.

        What a busy machine makes of a candidate is no proof: see `first_looks`.
        """
        limit = self._config.budgets.latency_ms
        looks = first_looks(self._gate, [candidate.arch for candidate in batch], limit)
        feasible = []
        for candidate, look in zip(batch, looks, strict=True):
            if isinstance(look, TrialError):
                self._ledger.tell(candidate, "failed", reason=str(look))
                self._listener.line(f"trial {candidate.number} failed: {look}")
                continue
            candidate.latency = look.latency
            self._guess.learn(candidate.proposal.params, look.latency)
            if limit is not None and look.is_over(limit):
                self._ledger.tell(candidate, "infeasible", reason=look.reason(limit))
                self._missed(candidate.proposal)
            else:
                feasible.append(candidate)
                self._unlikely = 0
                if limit is not None and look.rejected:
                    self._listener.line(what_was_done(candidate.number, look, limit))
            self._judge_table(candidate, limit)
        return feasible

    def _end(self, why: str) -> None:
        """Propose nothing new from here on."""
        if self.exhausted:
            return
        self.exhausted = True
        refused = f" ({self._refused} were refused unmeasured, by prediction)"
        self._listener.line(why + (refused if self._refused else ""))

    def _missed(self, proposal: Proposal) -> None:
        """Count a candidate over budget that was guessed to be, and was proposed all the same."""
        if proposal.origin != UNLIKELY:
            return
        self._unlikely += 1
        if self._unlikely >= _MAX_UNLIKELY:
            self._end(
                "what is left in the space is expected to be over a budget, and so were the "
                f"{self._unlikely} nearest to it: the search ends here"
            )

    def _judge_table(self, candidate: Candidate, limit: float | None) -> None:
        """Stop refusing by prediction when one of the refused was far from its prediction."""
        expected, latency = candidate.predicted, candidate.latency
        if candidate.digest not in self._audited or expected is None or latency is None:
            return
        low, high = expected.interval_ms
        if latency.is_guess:
            return
        is_within = limit is not None and latency.median_ms <= limit
        if not (self._trusts_table and (is_within or latency.median_ms < _FAR_BELOW * low)):
            return
        self._trusts_table = False
        self._listener.line(
            f"trial {candidate.number} was expected to take {low:.3g} to {high:.3g} ms, and takes "
            f"{latency.median_ms:.3g}: from here on every candidate is measured"
        )

    def _expected_within_budget(self, candidate: Candidate) -> bool:
        """Ask the latency table; settle a candidate that is surely over the budget.

        It must know most of the candidate, and is checked: some that it would refuse are measured.
        """
        limit = self._config.budgets.latency_ms
        candidate.predicted = expected = self._gate.predict(candidate.arch)
        if expected is None or limit is None or expected.interval_ms[0] <= limit:
            return True
        if expected.known_share < ENOUGH_KNOWN or not self._trusts_table:
            return True
        self._refused += 1
        if self._refused >= self._next_audit:
            self._next_audit *= 2
            self._refused -= 1
            self._audited.add(candidate.digest)
            return True
        low, high = expected.interval_ms
        reason = (
            f"over budget: expected {expected.ms:.3g} ms ({low:.3g} to {high:.3g}) against "
            f"{limit:g} ms; not measured"
        )
        self._ledger.tell(candidate, "infeasible", reason=reason)
        return False

    def reachable(self) -> list[Candidate]:
        """Make sure that something meets the latency budget; return what was found on the way.

        Does nothing until enough candidates were measured and none was feasible; then it looks
        for the fastest on purpose.

        Raises:
            BudgetUnreachableError: nothing was found.
        """
        limit = self._config.budgets.latency_ms
        known = [record for record in self._ledger.records if record.latency or record.predicted]
        few = len(known) < _MAX_INFEASIBLE_START and not self.exhausted
        if limit is None or few or not known:
            return []
        self._listener.line(
            f"no candidate is under {limit:g} ms so far, of {len(known)}; looking for the fastest, "
            f"for {_FASTEST_S:.0f} s at most"
        )
        looked = 0
        what = "looking for the fastest network: measured"
        with doing(what, _FASTEST_S, total=_FASTEST_MOST) as activity:
            while looked < _FASTEST_MOST and activity.seconds() < _FASTEST_S:
                batch = self._fastest_guesses()
                if not batch:
                    break
                feasible = self.measure(batch)
                if feasible:
                    return feasible
                looked += len(batch)
                activity.done = looked
                activity.note = f"the fastest so far takes {self._fastest_known_ms():.3g} ms"
            seconds = activity.seconds()
        raise BudgetUnreachableError(self._unreachable(limit, looked, seconds))

    def _unreachable(self, limit: float, looked: int, seconds: float) -> str:
        """Return what the search for the fastest has found, and the way out."""
        known = [record for record in self._ledger.records if record.latency or record.predicted]
        measured = [record for record in known if record.latency is not None]
        fastest = min(measured or known, key=_known_ms)
        device = fastest.latency.device if fastest.latency else "this device"
        takes = "takes" if fastest.latency else "is expected to take"
        uneasy = sum(each.latency.verdict != "steady" for each in measured if each.latency)
        found = (
            f"no architecture of {self._space.name} is under {limit:g} ms on {device}; the fastest "
            f"found {takes} {_known_ms(fastest):.3g} ms ({summary(fastest.arch)}), of "
            f"{len(measured)} measured, {looked} of them in search of it for {seconds:.0f} s; "
            "raise --budget-ms, or search smaller widths and depths"
        )
        if uneasy > len(measured) / 2:
            found += f"; the machine was not quiet for {uneasy} of them: try again when it is"
        return found

    def _fastest_known_ms(self) -> float:
        measured = [each for each in self._ledger.records if each.latency is not None]
        return min((_known_ms(each) for each in measured), default=math.inf)

    def _smallest(self) -> str:
        records = self._ledger.records
        params = min((record.params for record in records if record.params), default=0)
        macs = min((record.macs for record in records if record.macs), default=0)
        memory = min((each.memory_bytes for each in records if each.memory_bytes), default=0)
        least = f"{params:,} parameters" + (", " if memory else " and ") + f"{macs:,} multiply-adds"
        if memory:
            least += f" and {memory:,} bytes"
        return (
            f"none of {len(records)} architectures of {self._space.name} keeps the budgets; the "
            f"smallest have {least}: raise the budgets, or search smaller widths and depths"
        )

    def _feasible_share(self, in_flight: int) -> float:
        feasible = self._ledger.trained + in_flight
        return (feasible + 1) / (feasible + self._ledger.counts["infeasible"] + 1)

    def _screen(self, proposal: Proposal, pending: Collection[str]) -> Candidate | None:
        """Return a new candidate; settle at once what is invalid, seen, or too large."""
        if broken := self._space.problems(proposal.params):
            # from samplers that do not know the rules of the space
            self._store.tell_invalid(proposal, "; ".join(broken))
            return None
        arch = self._space.arch(proposal.params)
        candidate = Candidate(proposal, arch, arch.digest, self._gate.counts(arch))
        known = self._ledger.known(candidate.digest)
        if known is not None:
            self._ledger.repeat(candidate, known)
            return None
        if candidate.digest in pending:
            self._ledger.wait_for(candidate)
            return None
        counts, budgets = candidate.counts, self._config.budgets
        if budgets.memory_bytes is not None:
            candidate.memory_bytes = inference_bytes(arch, self._config.latency)
        sizes = {
            "params": counts.params,
            "macs": counts.macs,
            "memory_bytes": candidate.memory_bytes,
        }
        self._guess.observe_sizes(
            proposal.params, {n: v for n, v in sizes.items() if n in budgets.limits and v}
        )
        shares = budgets.violations(counts.params, counts.macs, None, candidate.memory_bytes)
        if over := [f"{name} by {share:.0%}" for name, share in shares.items() if share > 0]:
            reason = f"over budget: {', '.join(over)}"
            self._ledger.tell(candidate, "infeasible", reason=reason)
            return None
        return candidate

    def _fastest_guesses(self) -> list[Candidate]:
        """Return new candidates that are guessed to be the fastest of many."""
        rng = np.random.default_rng((self._config.seed, len(self._ledger.records)))
        fastest = min(self._ledger.records, key=_known_ms)
        # half from anywhere, half from around the fastest so far
        pool = [self._space.sample(rng) for _ in range(_FASTEST_POOL // 2)]
        near = self._space.params_of(fastest.arch)
        if near is not None:
            pool += [self._space.mutate(near, rng, n=3) for _ in range(_FASTEST_POOL // 2)]
        if self._guess.predict(pool[0]) is None:
            # too little is known of latency: the fewest multiply-adds are a start
            pool = [pool[i] for i in rng.permutation(len(pool))[:_COUNTED_POOL]]
            pool.sort(key=lambda params: self._gate.counts(self._space.arch(params)).macs)
        else:
            pool.sort(key=lambda params: (self._guess.predict(params) or (math.inf, 0.0))[0])
        batch: dict[str, Candidate] = {}
        for params in pool:
            digest = self._space.digest_of(params)
            if digest in batch or self._ledger.known(digest) is not None:
                continue
            candidate = self._screen(self._store.ask_for(params, "fastest"), batch)
            if candidate is not None:
                batch[candidate.digest] = candidate
            if len(batch) == _FASTEST_BATCH:
                break
        return list(batch.values())


def _known_ms(record: TrialRecord) -> float:
    """Return what is known about a latency: measured, else expected."""
    if record.latency is not None:
        return record.latency.median_ms
    return record.predicted.ms if record.predicted is not None else math.inf

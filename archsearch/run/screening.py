"""Screening of candidates before training: counts, prediction, measurement, budgets."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from archsearch.activity import doing
from archsearch.arch import Arch, summary
from archsearch.cost import ArchCounts
from archsearch.errors import BudgetUnreachableError, TrialError
from archsearch.machine import own_limits
from archsearch.record import FIRST_TARGET, LatencyPrediction, TrialRecord
from archsearch.run.budgets import over_text
from archsearch.run.config import SearchConfig
from archsearch.run.latency.first_measurement import (
    FirstMeasurement,
    FirstMeasurer,
    first_measurements,
    remark_on,
)
from archsearch.run.latency.inference_memory import inference_bytes
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.run.latency.noted_measurements import (
    look_note,
    noted_look,
    noted_prediction,
)
from archsearch.run.latency.table_audit import TableAudit
from archsearch.run.network_values import evaluation_of, record_of
from archsearch.run.status import Listener
from archsearch.search.engine import Engine
from archsearch.search.evaluation import Evaluation
from archsearch.search.interrupted import LOOKS
from archsearch.search.roles import Note
from archsearch.search.samplers.surrogate.model_sampler import UNLIKELY
from archsearch.search.trial_log import TrialLog
from archsearch.space import SearchSpace

#: measured candidates, none within the budget, before the search for the fastest one
_MAX_INFEASIBLE_START = 16
#: of that search: guesses that are compared, networks measured at a time and in all, and seconds
_FASTEST_POOL = 400
_FASTEST_BATCH = 4
_FASTEST_MOST = 32
_FASTEST_S = 120.0
#: guesses that need a count of multiply-adds each
_COUNTED_POOL = 60
logger = logging.getLogger(__name__)

#: weight, gradient and the two moments of AdamW, in float32
_TRAINING_BYTES = 16
#: candidates in a row that were predicted over budget, proposed for lack of others, and measured
#: over budget
_MAX_UNLIKELY = 16


class CandidateMeasurer(FirstMeasurer, Protocol):
    """Costs of candidates before they are trained; see `LatencyMeasurer`."""

    def counts(self, arch: Arch) -> ArchCounts:
        """Return parameters and multiply-adds."""
        ...

    def predict(self, arch: Arch) -> LatencyPrediction | None:
        """Return the latency that is expected; None where nothing is known."""
        ...


class NetworkScreening:
    """Counts, predicts and measures candidates; refuses those over a budget.

    Args:
        config: what is asked for.
        space: what is searched.
        measurer: counts, and latency at the first target.
        guess: latency model shared with the sampler.
        listener: receives progress.
        more: by the name of its value, what measures at each further target.

    Attributes:
        ended: why proposals end; empty while they go on.
    """

    def __init__(
        self,
        config: SearchConfig,
        space: SearchSpace,
        measurer: CandidateMeasurer,
        guess: LatencyRegression,
        listener: Listener,
        more: Mapping[str, CandidateMeasurer] | None = None,
    ) -> None:
        self._config = config
        self._space = space
        self._measurer = measurer
        self._guess = guess
        self._listener = listener
        self._more = dict(more or {})
        self._limits = config.limits
        self._sized = {*self._limits, *config.directions}
        self.ended = ""
        self._audit = TableAudit(listener.line)
        self._unlikely = 0

    @property
    def remark(self) -> str:
        """How many candidates were refused by prediction alone."""
        refused = f" ({self._audit.refused} were refused unmeasured, by prediction)"
        return refused if self._audit.refused else ""

    def screen(self, proposed: Evaluation) -> Evaluation:
        """Count a new proposal and predict its latency; refuse one that is surely over a budget."""
        arch = self._space.arch(proposed.params)
        try:
            counts = self._measurer.counts(arch)
        except Exception as error:  # one candidate must not take the run down with it
            return self._uncounted(proposed, arch, error)
        too_large = self._too_large(counts)
        memory = None
        if "memory_bytes" in self._sized and not too_large:
            memory = inference_bytes(arch, self._config.latency)
        record = TrialRecord(
            number=proposed.number,
            digest=proposed.digest,
            arch=arch,
            state="running",
            origin=proposed.origin,
            params=counts.params,
            macs=counts.macs,
            memory_bytes=memory,
            seed=self._config.seed,
            choices=dict(proposed.params),
        )
        candidate = evaluation_of(record, self._config, proposed)
        sizes = {name: getattr(record, name) for name in ("params", "macs", "memory_bytes")}
        self._guess.observe_sizes(
            proposed.params, {n: v for n, v in sizes.items() if n in self._sized and v}
        )
        shares = {name: candidate.violations.get(name, 0.0) for name in sizes}
        if too_large:
            return self._refuse(candidate, too_large)
        if over := over_text(shares):
            return self._refuse(candidate, f"over budget: {over}")
        return self._expected_within_budget(candidate)

    def _uncounted(self, proposed: Evaluation, arch: Arch, error: Exception) -> Evaluation:
        """Return a candidate that cannot be built as failed."""
        reason = f"cannot be built: {type(error).__name__}: {error}"
        logger.warning("trial %d: %s", proposed.number, reason, exc_info=error)
        self._listener.line(f"trial {proposed.number} failed: {reason}")
        record = TrialRecord(
            number=proposed.number,
            digest=proposed.digest,
            arch=arch,
            state="failed",
            reason=reason,
            origin=proposed.origin,
            seed=self._config.seed,
            choices=dict(proposed.params),
        )
        return evaluation_of(record, self._config, proposed)

    def _too_large(self, counts: ArchCounts) -> str:
        """Return why a network cannot be trained on this machine; empty where it may be."""
        has = own_limits().memory_bytes
        needs = counts.params * _TRAINING_BYTES
        if self._config.execution.address or needs <= has:
            return ""
        return (
            f"too large: its weights, gradients and the optimizer's state take "
            f"{needs / 2**30:.1f} GiB, and this machine has {has / 2**30:.1f} GiB of memory"
        )

    def is_enough(self, batch: Sequence[Evaluation], wanted: int, feasible_share: float) -> bool:
        """Tell whether a batch holds as many as are likely to leave ``wanted`` feasible ones."""
        if batch and self._audit.is_audited(batch[-1].digest):
            return True  # its result decides on the others
        return len(batch) >= math.ceil(wanted / max(0.25, feasible_share))

    def measure(
        self, batch: Sequence[Evaluation], settle: Callable[[Evaluation], None], note: Note
    ) -> list[Evaluation]:
        """Measure latency at every target; refuse candidates over a budget, and return the others.

        A measurement on a busy machine is no proof: see `first_measurements`. What an earlier
        session measured, the notes of a trial, counts as if it were measured now.
        """
        candidates = list(batch)
        for name, measurer in {FIRST_TARGET: self._measurer, **self._more}.items():
            limit = self._limits.get(name)
            known = {each.number: noted_look(each.notes, name) for each in candidates}
            unknown = [each for each in candidates if known[each.number] is None]
            archs: list[Arch] = [record_of(candidate).arch for candidate in unknown]
            found_now = first_measurements(measurer, archs, limit) if archs else []
            looks = {each.number: look for each, look in zip(unknown, found_now, strict=True)}
            notes = {each.number: look_note(each, name, looks[each.number]) for each in unknown}
            note({number: each for number, each in notes.items() if each})
            left = []
            for candidate in candidates:
                if added := notes.get(candidate.number):
                    candidate = replace(candidate, notes={**candidate.notes, **added})
                look = known[candidate.number] or looks[candidate.number]
                found = self._looked_at(candidate, name, look, limit)
                if found.state == "running":
                    left.append(found)
                else:
                    settle(found)
            candidates = left
        if candidates:
            self._unlikely = 0
        return candidates

    def _looked_at(
        self,
        candidate: Evaluation,
        name: str,
        look: FirstMeasurement | TrialError,
        limit: float | None,
    ) -> Evaluation:
        """Return a candidate with its first measurement at one target."""
        record = record_of(candidate)
        if isinstance(look, TrialError):
            self._listener.line(f"trial {candidate.number} failed: {look}")
            failed = record.model_copy(update={"state": "failed", "reason": str(look)})
            return evaluation_of(failed, self._config, candidate)
        if name == FIRST_TARGET:
            record = record.model_copy(update={"latency": look.latency})
            self._guess.learn(candidate.params, look.latency)
        else:
            more = {**record.more_latencies, name: look.latency}
            record = record.model_copy(update={"more_latencies": more})
            self._guess.learn(candidate.params, look.latency, name)
        candidate = evaluation_of(record, self._config, candidate)
        confidence = self._config.budget_confidence
        if limit is not None and look.is_over(limit, confidence):
            found = self._refuse(candidate, f"{look.reason(limit, confidence)}{_at(name)}")
        else:
            found = candidate
            if limit is not None and look.rejected:
                self._listener.line(remark_on(candidate.number, look, limit))
        if name == FIRST_TARGET:
            self._audit.check(
                candidate.number, candidate.digest, record.predicted, record.latency, limit
            )
        return found

    def _refuse(self, candidate: Evaluation, reason: str) -> Evaluation:
        """Return a candidate as infeasible."""
        self._missed(candidate)
        update = {"state": "infeasible", "reason": reason}
        record = record_of(candidate).model_copy(update=update)
        return evaluation_of(record, self._config, candidate)

    def _end(self, why: str) -> None:
        """Propose nothing new from here on."""
        self.ended = self.ended or why

    def _missed(self, candidate: Evaluation) -> None:
        """Count a candidate that was predicted over budget, proposed, and measured over budget."""
        if candidate.origin != UNLIKELY:
            return
        self._unlikely += 1
        if self._unlikely >= _MAX_UNLIKELY:
            self._end(
                "what is left in the space is expected to be over a budget, and so were the "
                f"{self._unlikely} nearest to it: the search ends here"
            )

    def _expected_within_budget(self, candidate: Evaluation) -> Evaluation:
        """Predict the latency; refuse a candidate that is surely over the budget.

        It must know most of the candidate, and is checked: some that it would refuse are measured.
        """
        limit = self._limits.get(FIRST_TARGET)
        record = record_of(candidate)
        expected = self._measurer.predict(record.arch)
        if LOOKS in candidate.notes:
            # it was measured: what the table has learnt since refuses it no more
            expected, limit = noted_prediction(candidate.notes), None
        record = record.model_copy(update={"predicted": expected})
        candidate = evaluation_of(record, self._config, candidate)
        if expected is None or limit is None:
            return candidate
        if not self._audit.refuses(candidate.digest, expected, limit):
            return candidate
        low, high = expected.interval_ms
        return self._refuse(
            candidate,
            f"over budget: expected {expected.ms:.3g} ms ({low:.3g} to {high:.3g}) against "
            f"{limit:g} ms; not measured",
        )

    def rescue(self, search: Engine) -> list[Evaluation]:
        """Make sure that something meets the latency budget; return what was found on the way.

        Does nothing until enough candidates were measured and none was feasible; then it looks
        for the fastest on purpose.

        Raises:
            BudgetUnreachableError: nothing was found.
        """
        records = _records(search.log)
        name = self._obstacle(records)
        limit = self._limits.get(name)
        known = [record for record in records if _known_ms(record, name) < math.inf]
        few = len(known) < _MAX_INFEASIBLE_START and not search.is_exhausted
        if limit is None or few or not known:
            return []
        self._listener.line(
            f"no candidate is under {limit:g} ms{_at(name)} so far, of {len(known)}; looking for "
            f"the fastest, for {_FASTEST_S:.0f} s at most"
        )
        looked = 0
        what = "looking for the fastest network: measured"
        with doing(what, _FASTEST_S, total=_FASTEST_MOST) as activity:
            while looked < _FASTEST_MOST and activity.seconds() < _FASTEST_S:
                batch = self._fastest_guesses(search, name)
                if not batch:
                    break
                feasible = search.measure(batch)
                if feasible:
                    return feasible
                looked += len(batch)
                activity.done = looked
                fastest = min(_measured_ms(each, name) for each in _records(search.log))
                activity.note = f"the fastest so far takes {fastest:.3g} ms"
            seconds = activity.seconds()
        raise BudgetUnreachableError(
            self._unreachable(_records(search.log), name, limit, looked, seconds)
        )

    def check_reachable(self, log: TrialLog) -> None:
        """Refuse a search in which nothing keeps the budgets of sizes.

        Raises:
            BudgetUnreachableError: nothing that was proposed does.
        """
        records = _records(log)
        if all(_known_ms(each) == math.inf for each in records):
            raise BudgetUnreachableError(self._smallest(records))

    def _obstacle(self, records: Sequence[TrialRecord]) -> str:
        """Return the latency whose budget no candidate has kept; the first where all were kept."""
        limited = [name for name in self._config.latency_names if name in self._limits]
        for name in limited:
            if all(_measured_ms(each, name) > self._limits[name] for each in records):
                return name
        return limited[0] if limited else FIRST_TARGET

    def _unreachable(
        self, records: Sequence[TrialRecord], name: str, limit: float, looked: int, seconds: float
    ) -> str:
        """Return the error after the search for the fastest network."""
        known = [record for record in records if _known_ms(record, name) < math.inf]
        measured = [record for record in known if _measured_ms(record, name) < math.inf]
        fastest = min(measured or known, key=lambda record: _known_ms(record, name))
        latency = fastest.latency_at(name)
        device = latency.device if latency else "this device"
        takes = "takes" if latency else "is expected to take"
        verdicts = [each.latency_at(name) for each in measured]
        uneasy = sum(each.verdict != "steady" for each in verdicts if each is not None)
        budget = "--budget-ms" if name == FIRST_TARGET else f"budget_ms of {name[:-3]}"
        found = (
            f"no architecture of {self._space.name} is under {limit:g} ms on {device}{_at(name)}; "
            f"the fastest found {takes} {_known_ms(fastest, name):.3g} ms "
            f"({summary(fastest.arch)}), of {len(measured)} measured, {looked} of them in search "
            f"of it for {seconds:.0f} s; raise {budget}, or search smaller widths and depths"
        )
        if uneasy > len(measured) / 2:
            found += f"; the machine was not quiet for {uneasy} of them: try again when it is"
        return found

    def _smallest(self, records: Sequence[TrialRecord]) -> str:
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

    def _fastest_guesses(self, search: Engine, name: str) -> list[Evaluation]:
        """Return the new candidates with the lowest predicted latency of many."""
        records = _records(search.log)
        rng = np.random.default_rng((self._config.seed, len(records)))
        fastest = min(records, key=lambda record: _known_ms(record, name))
        # half from anywhere, half from around the fastest so far
        pool = [self._space.sample(rng) for _ in range(_FASTEST_POOL // 2)]
        near = self._space.params_of(fastest.arch)
        if near is not None:
            pool += [self._space.mutate(near, rng, n=3) for _ in range(_FASTEST_POOL // 2)]
        if self._guess.predict(pool[0], name) is None:
            # too little is known of latency: start with the fewest multiply-adds
            pool = [pool[i] for i in rng.permutation(len(pool))[:_COUNTED_POOL]]
            pool.sort(key=lambda params: self._measurer.counts(self._space.arch(params)).macs)
        else:
            pool.sort(key=lambda params: (self._guess.predict(params, name) or (math.inf, 0.0))[0])
        batch: dict[str, Evaluation] = {}
        for params in pool:
            digest = self._space.digest_of(params)
            if digest in batch or search.log.known(digest) is not None:
                continue
            candidate = search.try_out(params, "fastest", batch)
            if candidate is not None:
                batch[candidate.digest] = candidate
            if len(batch) == _FASTEST_BATCH:
                break
        return list(batch.values())


def _records(log: TrialLog) -> list[TrialRecord]:
    return [record_of(each) for each in log.latest]


def _known_ms(record: TrialRecord, name: str = FIRST_TARGET) -> float:
    """Return what is known about a latency: measured, else expected."""
    measured = _measured_ms(record, name)
    if measured == math.inf and name == FIRST_TARGET and record.predicted is not None:
        return record.predicted.ms
    return measured


def _measured_ms(record: TrialRecord, name: str) -> float:
    latency = record.latency_at(name)
    return latency.median_ms if latency is not None else math.inf


def _at(name: str) -> str:
    """Return the name of a target for messages; empty for the first one."""
    return "" if name == FIRST_TARGET else f" ({name})"

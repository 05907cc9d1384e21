"""The search engine: ask -> screen -> evaluate -> tell, for any evaluator.

`archsearch.search.function_search` gives it a function, `archsearch.run.session` an evaluator of
networks, which counts, measures latency and trains.
"""

import functools
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from archsearch.errors import RunError
from archsearch.search.evaluation import Evaluation
from archsearch.search.interrupted import NOTHING_INTERRUPTED, PLACE, Batch
from archsearch.search.patience import Patience
from archsearch.search.roles import Evaluator, Limits, Policy, Screening, Watch
from archsearch.search.rungs import Rungs
from archsearch.search.study_store import StudyStore, Unfinished
from archsearch.search.trial_log import TrialLog
from archsearch.space import Params, SearchSpace


class Engine:
    """Runs one session of a search.

    Args:
        space: what is searched.
        store: the study, with the sampler.
        screening: screens proposals.
        evaluator: evaluates those that are worth it.
        rungs: fidelities; one for a search without.
        limits: when it ends.
        policy: order of results and proposals.
        watch: shows what happens.

    Attributes:
        log: every trial.
    """

    def __init__(
        self,
        space: SearchSpace,
        store: StudyStore,
        screening: Screening,
        evaluator: Evaluator,
        rungs: Rungs,
        limits: Limits,
        policy: Policy,
        watch: Watch | None = None,
    ) -> None:
        self._space, self._store = space, store
        self._screening, self._evaluator = screening, evaluator
        self._rungs, self._limits, self._policy = rungs, limits, policy
        self._watch = watch or Watch()
        self._patience = Patience(limits.patience)
        self.log = TrialLog(store, rungs, self._patience, evaluator.point, evaluator.attributes)
        self._running: dict[int, Evaluation] = {}
        # measured with others in a batch, and not begun yet
        self._spare: list[Evaluation] = []
        self._interrupted = NOTHING_INTERRUPTED
        # the batch that an earlier session was at
        self._open: Batch | None = None
        self._batches = self._places = 0
        self._exhausted = ""
        self._in_vain = 0
        self._said_idle = False
        self._began = time.perf_counter()

    def restore(self) -> Unfinished:
        """Restore the trials of earlier sessions; return how many these left unfinished."""
        self._interrupted, unfinished = self._store.recover()
        for evaluation in self._evaluator.restored():
            self.log.add(evaluation)
        return unfinished

    def run(self) -> str:
        """Search until the trials or the time are used up, or the space is; return why it ended.

        Raises:
            RunError: the first evaluations all failed.
        """
        self._go_on()
        while True:
            has_begun = self._fill()
            if not self._running and not (self._policy.finish_one and self._promote(at_least=1)):
                break
            if has_begun and self._policy.fill_first:
                continue
            for evaluation in self._evaluator.results():
                self._end(evaluation)
            self._watch.show("searching", False, self.log)
        self._put_back()
        self._watch.show("searched", True, self.log)
        return self._why_ended()

    @property
    def running(self) -> Collection[Evaluation]:
        """The evaluations in progress."""
        return self._running.values()

    def try_out(
        self, params: Params, origin: str, batch: Mapping[str, Evaluation]
    ) -> Evaluation | None:
        """Propose given parameters beside a batch; None where they need no evaluation."""
        return self._screen(self._store.ask_for(params, origin), batch)

    def measure(self, batch: Sequence[Evaluation]) -> list[Evaluation]:
        """Measure a batch; record those that this ends, and return the rest."""
        return self._screening.measure(batch, self._tell, self._note)

    def _note(self, notes: Mapping[int, Mapping[str, Any]]) -> None:
        with self._store.together():
            for number, note in notes.items():
                self._store.note(number, note)

    def _go_on(self) -> None:
        """Take up what an earlier session left in progress, at the point where it was."""
        trials, (last, is_open, self._places) = self._interrupted.trials, self._interrupted.last
        self._interrupted = NOTHING_INTERRUPTED
        if last is not None:
            self._batches = last.index + 1
            self._in_vain = last.in_vain
        begun: list[tuple[Evaluation, Evaluation | None]] = []
        taken: dict[str, Evaluation] = {}
        for proposed in trials:
            if not proposed.rung:
                if (found := self._screen(proposed, taken)) is not None:
                    taken[found.digest] = found
                continue
            paused = self.log.known(self._space.digest_of(proposed.params))
            if paused is None or paused.rung != proposed.rung - 1:
                self._store.drop(proposed.number)
                continue
            trial = replace(
                paused,
                number=proposed.number,
                state="running",
                rung=proposed.rung,
                notes=proposed.notes,
            )
            begun.append((trial, paused))
        opened = last if is_open else None
        if opened is not None:
            opened.trials = {key: each for key, each in taken.items() if opened.has(each)}
        others = [each for each in taken.values() if not (opened and each.digest in opened.trials)]
        measured = self.measure(others)
        begun += [(trial, None) for trial in measured if PLACE in trial.notes]
        self._spare = [trial for trial in measured if PLACE not in trial.notes]
        # earlier versions noted no places
        for trial, paused in sorted(begun, key=lambda each: each[0].notes.get(PLACE, 0)):
            if paused is None and self._left <= 0:  # fewer trials are wanted than before
                self._spare.append(trial)
            else:
                self._begin(trial, paused)
        if opened is not None and self._left > 0:
            self._open = opened
        elif opened is not None:
            self._spare += opened.trials.values()

    # -- what is started

    def _fill(self) -> bool:
        """Begin a promotion, or a batch of new evaluations; return whether anything was started."""
        if self._open is None:
            if self._evaluator.room(len(self._running)) <= 0:
                return False
            if self._promote():
                return True
        while (wanted := min(self._open.wanted, self._left) if self._open else self._wanted()) > 0:
            batch = [] if self._spare and not self._open else self._propose(wanted)
            if batch:
                self._watch.show("measuring latency", True, self.log)
            ready = [*self._spare, *self.measure(batch)]
            self._check_end()
            done = self.log.counts["complete"] + self.log.counts["pruned"]
            if not ready and not self._running and done == 0:
                ready = self._screening.rescue(self)
            # a batch is larger than what is wanted where many are over a budget
            self._spare = ready[wanted:]
            self._begin_all(ready[:wanted])
            if ready or (not batch and self._running):
                return bool(ready)
        return self._promote(is_last=True)

    def _put_back(self) -> None:
        """Leave what was measured and not begun to a later session, which begins with it."""
        for trial in self._spare:
            self.log.put_back(trial)
        self._spare = []

    def _wanted(self) -> int:
        """Return how many new evaluations to begin now."""
        left = self._left
        is_ended = self._exhausted and not self._spare
        if left <= 0 or self._is_late or is_ended or self._is_idle():
            return 0
        return min(left, self._evaluator.room(len(self._running)))

    @property
    def _left(self) -> int:
        """How many evaluations may still be begun."""
        begun = sum(trial.rung == 0 for trial in self._running.values())
        return self._limits.trials - self.log.evaluated - begun

    def _promote(self, at_least: int = 0, is_last: bool = False) -> bool:
        """Begin the next rung of a paused candidate; return whether there was one.

        When the time is over, that happens only until one candidate has come to the last rung.
        """
        if self._is_late and (not at_least or self.log.counts["complete"]):
            return False
        if not at_least and self._store.has_queued and self._wanted() > 0:
            # what was interrupted starts again before others go on
            return False
        if self._policy.pause_when_idle and self._patience_is_over:
            return False
        found = self.log.promotion(at_least, is_last)
        if found is None:
            return False
        paused, rung = found
        trial = self._store.promote(paused, rung, self._next_place())
        trial = replace(paused, number=trial.number, state="running", rung=rung, notes=trial.notes)
        self._begin(trial, paused)
        return True

    def _begin_all(self, trials: Sequence[Evaluation]) -> None:
        with self._store.together():
            placed = [
                replace(trial, notes=self._store.note(trial.number, self._next_place()))
                for trial in trials
            ]
        for trial in placed:
            self._begin(trial, None)

    def _next_place(self) -> dict[str, int]:
        self._places += 1
        return {PLACE: self._places - 1}

    def _begin(self, trial: Evaluation, paused: Evaluation | None) -> None:
        self._running[trial.number] = trial
        self._rungs.begin(trial.candidate, trial.rung)
        self._evaluator.begin(trial, paused)

    @property
    def _is_late(self) -> bool:
        limit = self._limits.time_limit_s
        return limit is not None and time.perf_counter() - self._began >= limit

    @property
    def _patience_is_over(self) -> bool:
        begun = self.log.evaluated + sum(each.rung == 0 for each in self._running.values())
        return self._patience.is_over and begun < self._limits.trials

    def _is_idle(self) -> bool:
        if self._patience.is_over and not self._said_idle:
            self._said_idle = True
            patience = self._limits.patience
            self._watch.line(f"no gain in hypervolume for {patience} candidates: nothing new")
        return self._patience.is_over

    # -- proposals

    def _propose(self, wanted: int) -> list[Evaluation]:
        """Return new candidates to be measured, more than ``wanted`` where many are infeasible."""
        opened, self._open = self._open, None
        if opened is None:
            opened = Batch(self._batches, wanted, self._feasible_share, self._in_vain)
            self._batches += 1
        batch, in_vain = opened.trials, opened.refused
        is_enough = functools.partial(
            self._screening.is_enough, wanted=wanted, feasible_share=opened.feasible_share
        )
        is_ended = opened.is_measured
        while not is_ended and not is_enough(list(batch.values())) and not self._exhausted:
            if in_vain >= self._policy.look_after:
                break
            candidate = self._screen(self._store.ask(opened.note), batch)
            if candidate is not None:
                batch[candidate.digest] = candidate
            else:
                in_vain += 1
            self._check_end()
        self._in_vain = 0 if batch else self._in_vain + in_vain
        if self._in_vain >= self._policy.give_up_after and not self._exhausted:
            self._end_proposals(
                f"the last {self._in_vain} proposals were over a budget, or known: "
                "the search ends here"
            )
        if self._exhausted and not batch and not self._running:
            self._screening.check_reachable(self.log)
        return list(batch.values())

    def _screen(self, proposed: Evaluation, batch: Mapping[str, Evaluation]) -> Evaluation | None:
        """Return a new candidate; record invalid, known and refused ones at once."""
        if broken := self._space.problems(proposed.params):
            # from samplers that do not know the rules of the space
            self._store.tell_invalid(proposed.number, "; ".join(broken))
            return None
        digest = self._space.digest_of(proposed.params)
        proposed = replace(proposed, digest=digest)
        known = self.log.known(digest)
        pending = (*self.running, *self._spare)
        is_pending = digest in batch or any(each.digest == digest for each in pending)
        if (known is not None or is_pending) and not self._policy.reuse_results:
            screened = self._screening.screen(proposed)
            self._store.tell_repeat(proposed.number, screened, reuse=False)
            return None
        if known is not None:
            self._store.tell_repeat(proposed.number, known, reuse=True)
            return None
        if is_pending:
            self.log.wait_for(digest, proposed.number)
            return None
        screened = self._screening.screen(proposed)
        if screened.state == "running":
            return screened
        self._tell(screened)
        return None

    @property
    def _feasible_share(self) -> float:
        feasible = self.log.evaluated + len(self._running) + len(self._spare)
        return (feasible + 1) / (feasible + self.log.counts["infeasible"] + 1)

    def _check_end(self) -> None:
        if self._store.exhausted:
            self._end_proposals("nothing new that may keep the budgets is left in the space")
        if self._screening.ended:
            self._end_proposals(self._screening.ended)

    def _end_proposals(self, why: str) -> None:
        """Propose nothing new from here on."""
        if not self._exhausted:
            self._exhausted = why
            self._watch.line(why + self._screening.remark)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing new is proposed any more."""
        return bool(self._exhausted)

    # -- results

    def _end(self, evaluation: Evaluation) -> None:
        del self._running[evaluation.number]
        self._tell(evaluation)
        failed = self.log.counts["failed"]
        is_first = evaluation.state == "failed" and failed == self.log.evaluated
        if is_first and failed >= self._limits.first_failures:
            raise RunError(
                f"the first {failed} candidates all failed; the last one said: "
                f"{evaluation.failure}{self._watch.hint}"
            )

    def _tell(self, evaluation: Evaluation) -> None:
        self.log.tell(evaluation)
        self._evaluator.recorded(evaluation, self.log)

    def _why_ended(self) -> str:
        if self._is_late:
            return f"the time limit of {self._limits.time_limit_s:g} s"
        if self._patience_is_over:
            return f"no gain in hypervolume for {self._limits.patience} trials"
        if self._exhausted and self.log.evaluated < self._limits.trials:
            return "every configuration of the space has been tried"
        return f"{self._limits.trials} trials"

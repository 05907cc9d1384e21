"""The progress of a run, for its listener."""

import time

from archsearch.analysis import best, may_exceed, pareto_front
from archsearch.run.config import SearchConfig
from archsearch.run.network_evaluator import NetworkEvaluator
from archsearch.run.network_values import record_of
from archsearch.run.status import Listener, SearchStatus
from archsearch.run.time_left import TimeLeft
from archsearch.search.trial_log import TrialLog

_STATUS_EVERY_S = 0.25


class RunProgress:
    """Sends snapshots of a run to its listener, at a limited rate.

    Args:
        config: what is asked for.
        evaluator: knows epochs and workers.
        listener: receives progress.
    """

    def __init__(
        self, config: SearchConfig, evaluator: NetworkEvaluator, listener: Listener
    ) -> None:
        self._config = config
        self._evaluator = evaluator
        self._listener = listener
        self._began = time.perf_counter()
        self._last = 0.0
        self._before: tuple[int, int] | None = None
        self._left = TimeLeft()

    def show(self, phase: str, force: bool, log: TrialLog) -> None:
        """Send a snapshot; unless it is forced, at most a few a second.

        Args:
            phase: what happens now, in a few words.
            force: send it anyway.
            log: every trial so far.
        """
        now = time.perf_counter()
        if self._before is None:
            self._before = (self._evaluator.epochs, log.evaluated)
        if not force and now - self._last < _STATUS_EVERY_S:
            return
        self._last = now
        records = [record_of(each) for each in log.latest]
        front = pareto_front(records, self._config.aims)
        top = best(front, self._config.aims)
        executor, counts = self._evaluator.executor, log.counts
        self._listener.status(
            SearchStatus(
                phase=phase,
                trials=self._config.execution.trials,
                trained=log.evaluated,
                running=executor.running if executor else 0,
                complete=counts["complete"],
                pruned=counts["pruned"],
                infeasible=counts["infeasible"],
                failed=counts["failed"],
                front_size=len(front),
                best_accuracy=top.accuracy if top else None,
                best_latency_ms=top.latency_ms if top else None,
                best_may_be_over=top is not None and may_exceed(top.latencies, self._config.aims),
                epochs=self._evaluator.epochs,
                elapsed_s=now - self._began,
                remaining_s=self._remaining_s(now - self._began, log, self._before),
            )
        )

    def _remaining_s(self, elapsed: float, log: TrialLog, before: tuple[int, int]) -> float | None:
        """Estimate from the epochs of this session and the epochs that a candidate took."""
        execution = self._config.execution
        remaining = self._left.seconds(
            (self._evaluator.epochs, log.evaluated), lambda: self._by_epochs(elapsed, log, before)
        )
        if execution.time_limit_s is not None:
            until_limit = max(0.0, execution.time_limit_s - elapsed)
            remaining = until_limit if remaining is None else min(remaining, until_limit)
        return remaining

    def _by_epochs(self, elapsed: float, log: TrialLog, before: tuple[int, int]) -> float | None:
        epochs_before, evaluated_before = before
        epochs = self._evaluator.epochs - epochs_before
        if log.evaluated - evaluated_before >= 2 and epochs > 0:
            curves = [len(record_of(each).curve) for each in log.latest]
            finished = [length for length in curves if length]
            per_trial = sum(finished) / max(1, len(finished))
            begun = self._evaluator.epochs - sum(finished)
            trials = self._config.execution.trials
            left = per_trial * max(0, trials - log.evaluated) - begun
            return elapsed / epochs * max(0.0, left)
        return None

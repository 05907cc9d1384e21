"""The columns of runs beside each other, declared once."""

from typing import NamedTuple

from archsearch.analysis import (
    Estimate,
    Reported,
    best,
    front_trials,
    run_accuracies,
)
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.latency_verdicts import trial_verdict_text, verdict_counts
from archsearch.report.number_format import duration_text, ms_text, reported_text
from archsearch.report.table_column import Column


class RunRow(NamedTuple):
    """A run of a comparison.

    Attributes:
        run: the run.
        volume: hypervolume of its front.
        group: number of the group of runs that it may be compared with.
    """

    run: RunRecord
    volume: Estimate
    group: int

    @property
    def top(self) -> TrialRecord | None:
        """The best of its front."""
        return best(front_trials(self.run), self.run.aims)

    @property
    def reported(self) -> Reported | None:
        """The accuracy that the best is reported with."""
        if self.top is None:
            return None
        known = run_accuracies(self.run)
        return known[self.top.number]


def estimate_text(estimate: Estimate, sign: bool = False) -> str:
    """Return a share of the reference's area with its interval, whose ends may need a sign."""
    plus = "+" if sign else ""
    text = f"{estimate.value:.3f}"
    if estimate.interval is None:
        return text
    low, high = estimate.interval
    return f"{text} ({low:{plus}.3f} to {high:{plus}.3f})"


RUN_COLUMNS: tuple[Column[RunRow], ...] = (
    Column("run", lambda row: row.run.name, "run", words=True),
    Column(
        "trials",
        lambda row: len(row.run.trials),
        "trials",
        lambda row: f"{len(row.run.trials):,}",
        minor=2,
    ),
    Column("front", lambda row: len(front_trials(row.run)), "on the front", minor=1),
    Column(
        "best_accuracy",
        lambda row: row.reported.value if row.reported else None,
        "best %",
        lambda row: reported_text(row.reported),
        about="mean over other seeds; with the search seed (selected) where there are none",
    ),
    Column("best_accuracy_seeds", lambda row: row.reported.num_seeds if row.reported else None),
    Column(
        "best_latency_ms",
        lambda row: row.top.latency_ms if row.top else None,
        "at ms",
        lambda row: (
            ms_text(row.top.latency_ms if row.top else None)
            + trial_verdict_text(row.top, row.run.aims)
        ),
    ),
    Column(
        "best_latency_verdict",
        lambda row: (
            known.verdict if row.top and (known := row.top.known_latency) is not None else None
        ),
    ),
    Column("latency_verdicts", lambda row: verdict_counts(row.run)),
    Column(
        "hypervolume",
        lambda row: row.volume.value,
        "hypervolume",
        lambda row: estimate_text(row.volume),
        about="share of the area between guessing and a perfect answer in no time",
    ),
    Column(
        "hypervolume_interval",
        lambda row: list(row.volume.interval) if row.volume.interval else None,
    ),
    Column("budget_ms", lambda row: row.run.budget_ms),
    Column(
        "wall_s",
        lambda row: row.run.wall_s,
        "time",
        lambda row: duration_text(row.run.wall_s),
        minor=3,
    ),
    Column("group", lambda row: row.group),
)

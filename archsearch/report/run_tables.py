"""The front of a run as a table, and a run as a row among others."""

from collections.abc import Sequence

from archsearch.analysis import decided_by_others, front_trials, num_images
from archsearch.record import Aims, RunRecord
from archsearch.report.empty_front import empty_front_lines
from archsearch.report.front_certainty import seed_lines, speed_lines
from archsearch.report.front_columns import FrontRow, columns_of, front_rows
from archsearch.report.latency_verdicts import (
    INTERVAL_NOTE,
    MAY_BE_OVER,
    verdict_line,
    verdict_remedy,
)
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import tabulate
from archsearch.report.trial_remarks import MAY_BE_DOMINATED, SPEED_TIE, tie_note


def front_table(run: RunRecord, target: str = "") -> PlainTable:
    """Return the front as a table; see `archsearch.report.front_columns` for its columns.

    Args:
        run: the run.
        target: how commands are to name it; empty for its name.
    """
    rows = front_rows(run)
    notes = [
        *([f"trained with teacher {run.teacher}"] if run.teacher else []),
        *_objective_notes(run),
        *_accuracy_notes(run),
        *([f"{inherited}"] if (inherited := inherited_note(run)) else []),
        *([note] if (note := tie_note(run)) else []),
        *_latency_notes(run, rows, target),
        *speed_lines(run),
        *seed_lines(run),
    ]
    return tabulate(
        f"{run.name}: the front",
        columns_of(run),
        rows,
        notes if rows else (),
        nothing="\n".join(empty_front_lines(run)) if not rows else "",
    )


def inherited_note(run: RunRecord) -> str:
    """Return how many candidates inherited weights, and what that means; empty for none."""
    trained = [trial for trial in run.trials if trial.curve]
    count = sum(trial.inherited is not None for trial in trained)
    if not count:
        return ""
    return (
        f"{count} of {len(trained)} trained candidates began with inherited weights: these "
        "accuracies are not those of training from scratch"
    )


def _objective_notes(run: RunRecord) -> list[str]:
    """Return the objectives and budgets of the front, where they are not the usual pair."""
    aims = run.aims
    if aims == Aims.of(run.budget_ms):
        return []
    limits = ", ".join(f"{name} <= {limit:g}" for name, limit in aims.budgets_ms.items())
    line = f"front over {len(aims.objectives)} objectives: {', '.join(aims.objectives)}"
    return [line + (f"; budgets: {limits}" if limits else "")]


def _latency_notes(run: RunRecord, rows: Sequence[FrontRow], target: str) -> list[str]:
    """Return how many latencies are to be relied on, what to do, and what the words mean."""
    lines = [verdict_line(run), verdict_remedy(run, target)]
    if any(MAY_BE_OVER in row.remarks for row in rows):
        lines.append(
            f"{MAY_BE_OVER}: the latency is not known well enough to say that it is within budget"
        )
    if any(SPEED_TIE in row.remarks for row in rows):
        lines.append(f"{SPEED_TIE}: latency not distinguishable from that of the next faster trial")
    if any(row.dominated_by is not None for row in rows):
        lines.append(
            f"{MAY_BE_DOMINATED} N: N is better by plain values; the trial stays because its "
            "latency is not known well enough to drop it"
        )
    return [line for line in (*lines, INTERVAL_NOTE) if line]


def _accuracy_notes(run: RunRecord) -> list[str]:
    """Return which seeds the accuracies are of, and what their intervals cover."""
    front = front_trials(run)
    count = num_images(run)
    images = f", on {count:,} validation images" if count else ""
    if not any(trial.seed_accuracies for trial in front):
        cover = "; 95 % interval over images alone" if images else ""
        return [
            f"accuracy: with the selected seed, the search seed, so optimistic{images}{cover}; "
            "no other seeds were trained"
        ]
    lines = [
        f"accuracy: mean over independent seeds{images}; 95 % interval over seeds and images",
        "selected seed: accuracy with the search seed, so optimistic",
    ]
    if not decided_by_others(front):
        lines.append(
            "best and knee are by the selected seed until every trial that no other beats by its "
            "plain values was trained with another"
        )
    elif not all(trial.other_seeds for trial in front):
        lines.append(
            "without other seeds: another trial beats it by plain values, and it stays until "
            "its latency is better known"
        )
    return lines

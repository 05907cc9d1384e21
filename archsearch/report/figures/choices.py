"""The effect of each value of a parameter at equal latency: a forest plot."""

from collections.abc import Sequence

from archsearch.analysis import Marginal
from archsearch.record import RunRecord
from archsearch.report.figures.drawing import Drawing
from archsearch.report.figures.effects import REST, ROW, EffectRow, plot_effects
from archsearch.report.importance_findings import LEVEL, accuracy_verdict, run_marginals
from archsearch.report.number_format import points_text

#: choices beyond these are left out, the least clear first
MOST_CHOICES = 24


def choice_rows(marginals: Sequence[Marginal]) -> tuple[EffectRow, ...]:
    """Return the values that differ most clearly, parameter by parameter in the run's order."""
    known = [row for row in marginals if row.at_latency.df > 0]
    chosen = sorted(known, key=lambda row: row.at_latency.p)[:MOST_CHOICES]
    rows = []
    for row in known:
        if row not in chosen:
            continue
        value = row.at_latency.value
        low, high = row.at_latency.interval()
        kind = "not distinguishable"
        if row.p < LEVEL:
            kind = "better" if value > 0 else "worse"
        name = f"{row.parameter}: {row.value}"
        rows.append(EffectRow(name, 100 * value, (100 * low, 100 * high), kind))
    return tuple(rows)


def draw_marginals(marginals: Sequence[Marginal]) -> Drawing | None:
    """Draw the effect of each value at equal latency; None with too little data."""
    rows = choice_rows(marginals)
    if not rows:
        return None
    title = accuracy_verdict(marginals)
    lines = "; ".join(f"{row.name}: {points_text(row.value / 100, 1)}" for row in rows)
    note = (
        "Against the mean of the parameter's values; bars are 95 % intervals each, colours are by "
        "p-values with Holm's correction. A search does not sample values evenly; an ablation "
        "answers what caused a difference."
    )
    if len(rows) < len(marginals):
        note += " The clearest are shown; archsearch importance prints all."
    figure = plot_effects(rows, title, "percentage points")
    words = f"In percentage points, {lines}."
    return Drawing("choices", title, figure, words, note, ROW * len(rows) + REST)


def draw_choices(run: RunRecord) -> Drawing | None:
    """Draw the effects of a run's choices at equal latency; None with too little data."""
    return draw_marginals(run_marginals(run))

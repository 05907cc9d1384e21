"""Differences with their intervals, one below the other: a forest plot."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.report.ablation_view import AblationView, ablation_headline, published_change
from archsearch.report.figures.drawing import (
    BUDGET,
    FRONT,
    LINE,
    OTHER,
    SECOND,
    THIRD,
    Drawing,
    new_figure,
    plain,
)
from archsearch.report.number_format import points_text

#: pixels of one row, and of what is above and below the rows
ROW, REST = 44, 96
_COLOURS = {
    "better": FRONT,
    "worse": BUDGET,
    "needs more seeds": THIRD,
    "not distinguishable": OTHER,
}


class EffectRow(NamedTuple):
    """One row of a forest plot; numbers are percentage points.

    Attributes:
        name: what differs.
        value: the difference.
        interval: of it.
        kind: ``better``, ``worse``, ``needs more seeds`` or ``not distinguishable``.
        published: what a paper reports; None where it does not.
    """

    name: str
    value: float
    interval: tuple[float, float]
    kind: str
    published: float | None = None


def effect_rows(view: AblationView) -> tuple[EffectRow, ...]:
    """Return a row for each variant that can be compared, in the study's order."""
    rows = []
    for variant, row in view.rows:
        if row is None:
            continue
        kind = "needs more seeds" if row.verdict == "more seeds" else row.verdict
        low, high = row.interval
        change = published_change(view, variant)
        rows.append(
            EffectRow(variant.name, 100 * row.difference, (100 * low, 100 * high), kind, change)
        )
    return tuple(rows)


def main_effect_rows(view: AblationView) -> tuple[EffectRow, ...]:
    """Return a row for each level of a factorial but the factors' first ones."""
    effects = view.answers.effects
    if effects is None:
        return ()
    rows = []
    for each in effects.steps:
        value, (low, high) = each.estimate.value, each.interval
        kind = "not distinguishable"
        if each.p < 0.05:
            kind = "better" if value > 0 else "worse"
        first = view.record.factors[each.factors[0]][0]
        name = f"{each.factors[0]}: {each.levels[0]} for {first}"
        rows.append(EffectRow(name, 100 * value, (100 * low, 100 * high), kind))
    return tuple(rows)


def plot_effects(rows: Sequence[EffectRow], title: str, x: str) -> Any:
    """Return the forest plot: names above their rows, so that they fit every width."""
    figure = new_figure(title, x, "")
    ends = [end for row in rows for end in row.interval if abs(end) < 1e6]
    ends += [row.published for row in rows if row.published is not None]
    # an infinite interval is drawn to the edge
    edge = 1.15 * max((abs(end) for end in ends), default=1.0)
    published = [(i, row.published) for i, row in enumerate(rows) if row.published is not None]
    if published:
        figure.add_trace(
            go.Scatter(
                name="published",
                mode="markers",
                x=[value for _, value in published],
                y=[-i for i, _ in published],
                marker={"symbol": "diamond-open", "size": 9, "color": SECOND, "line_width": 1.6},
                hovertemplate="published: %{x:+.2f} points<extra></extra>",
            )
        )
    for kind, colour in reversed(_COLOURS.items()):
        places = [i for i, row in enumerate(rows) if row.kind == kind]
        if places:
            figure.add_trace(_marks(kind, colour, places, rows, edge))
    figure.add_vline(0, line={"color": LINE, "width": 1.5})
    for i, row in enumerate(rows):
        common = {"y": -i, "yshift": 13, "showarrow": False, "xref": "paper", "font_size": 12.5}
        figure.add_annotation(x=0, xanchor="left", text=plain(row.name), **common)
        text = f"{row.value:+.2f} ({row.interval[0]:+.2f} to {row.interval[1]:+.2f})"
        figure.add_annotation(x=1, xanchor="right", text=text, name="wide", **common)
    low, high = min([0.0, *ends]), max([0.0, *ends])
    pad = 0.06 * (high - low or 1.0)
    # room for the numbers; where a phone has none, the page leaves them out
    figure.update_xaxes(range=[low - pad, high + pad], zeroline=False, domain=[0, 0.8])
    figure.update_yaxes(visible=False, range=[-len(rows) + 0.5, 0.7], fixedrange=True)
    return figure


def _marks(
    kind: str, colour: str, places: list[int], rows: Sequence[EffectRow], edge: float
) -> Any:
    chosen = [rows[i] for i in places]
    return go.Scatter(
        name=kind,
        mode="markers",
        x=[row.value for row in chosen],
        y=[-i for i in places],
        marker={"symbol": "circle", "size": 9, "color": colour, "line_width": 0},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [min(row.interval[1], edge) - row.value for row in chosen],
            "arrayminus": [row.value - max(row.interval[0], -edge) for row in chosen],
            "color": colour,
            "thickness": 2.2,
            "width": 0,
        },
        text=[
            f"{plain(row.name)}: {row.interval[0]:+.2f} to {row.interval[1]:+.2f}" for row in chosen
        ],
        hovertemplate="%{text}<br>%{x:+.2f} points<extra></extra>",
    )


def draw_effects(view: AblationView) -> Drawing | None:
    """Draw every variant's difference to the base; None when nothing can be compared."""
    rows = effect_rows(view)
    if not rows:
        return None
    base = view.record.base
    title = f"Difference to {base} in validation accuracy"
    figure = plot_effects(rows, title, "percentage points")
    note = ["Bars are 95 % intervals for all variants together; one across 0 is no difference."]
    if any(row.published is not None for row in rows):
        note.append("Diamonds are published changes, on the paper's own data and scale.")
    words = f"{ablation_headline(view)} {_words(rows)}"
    return Drawing("effects", title, figure, words, " ".join(note), ROW * len(rows) + REST)


def draw_main_effects(view: AblationView) -> Drawing | None:
    """Draw the main effects of a factorial; None for other designs."""
    rows = main_effect_rows(view)
    if not rows:
        return None
    title = "Main effects: each level against its factor's first, all else averaged"
    figure = plot_effects(rows, title, "percentage points")
    note = "Bars are 95 % intervals each; colours are by p-values with Holm's correction."
    height = ROW * len(rows) + REST
    return Drawing("main-effects", title, figure, _words(rows), note, height)


def _words(rows: Sequence[EffectRow]) -> str:
    lines = []
    for row in rows:
        low, high = (points_text(end / 100) for end in row.interval)
        lines.append(f"{row.name}: {points_text(row.value / 100)} ({low} to {high}), {row.kind}")
    return f"In percentage points, {'; '.join(lines)}."

"""Which parameters of a run mattered: their shares of importance by two methods."""

from typing import Any

import plotly.graph_objects as go

from archsearch.percent import percent_text
from archsearch.report.figures.choices import draw_marginals
from archsearch.report.figures.drawing import BUDGET, FRONT, Drawing, new_figure, plain
from archsearch.report.figures.effects import REST
from archsearch.report.importance_findings import NOTHING, clear_choices, measure_line
from archsearch.run import ParameterImportance, RunImportance

#: parameters beyond these are in the table only
MOST_BARS = 16


def plot_importance(rows: tuple[ParameterImportance, ...], title: str) -> Any:
    """Return bars of PED-ANOVA's shares, which every parameter has; fANOVA's as dots."""
    figure = new_figure(title, "share of importance (%)", "")
    groups = (
        (
            "latency",
            BUDGET,
            [row.latency_ped for row in rows],
            [row.latency_fanova for row in rows],
        ),
        (
            "accuracy",
            FRONT,
            [row.accuracy_ped for row in rows],
            [row.accuracy_fanova for row in rows],
        ),
    )
    for shift, (name, colour, bars, dots) in zip((0.14, -0.14), groups, strict=True):
        places = [-i - shift for i in range(len(rows))]
        figure.add_trace(
            go.Scatter(
                name=name,
                mode="markers",
                x=[None if value is None else 100 * value for value in bars],
                y=places,
                marker={"symbol": "circle", "size": 8, "color": colour, "line_width": 0},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [0] * len(rows),
                    "arrayminus": [100 * (value or 0.0) for value in bars],
                    "color": colour,
                    "thickness": 3,
                    "width": 0,
                },
                text=[plain(row.name) for row in rows],
                hovertemplate=f"%{{text}}: %{{x:.0f}} % of {name} (PED-ANOVA)<extra></extra>",
            )
        )
        if any(value is not None for value in dots):
            figure.add_trace(
                go.Scatter(
                    name=f"{name}, fANOVA",
                    mode="markers",
                    x=[None if value is None else 100 * value for value in dots],
                    y=places,
                    marker={
                        "symbol": "diamond-open",
                        "size": 9,
                        "color": colour,
                        "line_width": 1.6,
                    },
                    text=[plain(row.name) for row in rows],
                    hovertemplate=f"%{{text}}: %{{x:.0f}} % of {name} (fANOVA)<extra></extra>",
                )
            )
    for i, row in enumerate(rows):
        figure.add_annotation(
            x=0,
            y=-i,
            xref="paper",
            xanchor="left",
            yshift=17,
            text=plain(row.name),
            showarrow=False,
            font_size=12.5,
        )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(visible=False, range=[-len(rows) + 0.4, 0.75], fixedrange=True)
    return figure


def draw_importance(found: RunImportance) -> Drawing | None:
    """Draw how much each parameter mattered; None when nothing could be assessed."""
    rows = tuple(sorted(found.parameters, key=_largest, reverse=True)[:MOST_BARS])
    if not rows:
        return None
    sure = clear_choices(found.marginals)
    title = "Shares of importance for accuracy and for latency"
    if not sure:
        title += f". {NOTHING} by accuracy"
    lines = "; ".join(
        f"{row.name}: {percent_text(row.accuracy_ped, 0)} % of accuracy, "
        f"{percent_text(row.latency_ped, 0)} % of latency"
        for row in rows
    )
    left = len(found.parameters) - len(rows)
    note = (
        f"Lines: {measure_line('PED-ANOVA')} Diamonds: {measure_line('fANOVA')} Neither says how "
        "sure it is: the choices at equal latency do."
    )
    if left:
        note += f" {left} less important parameters are in the table only."
    figure = plot_importance(rows, title)
    return Drawing("importance", title, figure, f"PED-ANOVA. {lines}.", note, 46 * len(rows) + REST)


def _largest(row: ParameterImportance) -> float:
    return max(share or 0.0 for share in row[2:])


def draw_found_choices(found: RunImportance) -> Drawing | None:
    """Draw the effect of each value at equal latency; None with too little data."""
    return draw_marginals(found.marginals)

"""Two-way interactions of factors as a heat map."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.report.ablation_view import AblationView
from archsearch.report.figures.drawing import FRONT, Drawing, new_figure, plain
from archsearch.report.number_format import points_text


class InteractionsInfo(NamedTuple):
    """The strongest interaction of each pair of factors.

    Attributes:
        factors: in the study's order.
        size: [i][j] largest interaction of factors i and j in size, in percentage points; None on
            the diagonal and where it cannot be determined.
        label: [i][j] its levels and value, for reading.
        clear: [i][j] whether it differs from 0 after Holm's correction.
    """

    factors: tuple[str, ...]
    size: tuple[tuple[float | None, ...], ...]
    label: tuple[tuple[str, ...], ...]
    clear: tuple[tuple[bool, ...], ...]


def interactions_info(view: AblationView) -> InteractionsInfo | None:
    """Collect the interactions; None for other designs, or when none can be determined."""
    effects = view.answers.effects
    if effects is None or not effects.interactions:
        return None
    names = tuple(view.record.factors)
    count = len(names)
    size: list[list[float | None]] = [[None] * count for _ in names]
    label = [[""] * count for _ in names]
    clear = [[False] * count for _ in names]
    for each in effects.interactions:
        i, j = (names.index(factor) for factor in each.factors)
        value = 100 * each.estimate.value
        known = size[i][j]
        p = each.p < 0.05
        if known is None or abs(value) > known:
            words = " with ".join(each.levels)
            for a, b in ((i, j), (j, i)):
                size[a][b] = abs(value)
                label[a][b] = f"{words}: {points_text(each.estimate.value)}"
        for a, b in ((i, j), (j, i)):
            clear[a][b] = clear[a][b] or p
    return InteractionsInfo(
        names,
        tuple(map(tuple, size)),
        tuple(map(tuple, label)),
        tuple(map(tuple, clear)),
    )


def plot_interactions(info: InteractionsInfo, title: str) -> Any:
    """Return the heat map; a number in a cell says that it differs from 0."""
    figure = new_figure(title, "", "")
    shown = [plain(name) for name in info.factors]
    figure.add_trace(
        go.Heatmap(
            x=shown,
            y=shown,
            z=[list(row) for row in info.size],
            customdata=[[plain(text) for text in row] for row in info.label],
            text=[
                [
                    f"{size:.2f}*" if clear else f"{size:.2f}" if size is not None else ""
                    for size, clear in zip(*rows, strict=True)
                ]
                for rows in zip(info.size, info.clear, strict=True)
            ],
            texttemplate="%{text}",
            zmin=0,
            colorscale=[[0, "rgba(0,114,178,0.04)"], [1, FRONT]],
            hoverongaps=False,
            hovertemplate="%{y} and %{x}<br>%{customdata} points<extra></extra>",
            colorbar={"title": {"text": "points"}, "thickness": 12, "outlinewidth": 0},
            xgap=2,
            ygap=2,
        )
    )
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False)
    figure.update_layout(showlegend=False)
    return figure


def draw_interactions(view: AblationView) -> Drawing | None:
    """Draw the interactions of a factorial; None for other designs."""
    info = interactions_info(view)
    if info is None:
        return None
    title = "Interactions: what two factors do together beyond their sum"
    pairs = [
        f"{info.factors[i]} and {info.factors[j]}: {info.label[i][j]}"
        + (" (differs from 0)" if info.clear[i][j] else "")
        for i in range(len(info.factors))
        for j in range(i + 1, len(info.factors))
        if info.label[i][j]
    ]
    words = f"Largest interaction of each pair in percentage points. {'; '.join(pairs)}."
    note = "The largest in size of each pair; a star: differs from 0 after Holm's correction."
    height = 150 + 42 * len(info.factors)
    return Drawing("interactions", title, plot_interactions(info, title), words, note, height)

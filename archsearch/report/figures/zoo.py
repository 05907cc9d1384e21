"""Published accuracy against latency measured here."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from archsearch.report.figures.drawing import (
    BUDGET,
    FRONT,
    OTHER,
    SECOND,
    THIRD,
    Drawing,
    new_figure,
    plain,
)
from archsearch.report.latency_verdicts import verdict_text
from archsearch.report.number_format import ms_interval_text, ms_text
from archsearch.zoo.published_comparison import Row
from archsearch.zoo.published_figures import SOURCES

_COLOURS = {"LightViT": FRONT, "EdgeViTs": BUDGET, "LocalViT": SECOND, "SepViT": THIRD}


def shown_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that have an accuracy and a latency, each network once."""
    shown: dict[str, Row] = {}
    for row in rows:
        if row.published.top1 is None or row.measured is None or row.measured.latency is None:
            continue
        shown.setdefault(row.published.zoo or row.published.timm or row.published.label, row)
    return list(shown.values())


def plot_zoo(rows: Sequence[Row]) -> Any:
    """Return the figure: one point a network, the four papers' own in colour."""
    figure = new_figure(
        "Published accuracy, latency measured here",
        "latency of one image, ms (measured here)",
        "ImageNet-1k top-1, % (published)",
    )
    for paper, colour in _COLOURS.items():
        own = [row for row in rows if row.published.paper == paper and _is_own(row)]
        _add_points(figure, paper, colour, own, "circle")
    _add_points(figure, "others", OTHER, [row for row in rows if not _is_own(row)], "diamond")
    figure.update_xaxes(type="log")
    return figure


def draw_zoo(rows: Sequence[Row]) -> Drawing | None:
    """Draw the zoo; None when no row has both numbers."""
    shown = shown_rows(rows)
    if not shown:
        return None
    lines = [
        f"{row.published.label} {_top1(row):g} % at {ms_text(_latency(row))} ms"
        for row in sorted(shown, key=_latency)
    ]
    return Drawing(
        "zoo",
        "Published accuracy, latency measured here",
        plot_zoo(shown),
        "; ".join(lines),
        "Accuracies are the papers'; they were trained by different recipes.",
    )


def _add_points(figure: Any, name: str, colour: str, rows: Sequence[Row], symbol: str) -> None:
    if not rows:
        return
    spreads = [
        ms_interval_text(row.measured.latency.interval_ms) + verdict_text(row.measured.latency)
        for row in rows
        if row.measured is not None and row.measured.latency is not None
    ]
    figure.add_trace(
        go.Scatter(
            x=[_latency(row) for row in rows],
            y=[_top1(row) for row in rows],
            mode="markers+text",
            name=plain(name),
            text=[plain(row.published.label) for row in rows],
            textposition="top center",
            textfont={"size": 10},
            marker={"color": colour, "size": 9, "symbol": symbol},
            customdata=[
                (spread, _params_m(row), _sources(row))
                for row, spread in zip(rows, spreads, strict=True)
            ],
            hovertemplate=(
                "%{text}: %{y} % (%{customdata[2]})<br>%{x:.3g} ms (%{customdata[0]})<br>"
                "%{customdata[1]:.1f} M parameters<extra></extra>"
            ),
        )
    )


def _is_own(row: Row) -> bool:
    """Return whether the row is a model of its paper, not one it compares with."""
    return (row.published.zoo or "").startswith(("lightvit", "edgevit", "localvit", "sepvit"))


def _latency(row: Row) -> float:
    assert row.measured is not None
    assert row.measured.latency is not None
    return row.measured.latency.median_ms


def _top1(row: Row) -> float:
    assert row.published.top1 is not None
    return row.published.top1.value


def _params_m(row: Row) -> float:
    assert row.measured is not None
    return row.measured.params / 1e6


def _sources(row: Row) -> str:
    assert row.published.top1 is not None
    return ", ".join(SOURCES[mark] for mark in row.published.top1.sources)

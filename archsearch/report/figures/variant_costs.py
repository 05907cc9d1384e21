"""Accuracy against latency: an arrow from the base to each variant."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.percent import percent_text
from archsearch.report.ablation_view import AblationView
from archsearch.report.figures.drawing import FRONT, OTHER, TEXT, Drawing, new_figure, plain
from archsearch.report.number_format import ms_text
from archsearch.report.variant_tables import mean_sd

#: names of more networks than this would cover each other
MOST_NAMES = 9


class CostPoint(NamedTuple):
    """One network.

    Attributes:
        name: of the variant.
        latency_ms: median.
        interval_ms: its interval; the median twice where the spread is unknown.
        accuracy: mean over seeds, 0 to 1.
        half: half the interval of its difference to the base; 0 for the base.
        clear: its accuracy differs from the base's.
    """

    name: str
    latency_ms: float
    interval_ms: tuple[float, float]
    accuracy: float
    half: float
    clear: bool


def cost_points(view: AblationView) -> tuple[CostPoint, ...]:
    """Return the base and every variant with accuracy and latency; empty without a base."""
    found: list[CostPoint] = []
    for variant in (view.record.base_variant, *view.record.others):
        mean, _ = mean_sd(list(variant.accuracies.values()))
        if mean is None or variant.latency is None:
            if not found:
                return ()
            continue
        row = view.answers.compared(variant.name)
        half = (row.interval[1] - row.interval[0]) / 2 if row else 0.0
        # the arrow ends at the paired difference, which is what the interval is about
        end = found[0].accuracy + row.difference if row and found else mean
        found.append(
            CostPoint(
                variant.name,
                variant.latency.median_ms,
                variant.latency.interval_ms or (variant.latency.median_ms,) * 2,
                end,
                half if half < 1 else 0.0,
                row is not None and row.verdict in ("better", "worse"),
            )
        )
    return tuple(found)


def plot_costs(points: tuple[CostPoint, ...], title: str) -> Any:
    """Return the figure; names appear beside their marks where there is room."""
    figure = new_figure(title, "latency (ms)", "validation accuracy (%)")
    base, others = points[0], points[1:]
    places = label_places(points)
    for name, clear, colour in (("not distinguishable", False, OTHER), ("differs", True, FRONT)):
        chosen = [point for point in others if point.clear == clear]
        if chosen:
            figure.add_trace(_marks(name, chosen, colour, places))
    figure.add_trace(_marks("base", [base], TEXT, places))
    for point in others:
        figure.add_annotation(
            x=point.latency_ms,
            y=100 * point.accuracy,
            ax=base.latency_ms,
            ay=100 * base.accuracy,
            axref="x",
            ayref="y",
            xref="x",
            yref="y",
            showarrow=True,
            arrowhead=2,
            arrowsize=1.1,
            arrowwidth=1.2,
            standoff=6,
            startstandoff=6,
            arrowcolor=FRONT if point.clear else OTHER,
            opacity=0.75,
            text="",
        )
    medians = [point.latency_ms for point in points]
    span = max(medians) - min(medians) or 1.0
    # one measurement that did not settle must not squeeze all others
    low = max(min(point.interval_ms[0] for point in points), min(medians) - 0.5 * span)
    high = min(max(point.interval_ms[1] for point in points), max(medians) + 0.5 * span)
    figure.update_xaxes(range=[low - 0.08 * span, high + 0.08 * span])
    return figure


def label_places(points: tuple[CostPoint, ...]) -> dict[str, str]:
    """Return where each name stands: towards the middle, off the arrow and its neighbours' names.

    More than `MOST_NAMES` would cover each other; there are none then.
    """
    if len(points) > MOST_NAMES:
        return {}
    x, y = [p.latency_ms for p in points], [p.accuracy for p in points]
    wide, high = max(x) - min(x) or 1.0, max(y) - min(y) or 1.0
    middle = (max(x) + min(x)) / 2
    places: dict[str, str] = {}
    for point in sorted(points, key=lambda each: -each.accuracy):
        near = [
            places[other.name]
            for other in points
            if other.name in places
            and abs(other.latency_ms - point.latency_ms) < 0.3 * wide
            and abs(other.accuracy - point.accuracy) < 0.08 * high
        ]
        side = "left" if point.latency_ms > middle else "right"
        # arrows come from the base, the first point
        first, second = ("top", "bottom") if point.accuracy >= y[0] else ("bottom", "top")
        place = f"{first} {side}"
        places[point.name] = f"{second} {side}" if place in near else place
    return places


def _marks(name: str, points: list[CostPoint], colour: str, places: dict[str, str]) -> Any:
    return go.Scatter(
        name=name,
        mode="markers+text" if places else "markers",
        x=[point.latency_ms for point in points],
        y=[100 * point.accuracy for point in points],
        text=[plain(point.name) for point in points],
        textposition=[places.get(point.name, "top right") for point in points],
        textfont={"size": 11, "color": colour},
        cliponaxis=False,
        marker={"symbol": "circle", "size": 8, "color": colour, "line_width": 0},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [point.interval_ms[1] - point.latency_ms for point in points],
            "arrayminus": [point.latency_ms - point.interval_ms[0] for point in points],
            "color": colour,
            "thickness": 1,
            "width": 0,
        },
        error_y={
            "type": "data",
            "array": [100 * point.half for point in points],
            "color": colour,
            "thickness": 1,
            "width": 0,
        },
        hovertemplate="%{text}: %{y:.2f} %, %{x:.3g} ms<extra></extra>",
    )


def draw_costs(view: AblationView) -> Drawing | None:
    """Draw what each variant gains and costs; None without latencies of base and a variant."""
    points = cost_points(view)
    if len(points) < 2:
        return None
    title = f"What each variant gains and costs against {points[0].name}"
    listed = "; ".join(
        f"{point.name}: {percent_text(point.accuracy, 2)} % at {ms_text(point.latency_ms)} ms"
        for point in points
    )
    note = (
        "Arrows start at the base. Upright bars are intervals of the difference to it, level bars "
        "those of the latency."
    )
    height = 460 if len(points) > 4 else 380
    return Drawing("costs", title, plot_costs(points, title), f"{listed}.", note, height)

"""Learning curves of an ablation: the mean over seeds of each network."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.percent import percent_text
from archsearch.report.ablation_view import AblationView
from archsearch.report.figures.drawing import FRONT, OTHER, TEXT, Drawing, new_figure, plain


class MeanCurve(NamedTuple):
    """Validation accuracy (0 to 1) after each epoch: mean, lowest and highest over seeds."""

    name: str
    epochs: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    clear: bool


def mean_curves(view: AblationView) -> tuple[MeanCurve, ...]:
    """Return the base's curve first, then the variants'; those without one are left out."""
    found = []
    for variant in (view.record.base_variant, *view.record.others):
        seeds = [
            {metrics.epoch: metrics.accuracy for metrics in curve}
            for curve in variant.curves.values()
            if curve
        ]
        if not seeds:
            continue
        epochs = sorted(set.intersection(*(set(seed) for seed in seeds)))
        values = [[seed[epoch] for seed in seeds] for epoch in epochs]
        row = view.answers.compared(variant.name)
        found.append(
            MeanCurve(
                variant.name,
                tuple(epochs),
                tuple(sum(each) / len(each) for each in values),
                tuple(min(each) for each in values),
                tuple(max(each) for each in values),
                row is not None and row.verdict in ("better", "worse"),
            )
        )
    return tuple(found)


def plot_mean_curves(curves: tuple[MeanCurve, ...], base: str, title: str) -> Any:
    """Return the figure: the base on top with its range over seeds."""
    figure = new_figure(title, "epoch", "validation accuracy (%)")
    groups = (
        ("not distinguishable", OTHER, [c for c in curves if not c.clear and c.name != base]),
        ("differs from the base", FRONT, [c for c in curves if c.clear]),
    )
    for name, colour, chosen in groups:
        if not chosen:
            continue
        x: list[float | None] = []
        y: list[float | None] = []
        names: list[str] = []
        for curve in chosen:
            x += [*curve.epochs, None]
            y += [*(100 * value for value in curve.mean), None]
            names += [plain(curve.name)] * (len(curve.epochs) + 1)
        figure.add_trace(
            go.Scatter(
                name=name,
                mode="lines",
                x=x,
                y=y,
                text=names,
                line={"color": colour, "width": 1.4},
                opacity=0.8,
                hovertemplate="%{text}, epoch %{x}: %{y:.2f} %<extra></extra>",
            )
        )
    for curve in curves:
        if curve.name == base:
            figure.add_trace(_base(curve))
    longest = max(curve.epochs[-1] for curve in curves)
    figure.update_xaxes(range=[0.8, longest + 0.2], dtick=max(1, round(longest / 10)))
    return figure


def _base(curve: MeanCurve) -> Any:
    above = [100 * (high - mean) for high, mean in zip(curve.high, curve.mean, strict=True)]
    below = [100 * (mean - low) for low, mean in zip(curve.low, curve.mean, strict=True)]
    return go.Scatter(
        name="base",
        mode="lines",
        x=curve.epochs,
        y=[100 * value for value in curve.mean],
        line={"color": TEXT, "width": 2},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": above,
            "arrayminus": below,
            "color": TEXT,
            "thickness": 1,
            "width": 0,
        },
        hovertemplate=f"{plain(curve.name)}, epoch %{{x}}: %{{y:.2f}} %<extra></extra>",
    )


def draw_mean_curves(view: AblationView) -> Drawing | None:
    """Draw the learning curves; None when there is none of more than one epoch."""
    curves = mean_curves(view)
    if not any(len(curve.epochs) > 1 for curve in curves):
        return None
    title = "Learning curves, means over seeds"
    ends = "; ".join(
        f"{curve.name} from {percent_text(curve.mean[0])} to {percent_text(curve.mean[-1])} %"
        for curve in curves
        if curve.epochs
    )
    curves = tuple(curve for curve in curves if curve.epochs)
    figure = plot_mean_curves(curves, view.record.base, title)
    note = "Bars of the base are the range over its seeds."
    return Drawing("curves", title, figure, f"{ends}.", note)

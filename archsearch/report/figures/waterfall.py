"""From the baseline to the explained network, one choice after the other: a waterfall."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go

from archsearch.analysis import holm
from archsearch.analysis.regression import Estimate
from archsearch.report.explanation_findings import LEVEL, accuracy_sentence, latency_sentence
from archsearch.report.figures.drawing import (
    BUDGET,
    FAINT,
    FRONT,
    LINE,
    OTHER,
    TEXT,
    Drawing,
    new_figure,
    plain,
)
from archsearch.report.figures.effects import REST, ROW
from archsearch.report.number_format import factor_text, points_text
from archsearch.report.path_findings import path_rows, path_sentences

if TYPE_CHECKING:
    from archsearch.run.explanation import Explanation, Split

#: steps beyond these are summed in one
MOST_STEPS = 12
_SUM, _OPEN = "sum", "not distinguishable"


class Step(NamedTuple):
    """One bar, in points of accuracy or in percent of the baseline's latency.

    Attributes:
        name: of the choice.
        start: where the bar begins.
        end: where it ends.
        low: lower end of the interval of ``end``, given ``start``.
        high: upper end.
        kind: ``more``, ``less``, ``not distinguishable`` or ``sum``.
        text: value and interval for people.
    """

    name: str
    start: float
    end: float
    low: float
    high: float
    kind: str
    text: str


def accuracy_steps(split: "Split") -> tuple[Step, ...]:
    """Return the bars of accuracy, in points above the baseline."""
    return _steps(split, lambda value: 100 * value, lambda value: points_text(value, 1))


def latency_steps(split: "Split") -> tuple[Step, ...]:
    """Return the bars of latency, in percent of the baseline's."""
    return _steps(split, lambda value: 100 * math.exp(min(value, 20.0)), factor_text)


def _steps(
    split: "Split", scaled: Callable[[float], float], text: Callable[[float], str]
) -> tuple[Step, ...]:
    found = split.attribution
    values = {name: found.of([name]) for name in found.choices}
    adjusted = dict(zip(values, holm([each.p for each in values.values()]), strict=True))
    order = sorted(values, key=lambda name: -abs(values[name].value))
    steps, at = [], 0.0

    def add(name: str, value: Estimate, kind: str, start: float) -> None:
        low, high = value.interval() if value.df else (value.value, value.value)
        words = text(value.value)
        if value.df:
            words += f" ({text(low)} to {text(high)})"
        first, last, least, most = map(
            scaled, (start, start + value.value, start + low, start + high)
        )
        steps.append(Step(name, first, last, least, most, kind, words))

    shown = order if len(order) <= MOST_STEPS else order[: MOST_STEPS - 1]
    for name in shown:
        kind = _OPEN
        if adjusted[name] < LEVEL:
            kind = "more" if values[name].value > 0 else "less"
        add(name, values[name], kind, at)
        at += values[name].value
    if rest := order[len(shown) :]:
        value = found.of(rest)
        add(f"{len(rest)} other choices", value, _OPEN, at)
        at += value.value
    add("all choices", found.total, _SUM, 0.0)
    if split.observed is not None and split.unexplained is not None:
        add("not explained", Estimate(split.unexplained, 0.0, 0.0), _OPEN, at)
        add("observed", Estimate(split.observed, 0.0, 0.0), _SUM, 0.0)
    return tuple(steps)


def plot_waterfall(
    steps: Sequence[Step], title: str, x: str, colours: dict[str, str], origin: float
) -> Any:
    """Return the figure: names above their bars, so that they fit every width.

    Args:
        steps: top to bottom.
        title: of the figure.
        x: label of the axis.
        colours: colour of each kind but sums.
        origin: where the baseline is on the axis.
    """
    figure = new_figure(title, x, "")
    for kind, colour in {**colours, _SUM: TEXT}.items():
        chosen = [(i, step) for i, step in enumerate(steps) if step.kind == kind]
        if chosen:
            figure.add_trace(_bars(kind, chosen, colour))
    for i, step in enumerate(steps[:-1]):
        figure.add_shape(
            type="line",
            x0=step.end,
            x1=step.end,
            y0=-i - 0.14,
            y1=-i - 0.86,
            line={"color": FAINT, "width": 1, "dash": "dot"},
        )
    figure.add_vline(origin, line={"color": LINE, "width": 1.5})
    for i, step in enumerate(steps):
        common = {"y": -i, "yshift": 17, "showarrow": False, "xref": "paper", "font_size": 12.5}
        figure.add_annotation(x=0, xanchor="left", text=plain(step.name), **common)
        figure.add_annotation(x=1, xanchor="right", text=plain(step.text), name="wide", **common)
    ends = [origin, *(end for step in steps for end in (step.start, step.end, step.low, step.high))]
    low, high = min(ends), max(ends)
    pad = 0.06 * (high - low or 1.0)
    figure.update_xaxes(range=[low - pad, high + pad], zeroline=False, domain=[0, 0.8])
    figure.update_yaxes(visible=False, range=[-len(steps) + 0.5, 0.7], fixedrange=True)
    figure.update_layout(barmode="overlay")
    return figure


def _bars(kind: str, chosen: Sequence[tuple[int, Step]], colour: str) -> Any:
    return go.Bar(
        name=kind,
        orientation="h",
        y=[-i for i, _ in chosen],
        x=[step.end - step.start for _, step in chosen],
        base=[step.start for _, step in chosen],
        width=0.28,
        marker={"color": colour, "line_width": 0},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [step.high - step.end or None for _, step in chosen],
            "arrayminus": [step.end - step.low or None for _, step in chosen],
            "color": OTHER,
            "thickness": 1.6,
            "width": 3,
        },
        text=[f"{plain(step.name)}: {plain(step.text)}" for _, step in chosen],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )


def draw_accuracy(found: "Explanation") -> Drawing:
    """Draw the way from the baseline's accuracy to that of the explained network."""
    title = f"Accuracy: from {found.baseline} to trial {found.target}"
    steps = accuracy_steps(found.accuracy)
    colours = {"more": FRONT, "less": BUDGET, _OPEN: FAINT}
    x = f"percentage points above {found.baseline}"
    figure = plot_waterfall(steps, title, x, colours, 0.0)
    return _drawing("accuracy", title, figure, steps, accuracy_sentence(found.accuracy))


def draw_path(found: "Explanation") -> Drawing | None:
    """Draw the trained networks from the baseline to the explained one; None without a path."""
    rows, steps, at = path_rows(found), [], 0.0
    if not rows:
        return None
    for row in rows:
        is_sum = row is rows[-1]
        start = 0.0 if is_sum else at
        low, high = row.gain.interval
        kind = _SUM if is_sum else _OPEN
        if not is_sum and row.gain.p < LEVEL:
            kind = "more" if row.gain.value > 0 else "less"
        words = (
            f"{points_text(row.gain.value, 1)} ({points_text(low, 1)} to {points_text(high, 1)})"
        )
        end, least, most = (100 * (start + each) for each in (row.gain.value, low, high))
        steps.append(Step(row.name, 100 * start, end, least, most, kind, words))
        at = start + row.gain.value
    title = f"Trained: from {found.baseline} to trial {found.target}"
    colours = {"more": FRONT, "less": BUDGET, _OPEN: FAINT}
    x = f"percentage points above {found.baseline}"
    figure = plot_waterfall(steps, title, x, colours, 0.0)
    note = (
        "Each bar is the gain of one network over the one above, mean over equal seeds; thin lines "
        "are 95 % intervals, simultaneous over the steps."
    )
    lines = "; ".join(f"{step.name}: {step.text}" for step in steps)
    words = f"{' '.join(path_sentences(found))} {lines}."
    return Drawing("path", title, figure, words, note, ROW * len(steps) + REST)


def draw_latency(found: "Explanation") -> Drawing | None:
    """Draw the way from the baseline's latency to that of the explained network."""
    if found.latency is None:
        return None
    title = f"Latency: from {found.baseline} to trial {found.target}"
    steps = latency_steps(found.latency)
    colours = {"less": FRONT, "more": BUDGET, _OPEN: FAINT}
    x = f"latency in percent of that of {found.baseline}"
    figure = plot_waterfall(steps, title, x, colours, 100.0)
    return _drawing("latency", title, figure, steps, latency_sentence(found.latency))


def _drawing(key: str, title: str, figure: Any, steps: Sequence[Step], words: str) -> Drawing:
    lines = "; ".join(f"{step.name}: {step.text}" for step in steps)
    note = (
        "Each bar starts where the one above ends; thin lines are 95 % intervals of each bar. "
        "Colours by p-values with Holm's correction."
    )
    return Drawing(key, title, figure, f"{words} {lines}.", note, ROW * len(steps) + REST)

"""Which choices go along with accuracy and latency."""

import math
from collections import Counter
from typing import Any, NamedTuple

import plotly.graph_objects as go

from archsearch.analysis import choice_effects
from archsearch.percent import percent_text
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.figures.drawing import BUDGET, FRONT, Drawing, new_figure, plain
from archsearch.report.importance_words import accuracy_verdict, measure_line, run_marginals
from archsearch.report.units import plural

MOST_BARS = 12
#: fewer trials than this say nothing about twenty choices
FEWEST_TRIALS = 12


class ImportanceInfo(NamedTuple):
    """Share of the variance that each choice explains alone; all tuples are equally long.

    Attributes:
        names: parameters, the most telling first.
        accuracy: share of the variance of accuracy, 0 to 1.
        latency: share of the variance of the logarithm of latency.
        n: trained trials behind the accuracies.
        n_latency: measured trials behind the latencies.
        left_out: parameters that are not shown.
        verdict: which choices can be told apart at equal latency; the shares do not say.
    """

    names: tuple[str, ...]
    accuracy: tuple[float, ...]
    latency: tuple[float, ...]
    n: int
    n_latency: int
    left_out: int
    verdict: str


def importance_info(run: RunRecord, most: int = MOST_BARS) -> ImportanceInfo | None:
    """Compute what the choices explain; None with too few trials whose choices are known."""
    trained = [t for t in run.trials if t.choices and t.accuracy is not None]
    measured = [t for t in run.trials if t.choices and t.latency_ms]
    if len(trained) < FEWEST_TRIALS:
        return None
    accuracy = _shares(trained, [t.accuracy or 0.0 for t in trained])
    latency = _shares(measured, [math.log(t.latency_ms or 1.0) for t in measured])
    names = sorted(accuracy, key=lambda name: (-max(accuracy[name], latency.get(name, 0.0)), name))
    shown = tuple(names[:most])
    if not shown:
        return None
    return ImportanceInfo(
        shown,
        tuple(accuracy[name] for name in shown),
        tuple(latency.get(name, 0.0) for name in shown),
        len(trained),
        len(measured),
        len(names) - len(shown),
        accuracy_verdict(run_marginals(run)),
    )


def _shares(trials: list[TrialRecord], values: list[float]) -> dict[str, float]:
    """Return the share of each parameter that at least half of the trials have.

    What only few have tells mostly that they have it, which its parent tells already.
    """
    counts = Counter(name for trial in trials for name in trial.choices)
    common = {name for name, count in counts.items() if 2 * count >= len(trials)}
    known = [{k: v for k, v in trial.choices.items() if k in common} for trial in trials]
    return {each.name: each.share for each in choice_effects(known, values)}


def importance_title(info: ImportanceInfo) -> str:
    """Return which choices can be told apart, in one line; a share alone names no winner."""
    return info.verdict


def plot_importance(info: ImportanceInfo) -> Any:
    """Return the figure: two bars a choice."""
    figure = new_figure(importance_title(info), "variance explained (%)", "")
    labels = [plain(name) for name in info.names]
    for name, shares, color in (
        ("latency", info.latency, BUDGET),
        ("accuracy", info.accuracy, FRONT),
    ):
        figure.add_trace(
            go.Bar(
                name=name,
                orientation="h",
                y=labels,
                x=[100 * share for share in shares],
                marker={"color": color, "line_width": 0},
                hovertemplate=f"%{{y}}: %{{x:.0f}} % of {name}<extra></extra>",
            )
        )
    figure.update_yaxes(
        autorange="reversed", ticks="", showline=False, ticksuffix="  ", tickfont_size=11.5
    )
    figure.update_xaxes(rangemode="tozero")
    figure.update_layout(barmode="group", bargap=0.3, bargroupgap=0.05)
    return figure


def draw_importance(run: RunRecord) -> Drawing | None:
    """Draw what the choices of a run explain; None with too few trials."""
    info = importance_info(run)
    if info is None:
        return None
    rows = zip(info.names, info.accuracy, info.latency, strict=True)
    listed = "; ".join(
        f"{name}: {percent_text(a, 0)} % of accuracy, {percent_text(t, 0)} % of latency"
        for name, a, t in rows
    )
    more = f" {plural(info.left_out, 'weaker choice')} left out." if info.left_out else ""
    note = (
        f"Bars: {measure_line('omega squared')} Over {plural(info.n, 'trained trial')} and "
        f"{info.n_latency:,} measured ones. Above: {measure_line('accuracy at equal latency')} "
        "The search prefers what looks good, so this tells "
        f"what went along with it in this run; an ablation tells what causes it.{more}"
    )
    return Drawing(
        "importance",
        importance_title(info),
        plot_importance(info),
        f"Bars of the variance that each choice explains alone. {listed}.",
        note,
    )

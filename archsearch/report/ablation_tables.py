"""The tables of an ablation: variants beside the base, effects of factors, interactions."""

from typing import Any

from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.analysis import Answers, Compared, Effect
from archsearch.percent import percent_text
from archsearch.report.ablation_view import AblationView, published_change
from archsearch.report.plain_table import PlainTable
from archsearch.report.units import change_text, count_text, ms_text, points_text
from archsearch.report.verdicts import verdict_text

_HEADINGS = (
    "variant",
    "n",
    "accuracy %",
    "difference",
    "95 % interval",
    "verdict",
    "params",
    "MACs",
    "latency ms",
    "change ms",
)


def ablation_table(record: AblationRecord, found: Answers | None = None) -> PlainTable:
    """Return the variants beside their base, published changes beside measured ones.

    Differences are in percentage points, their intervals simultaneous over all variants.
    """
    view = AblationView(record, found)
    paper = any(each.published and each.published.text for each in record.variants) or any(
        published_change(view, each) is not None for each in record.others
    )
    base = record.base_variant
    rows = [_base_row(base, paper), *(_row(view, each, row, paper) for each, row in view.rows)]
    values = [_base_values(base), *(_values(view, each, row) for each, row in view.rows)]
    comparison = view.answers.comparison
    notes = [comparison.method] if comparison else []
    notes += view.answers.notes
    headings = (*_HEADINGS, "published") if paper else _HEADINGS
    title = f"{record.name}: {record.data}, {record.image_size} px, {record.scale} scale"
    words = ("variant", "verdict", "published")
    return PlainTable(title, headings, tuple(rows), tuple(values), tuple(notes), words=words)


def effects_table(record: AblationRecord, found: Answers | None = None) -> PlainTable | None:
    """Return the main effects of a factorial; None for other designs."""
    effects = AblationView(record, found).answers.effects
    if effects is None:
        return None
    steps = {each.factors + each.levels: each for each in effects.steps}
    rows, values = [], []
    for each in effects.main:
        step = steps.get(each.factors + each.levels)
        rows.append(
            (
                each.factors[0],
                each.levels[0],
                points_text(each.estimate.value),
                _interval(each.interval),
                points_text(step.estimate.value) if step else "",
                _interval(step.interval) if step else "",
                _p(step.p) if step else "",
            )
        )
        values.append(
            {
                "factor": each.factors[0],
                "level": each.levels[0],
                **_effect_values(each, "effect"),
                **_effect_values(step, "step"),
            }
        )
    notes = (effects.method, *effects.unclear)
    headings = (
        "factor",
        "level",
        "against the average",
        "95 % interval",
        "against the first level",
        "95 % interval",
        "p (Holm)",
    )
    title = f"{record.name}: main effects in points"
    words = ("factor", "level")
    return PlainTable(title, headings, tuple(rows), tuple(values), notes, words=words)


def interactions_table(record: AblationRecord, found: Answers | None = None) -> PlainTable | None:
    """Return the two-way interactions of a factorial; None for other designs."""
    effects = AblationView(record, found).answers.effects
    if effects is None or not effects.interactions:
        return None
    rows, values = [], []
    for each in effects.interactions:
        names = (f"{f}={level}" for f, level in zip(each.factors, each.levels, strict=True))
        rows.append(
            (
                " x ".join(names),
                points_text(each.estimate.value),
                _interval(each.interval),
                _p(each.p),
            )
        )
        first, second = (
            {"factor": f, "level": level}
            for f, level in zip(each.factors, each.levels, strict=True)
        )
        values.append(
            {
                **{f"first_{key}": value for key, value in first.items()},
                **{f"second_{key}": value for key, value in second.items()},
                **_effect_values(each, "interaction"),
            }
        )
    headings = ("pair", "interaction", "95 % interval", "p (Holm)")
    title = f"{record.name}: interactions in points"
    notes = (effects.method,)
    return PlainTable(title, headings, tuple(rows), tuple(values), notes, words=("pair",))


def ablation_tables(record: AblationRecord, found: Answers | None = None) -> list[PlainTable]:
    """Return every table that the design has."""
    found = found or AblationView(record).answers
    tables = (
        ablation_table(record, found),
        effects_table(record, found),
        interactions_table(record, found),
    )
    return [table for table in tables if table is not None]


def _base_row(base: VariantRecord, paper: bool) -> tuple[str, ...]:
    cells = (
        base.name,
        str(len(base.accuracies)),
        _accuracy(base),
        "",
        "",
        "base",
        count_text(base.params),
        count_text(base.macs),
        _latency(base),
        "",
    )
    return (*cells, _published(base, None)) if paper else cells


def _row(
    view: AblationView, variant: VariantRecord, row: Compared | None, paper: bool
) -> tuple[str, ...]:
    base, cost = view.record.base_variant, view.answers.costs[variant.name]
    cells = (
        variant.name,
        str(len(variant.accuracies)),
        _accuracy(variant),
        points_text(row.difference if row else None),
        _interval(row.interval) if row else "-",
        row.verdict_text if row else "no result",
        f"{count_text(variant.params)} ({change_text(cost.params, base.params)})",
        f"{count_text(variant.macs)} ({change_text(cost.macs, base.macs)})",
        _latency(variant),
        _latency_change(cost.latency_ms, cost.interval_ms),
    )
    return (*cells, _published(variant, published_change(view, variant))) if paper else cells


def _published(variant: VariantRecord, change: float | None) -> str:
    """Return the published change, else the published accuracy, else what is said in words."""
    if variant.published is None:
        return ""
    if change is not None:
        return f"{change:+g}"
    top1 = variant.published.top1
    return variant.published.text if top1 is None else f"{top1:g} %"


def _base_values(base: VariantRecord) -> dict[str, Any]:
    shares = list(base.accuracies.values())
    return _common(base, shares) | {
        "difference": None,
        "difference_low": None,
        "difference_high": None,
        "p": None,
        "verdict": "base",
        "more_seeds": None,
        "params_change": 0,
        "macs_change": 0,
        "latency_change_ms": None,
        "latency_change_low_ms": None,
        "latency_change_high_ms": None,
        "published_top1_percent": base.published.top1 if base.published else None,
        "published_change_points": None,
        "published": base.published.text if base.published else "",
    }


def _values(view: AblationView, variant: VariantRecord, row: Compared | None) -> dict[str, Any]:
    cost = view.answers.costs[variant.name]
    low, high = row.interval if row else (None, None)
    fast, slow = cost.interval_ms or (None, None)
    return _common(variant, list(variant.accuracies.values())) | {
        "difference": row.difference if row else None,
        "difference_low": low,
        "difference_high": high,
        "p": row.p if row else None,
        "verdict": row.verdict if row else "no result",
        "more_seeds": row.more_seeds if row else None,
        "params_change": cost.params,
        "macs_change": cost.macs,
        "latency_change_ms": cost.latency_ms,
        "latency_change_low_ms": fast,
        "latency_change_high_ms": slow,
        "published_top1_percent": variant.published.top1 if variant.published else None,
        "published_change_points": published_change(view, variant),
        "published": variant.published.text if variant.published else "",
    }


def _common(variant: VariantRecord, shares: list[float]) -> dict[str, Any]:
    mean, sd = mean_sd(shares)
    latency = variant.latency
    low, high = (latency and latency.interval_ms) or (None, None)
    return {
        "variant": variant.name,
        "seeds": len(shares),
        "accuracy": mean,
        "accuracy_sd": sd,
        "params": variant.params,
        "macs": variant.macs,
        "latency_ms": latency.median_ms if latency else None,
        "latency_low_ms": low,
        "latency_high_ms": high,
        "latency_verdict": latency.verdict if latency else None,
    }


def mean_sd(shares: list[float]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation; None where there are too few."""
    if not shares:
        return None, None
    mean = sum(shares) / len(shares)
    if len(shares) < 2:
        return mean, None
    return mean, (sum((share - mean) ** 2 for share in shares) / (len(shares) - 1)) ** 0.5


def _accuracy(variant: VariantRecord) -> str:
    mean, sd = mean_sd(list(variant.accuracies.values()))
    text = percent_text(mean, 2)
    return text if sd is None else f"{text} (sd {100 * sd:.2f})"


def _interval(ends: tuple[float, float]) -> str:
    return f"{points_text(ends[0])} to {points_text(ends[1])}"


def _latency(variant: VariantRecord) -> str:
    if variant.latency is None:
        return "-"
    return ms_text(variant.latency.median_ms) + verdict_text(variant.latency)


def _latency_change(gap: float | None, ends: tuple[float, float] | None) -> str:
    if gap is None:
        return "-"
    if ends is None:
        return f"{gap:+.3g} (spread unknown)"
    return f"{gap:+.3g} ({ends[0]:+.2g} to {ends[1]:+.2g})"


def _effect_values(effect: Effect | None, name: str) -> dict[str, Any]:
    if effect is None:
        return dict.fromkeys((name, f"{name}_low", f"{name}_high", f"{name}_p"))
    return {
        name: effect.estimate.value,
        f"{name}_low": effect.interval[0],
        f"{name}_high": effect.interval[1],
        f"{name}_p": effect.p,
    }


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"

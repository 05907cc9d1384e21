"""The tables of an ablation, their columns declared once: variants, main effects, interactions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.analysis import Answers, Compared, CostChange, Effect
from archsearch.image_size import size_text
from archsearch.percent import percent_text
from archsearch.record.teacher_text import teacher_words
from archsearch.report.ablation_view import AblationView, published_change
from archsearch.report.latency_verdicts import verdict_text
from archsearch.report.number_format import change_text, count_text, ms_text, p_text, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, Row, tabulate


class VariantRow(NamedTuple):
    """A network of an ablation beside the base.

    Attributes:
        variant: the network.
        base: what it is compared with.
        compared: its difference to the base; None for the base, and where there is no result.
        cost: what it costs beyond the base; None for the base.
        published: change that a paper reports, in points; None where it does not.
    """

    variant: VariantRecord
    base: VariantRecord
    compared: Compared | None = None
    cost: CostChange | None = None
    published: float | None = None

    @property
    def shares(self) -> list[float]:
        """Accuracy with each seed."""
        return list(self.variant.accuracies.values())


class MainEffect(NamedTuple):
    """A level of a factor: against the average, and against the first level where it is another."""

    effect: Effect
    step: Effect | None


def ablation_table(record: AblationRecord, found: Answers | None = None) -> PlainTable:
    """Return the variants beside their base, published changes beside measured ones.

    Differences are in percentage points, their intervals simultaneous over all variants.
    """
    view = AblationView(record, found)
    base = record.base_variant
    rows = [VariantRow(base, base)]
    rows += [
        VariantRow(
            each, base, compared, view.answers.costs[each.name], published_change(view, each)
        )
        for each, compared in view.rows
    ]
    comparison = view.answers.comparison
    notes = [comparison.method] if comparison else []
    if teacher := teacher_words(record.recipe):
        notes.append(f"all networks learned from the teacher {teacher}")
    pixels = size_text(record.image_size)
    title = f"{record.name}: {record.data}, {pixels} px, {record.scale} scale"
    return tabulate(title, VARIANT_COLUMNS, rows, (*notes, *view.answers.notes))


def effects_table(record: AblationRecord, found: Answers | None = None) -> PlainTable | None:
    """Return the main effects of a factorial; None for other designs."""
    effects = AblationView(record, found).answers.effects
    if effects is None:
        return None
    steps = {each.factors + each.levels: each for each in effects.steps}
    rows = [MainEffect(each, steps.get(each.factors + each.levels)) for each in effects.main]
    title = f"{record.name}: main effects in points"
    return tabulate(title, EFFECT_COLUMNS, rows, (effects.method, *effects.unclear))


def interactions_table(record: AblationRecord, found: Answers | None = None) -> PlainTable | None:
    """Return the two-way interactions of a factorial; None for other designs."""
    effects = AblationView(record, found).answers.effects
    if effects is None or not effects.interactions:
        return None
    title = f"{record.name}: interactions in points"
    return tabulate(title, INTERACTION_COLUMNS, effects.interactions, (effects.method,))


def ablation_tables(record: AblationRecord, found: Answers | None = None) -> list[PlainTable]:
    """Return every table that the design has."""
    found = found or AblationView(record).answers
    tables = (
        ablation_table(record, found),
        effects_table(record, found),
        interactions_table(record, found),
    )
    return [table for table in tables if table is not None]


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


def _difference(row: VariantRow) -> str:
    if row.cost is None:
        return ""
    return points_text(row.compared.difference if row.compared else None)


def _difference_interval(row: VariantRow) -> str:
    if row.cost is None:
        return ""
    return _interval(row.compared.interval) if row.compared else "-"


def _verdict_text(row: VariantRow) -> str:
    return row.compared.verdict_text if row.compared else _no_verdict(row)


def _no_verdict(row: VariantRow) -> str:
    return "base" if row.cost is None else "no result"


def _count(name: str) -> Callable[[VariantRow], str]:
    """Return how a count reads: with its change in percent of the base's."""

    def text(row: VariantRow) -> str:
        count = count_text(getattr(row.variant, name))
        if row.cost is None:
            return count
        return f"{count} ({change_text(getattr(row.cost, name), getattr(row.base, name))})"

    return text


def _latency_end(at: int) -> Callable[[VariantRow], float | None]:
    def value(row: VariantRow) -> float | None:
        known = row.variant.latency
        return known.interval_ms[at] if known and known.interval_ms else None

    return value


def _change_end(at: int) -> Callable[[VariantRow], float | None]:
    return lambda row: row.cost.interval_ms[at] if row.cost and row.cost.interval_ms else None


def _change_text(row: VariantRow) -> str:
    return "" if row.cost is None else _latency_change(row.cost.latency_ms, row.cost.interval_ms)


def _has_published(rows: Sequence[VariantRow]) -> bool:
    return any(
        row.published is not None or (row.variant.published and row.variant.published.text)
        for row in rows
    )


def _published(row: VariantRow) -> str:
    """Return the published change, else the published accuracy, else what is said in words."""
    variant, change = row.variant, row.published
    if variant.published is None:
        return ""
    if change is not None:
        return f"{change:+g}"
    top1 = variant.published.top1
    return variant.published.text if top1 is None else f"{top1:g} %"


def _effect_columns(
    key: str,
    effect: Callable[[Row], Effect | None],
    header: str,
    *,
    p_header: str = "p (Holm)",
) -> tuple[Column[Row], ...]:
    """Return the columns of an effect: its value, its interval, and its p-value."""

    def part(read: Callable[[Effect], float]) -> Callable[[Row], float | None]:
        return lambda row: read(found) if (found := effect(row)) is not None else None

    def shown(read: Callable[[Effect], str]) -> Callable[[Row], str]:
        return lambda row: read(found) if (found := effect(row)) is not None else ""

    return (
        Column(
            key,
            part(lambda each: each.estimate.value),
            header,
            shown(lambda each: points_text(each.estimate.value)),
        ),
        Column(
            f"{key}_low",
            part(lambda each: each.interval[0]),
            "95 % interval",
            shown(lambda each: _interval(each.interval)),
        ),
        Column(f"{key}_high", part(lambda each: each.interval[1])),
        Column(f"{key}_p", part(lambda each: each.p), p_header, shown(lambda each: p_text(each.p))),
    )


VARIANT_COLUMNS: tuple[Column[VariantRow], ...] = (
    Column("variant", lambda row: row.variant.name, "variant", words=True),
    Column("seeds", lambda row: len(row.shares), "n", about="seeds behind the accuracy", minor=3),
    Column(
        "accuracy",
        lambda row: mean_sd(row.shares)[0],
        "accuracy %",
        lambda row: _accuracy(row.variant),
        about="mean over the seeds, on the validation split, with their standard deviation",
    ),
    Column("accuracy_sd", lambda row: mean_sd(row.shares)[1]),
    Column(
        "difference",
        lambda row: row.compared.difference if row.compared else None,
        "difference",
        _difference,
        about="to the base with the same seeds, in percentage points",
    ),
    Column(
        "difference_low",
        lambda row: row.compared.interval[0] if row.compared else None,
        "95 % interval",
        _difference_interval,
        about="for all variants together",
    ),
    Column("difference_high", lambda row: row.compared.interval[1] if row.compared else None),
    Column("p", lambda row: row.compared.p if row.compared else None),
    Column(
        "verdict",
        lambda row: row.compared.verdict if row.compared else _no_verdict(row),
        "verdict",
        _verdict_text,
        words=True,
    ),
    Column("more_seeds", lambda row: row.compared.more_seeds if row.compared else None),
    Column("params", lambda row: row.variant.params, "params", _count("params"), minor=4),
    Column("params_change", lambda row: row.cost.params if row.cost else 0),
    Column("macs", lambda row: row.variant.macs, "MACs", _count("macs"), minor=5),
    Column("macs_change", lambda row: row.cost.macs if row.cost else 0),
    Column(
        "latency_ms",
        lambda row: row.variant.latency.median_ms if row.variant.latency else None,
        "latency ms",
        lambda row: _latency(row.variant),
        minor=1,
    ),
    Column("latency_low_ms", _latency_end(0)),
    Column("latency_high_ms", _latency_end(1)),
    Column(
        "latency_verdict",
        lambda row: row.variant.latency.verdict if row.variant.latency else None,
    ),
    Column(
        "latency_change_ms",
        lambda row: row.cost.latency_ms if row.cost else None,
        "change ms",
        _change_text,
        about="to the base",
        minor=2,
    ),
    Column("latency_change_low_ms", _change_end(0)),
    Column("latency_change_high_ms", _change_end(1)),
    Column(
        "published_top1_percent",
        lambda row: row.variant.published.top1 if row.variant.published else None,
    ),
    Column("published_change_points", lambda row: row.published),
    Column(
        "published",
        lambda row: row.variant.published.text if row.variant.published else "",
        "published",
        _published,
        minor=6,
        about="change that the paper reports, in points; else its accuracy or its words",
        words=True,
        shown=_has_published,
    ),
)

EFFECT_COLUMNS: tuple[Column[MainEffect], ...] = (
    Column("factor", lambda row: row.effect.factors[0], "factor", words=True),
    Column("level", lambda row: row.effect.levels[0], "level", words=True),
    *_effect_columns("effect", lambda row: row.effect, "against the average", p_header=""),
    *_effect_columns("step", lambda row: row.step, "against the first level"),
)


def _itself(effect: Effect) -> Effect | None:
    return effect


def _pair(effect: Effect) -> str:
    names = (f"{f}={level}" for f, level in zip(effect.factors, effect.levels, strict=True))
    return " x ".join(names)


INTERACTION_COLUMNS: tuple[Column[Effect], ...] = (
    Column("first_factor", lambda row: row.factors[0], "pair", _pair, words=True),
    Column("first_level", lambda row: row.levels[0]),
    Column("second_factor", lambda row: row.factors[1]),
    Column("second_level", lambda row: row.levels[1]),
    *_effect_columns("interaction", _itself, "interaction"),
)

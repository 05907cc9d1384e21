"""An explanation as tables: its choices, and their interactions; columns declared once."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from archsearch.analysis import holm
from archsearch.analysis.regression import Estimate
from archsearch.report.number_format import factor_text, p_text, plural, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate

if TYPE_CHECKING:
    # its origin loads torch, which a table does not need
    from archsearch.run.explanation import Explanation


class ExplanationRow(NamedTuple):
    """A choice, or a sum.

    Attributes:
        kind: ``choice``, ``all choices``, ``not explained`` or ``observed``.
        name: of the parameter; the kind for a sum.
        before: value in the baseline; empty for a sum.
        after: value in the explained network; empty for a sum.
        accuracy: its part of the difference, as a share; without degrees of freedom for a plain
            number; None where it is not known.
        accuracy_p: that the part is 0, Holm's correction over the choices; None for a sum.
        latency: its part of the difference in log latency.
        latency_p: likewise.
    """

    kind: str
    name: str
    before: str
    after: str
    accuracy: Estimate | None
    accuracy_p: float | None
    latency: Estimate | None
    latency_p: float | None


class InteractionRow(NamedTuple):
    """What two choices do together beyond what each does alone.

    Attributes:
        first: parameter.
        second: parameter.
        accuracy: as a share.
        accuracy_p: that it is 0, with Holm's correction over all pairs.
        latency: of log latency; None where it is not known.
        latency_p: likewise.
    """

    first: str
    second: str
    accuracy: Estimate
    accuracy_p: float
    latency: Estimate | None
    latency_p: float | None


def explanation_rows(found: "Explanation") -> tuple[ExplanationRow, ...]:
    """Return the choices, those with the largest part of the accuracy first, then the sums."""
    latency = found.latency
    names = [choice.name for choice in found.choices]
    accuracies = [found.accuracy.attribution.of([name]) for name in names]
    logs = [latency.attribution.of([name]) if latency else None for name in names]
    accuracy_p = holm([each.p for each in accuracies])
    latency_p: Sequence[float | None] = [None] * len(names)
    if latency:
        latency_p = holm([each.p for each in logs if each is not None])
    rows = [
        ExplanationRow("choice", *row)
        for row in zip(
            names,
            (choice.before for choice in found.choices),
            (choice.after for choice in found.choices),
            accuracies,
            accuracy_p,
            logs,
            latency_p,
            strict=True,
        )
    ]
    rows.sort(key=lambda row: -abs(row.accuracy.value if row.accuracy else 0.0))
    total = latency.attribution.total if latency else None
    rows.append(_sum("all choices", found.accuracy.attribution.total, total))
    for kind, which in (("not explained", "unexplained"), ("observed", "observed")):
        ends = [
            _plain(getattr(each, which)) if each else None for each in (found.accuracy, latency)
        ]
        if any(ends):
            rows.append(_sum(kind, *ends))
    return tuple(rows)


def _sum(kind: str, accuracy: Estimate | None, latency: Estimate | None) -> ExplanationRow:
    return ExplanationRow(kind, kind, "", "", accuracy, None, latency, None)


def _plain(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value, 0.0, 0.0)


def interaction_rows(found: "Explanation") -> tuple[InteractionRow, ...]:
    """Return every pair of choices whose interaction was estimated, the clearest first."""
    pairs = found.accuracy.attribution.interactions
    logs = found.latency.attribution.interactions if found.latency else {}
    accuracy_p = dict(zip(pairs, holm([each.p for each in pairs.values()]), strict=True))
    latency_p = dict(zip(logs, holm([each.p for each in logs.values()]), strict=True))
    rows = [
        InteractionRow(*pair, value, accuracy_p[pair], logs.get(pair), latency_p.get(pair))
        for pair, value in pairs.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.accuracy.p, -abs(row.accuracy.value))))


def explanation_table(found: "Explanation") -> PlainTable:
    """Return the choices with their parts of accuracy and latency, then what these add up to."""
    split = found.accuracy
    left = split.num_trials - split.num_used
    apart = (
        f" {plural(left, 'trial')} far below the others, or most unlike both, are left out."
        if left
        else ""
    )
    measured = (
        f" Latency: {plural(found.latency.num_used, 'measured trial')}, on a log scale."
        if found.latency
        else ""
    )
    notes = (
        "Shapley values: the effect of a choice, averaged over all orders in which the choices "
        "can be made. In points; latency as a change in percent. Intervals cover 95 % each.",
        f"Accuracy: {plural(split.num_used, 'trial')} trained to the end.{apart}{measured}",
        "Not explained: noise of training, luck of the trial that was selected, and effects that "
        "the model does not have. An ablation proves an effect by training.",
    )
    title = f"{found.name}: trial {found.target} against {found.baseline}"
    return tabulate(title, EXPLANATION_COLUMNS, explanation_rows(found), notes)


def choice_interactions_table(found: "Explanation") -> PlainTable:
    """Return what pairs of choices do together beyond what each does alone."""
    rows = interaction_rows(found)
    notes = (
        "What both together add to what each does alone, averaged over the other choices. "
        "Intervals cover 95 % each.",
    )
    nothing = "Only one choice differs, so there are no interactions."
    title = f"{found.name}: interactions"
    return tabulate(title, INTERACTION_COLUMNS, rows, notes if rows else (), nothing)


def _columns(
    key: str, name: str, header: str, text: Callable[[float], str], about: str, minor: int
) -> tuple[Column[Any], ...]:
    """Return the columns of an estimate, its interval and its p-value; people read two."""

    def of(row: ExplanationRow | InteractionRow) -> Estimate | None:
        estimate: Estimate | None = getattr(row, name)
        return estimate

    def end(at: int) -> Callable[[ExplanationRow | InteractionRow], float | None]:
        def value(row: ExplanationRow | InteractionRow) -> float | None:
            estimate = of(row)
            return estimate.interval()[at] if estimate and estimate.df else None

        return value

    def cell(row: ExplanationRow | InteractionRow) -> str:
        estimate = of(row)
        if estimate is None:
            return "-"
        if not estimate.df:
            return text(estimate.value)
        low, high = estimate.interval()
        return f"{text(estimate.value)} ({text(low)} to {text(high)})"

    def p(row: ExplanationRow | InteractionRow) -> float | None:
        found: float | None = getattr(row, f"{name}_p")
        return found

    def p_cell(row: ExplanationRow | InteractionRow) -> str:
        found = p(row)
        return "" if found is None else p_text(found)

    def value(row: ExplanationRow | InteractionRow) -> float | None:
        estimate = of(row)
        return estimate.value if estimate else None

    return (
        Column(key, value, header, cell, about=about, minor=minor),
        Column(f"{key}_low", end(0)),
        Column(f"{key}_high", end(1)),
        Column(f"{name}_p", p, f"p {name}", p_cell, about="Holm's correction", minor=minor + 2),
    )


def _points(value: float) -> str:
    return points_text(value, 1)


def _change(row: ExplanationRow) -> str:
    return f"{row.before} -> {row.after}" if row.kind == "choice" else ""


_PARTS = (
    *_columns("accuracy", "accuracy", "accuracy", _points, "points, with a 95 % interval", 0),
    *_columns("log_latency", "latency", "latency", factor_text, "change, with a 95 % interval", 1),
)

EXPLANATION_COLUMNS: tuple[Column[ExplanationRow], ...] = (
    Column("choice", lambda row: row.name, "choice", words=True),
    Column("before", lambda row: row.before, "change", _change, code=True),
    Column("after", lambda row: row.after),
    *_PARTS,
    Column("kind", lambda row: row.kind),
)

INTERACTION_COLUMNS: tuple[Column[InteractionRow], ...] = (
    Column("first", lambda row: row.first, "choice", words=True),
    Column("second", lambda row: row.second, "with", words=True),
    *_PARTS,
)

"""A trained path in words, and as a table."""

from typing import TYPE_CHECKING, NamedTuple

from archsearch.analysis import holm
from archsearch.analysis.path_comparison import Gain, PathStep, TrainedPath
from archsearch.percent import percent_text
from archsearch.report.explanation_findings import LEVEL
from archsearch.report.number_format import p_text, plural, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate

if TYPE_CHECKING:
    # its origin loads torch, which a table does not need
    from archsearch.run.explanation import Explanation

#: pairs of choices that the sentence names
_MOST_PAIRS = 3


class PathRow(NamedTuple):
    """A step, or all together; None where a sum has none."""

    name: str
    change: str
    gain: Gain
    accuracy: float
    expected: float | None


def path_rows(found: "Explanation") -> tuple[PathRow, ...]:
    """Return the steps of a trained path in their order, then their sum; empty without one."""
    path = found.path
    if path is None:
        return ()
    rows = [
        PathRow(step_name(step), _change(found, step), gain, accuracy, step.expected)
        for step, gain, accuracy in zip(
            path.steps, path.gains.steps, path.accuracies[1:], strict=True
        )
    ]
    return (*rows, PathRow("all steps", "", path.gains.total, path.accuracies[-1], None))


def step_name(step: PathStep) -> str:
    """Return what a step changes."""
    return step.choices[0] if len(step.choices) == 1 else f"{len(step.choices)} other choices"


def _change(found: "Explanation", step: PathStep) -> str:
    if len(step.choices) > 1:
        return ", ".join(step.choices)
    (choice,) = (each for each in found.choices if each.name == step.choices[0])
    return f"{choice.before} -> {choice.after}"


def path_sentences(found: "Explanation") -> list[str]:
    """Return what the trained path shows; empty without one."""
    path = found.path
    if path is None:
        return []
    total = path.gains.total
    first, last = (f"{percent_text(path.accuracies[at])} %" for at in (0, -1))
    lines = [
        f"Trained with {plural(len(path.seeds), 'seed')} each, from {first} to {last} in "
        f"{plural(len(path.steps), 'step')}: {_points(total)}. {_largest(path)}"
    ]
    if pairs := _order_matters(found):
        lines.append(f"The order of the steps matters: {'; '.join(pairs)}.")
    return lines


def _largest(path: TrainedPath) -> str:
    sure = [
        (step_name(step), gain)
        for step, gain in zip(path.steps, path.gains.steps, strict=True)
        if gain.p < LEVEL
    ]
    if not sure:
        return "No single step differs from 0 by these trainings."
    sure.sort(key=lambda each: -abs(each[1].value))
    listed = "; ".join(f"{name} {_points(gain)}" for name, gain in sure)
    return f"Steps that differ from 0: {listed}."


def _order_matters(found: "Explanation") -> list[str]:
    """Return the pairs of choices whose interaction differs from 0, by the model."""
    known = found.accuracy.attribution.interactions
    adjusted = dict(zip(known, holm([each.p for each in known.values()]), strict=True))
    sure = sorted(
        (pair for pair in known if adjusted[pair] < LEVEL), key=lambda p: -abs(known[p].value)
    )
    return [
        f"{first} with {second} is {points_text(known[first, second].value, 1)} points beyond "
        "what each does alone"
        for first, second in sure[:_MOST_PAIRS]
    ]


def _points(gain: Gain) -> str:
    low, high = gain.interval
    return f"{points_text(gain.value, 1)} points ({points_text(low, 1)} to {points_text(high, 1)})"


PATH_COLUMNS: tuple[Column[PathRow], ...] = (
    Column("step", lambda row: row.name, "step", words=True),
    Column("change", lambda row: row.change, "change", code=True),
    Column("gain", lambda row: row.gain.value, "gain", lambda row: _points(row.gain)),
    Column("gain_low", lambda row: row.gain.interval[0]),
    Column("gain_high", lambda row: row.gain.interval[1]),
    Column("p", lambda row: row.gain.p, "p", lambda row: p_text(row.gain.p), minor=2),
    Column("pairs", lambda row: row.gain.num_pairs, "pairs", about="of equal seeds", minor=3),
    Column(
        "accuracy",
        lambda row: row.accuracy,
        "accuracy after it %",
        lambda row: percent_text(row.accuracy),
    ),
    Column(
        "expected",
        lambda row: row.expected,
        "model",
        lambda row: "-" if row.expected is None else points_text(row.expected, 1),
        about="gain that the model expected, points",
        minor=1,
    ),
)


def path_table(found: "Explanation") -> PlainTable | None:
    """Return the steps of a trained path; None without one."""
    if found.path is None:
        return None
    title = f"{found.name}: from {found.baseline} to trial {found.target}, trained"
    notes = (
        f"{found.path.gains.method}.",
        "Each step keeps the choices of those above. No seed is that of the search.",
    )
    return tabulate(title, PATH_COLUMNS, path_rows(found), notes)

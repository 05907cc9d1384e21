"""The columns of a front, declared once for terminal, page, notebook, files and programs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from archsearch.analysis import (
    Difference,
    LatencyNeighbour,
    Reported,
    SeedMean,
    accuracy_interval,
    dominated_by,
    front_trials,
    latency_neighbours,
    num_images,
    run_accuracies,
)
from archsearch.arch import summary
from archsearch.percent import percent_interval_text, percent_text
from archsearch.record import FIRST_TARGET, LatencyResult, RunRecord, TrialRecord
from archsearch.report.front_certainty import look_at
from archsearch.report.latency_verdicts import MAY_BE_OVER
from archsearch.report.number_format import count_text, ms_interval_text, ms_text, reported_text
from archsearch.report.table_column import Column
from archsearch.report.trial_remarks import remarks


class FrontRow(NamedTuple):
    """One trial of a front, with the values of its columns.

    Attributes:
        trial: the trial.
        reported: the accuracy that leads; None when it has none.
        selected_interval: 95 %, over images, of the accuracy with the search seed.
        mean: over other seeds; None without any.
        faster: against the next faster trial over other seeds; None where that is not known.
        speed: latency against the next faster trial's; None where both were not measured together.
        dominated_by: number of a member that is better by plain values; None where none is.
        remarks: best, knee, ...
    """

    trial: TrialRecord
    reported: Reported | None
    selected_interval: tuple[float, float] | None
    mean: SeedMean | None
    faster: Difference | None
    speed: LatencyNeighbour | None
    dominated_by: int | None
    remarks: tuple[str, ...]

    @property
    def latency(self) -> LatencyResult | None:
        """The final measurement unless it was rejected, else the first one."""
        return self.trial.known_latency


def front_rows(run: RunRecord) -> tuple[FrontRow, ...]:
    """Return the front of a run, by increasing latency."""
    front, n, look = front_trials(run), num_images(run), look_at(run)
    reported, words = run_accuracies(run), remarks(run)
    means = {each.trial: each for each in look.means} if look else {}
    faster = {each.trial: each for each in look.neighbours} if look else {}
    speed = {each.trial: each for each in latency_neighbours(front)}
    beaten = dominated_by(front, run.aims)
    return tuple(
        FrontRow(
            trial,
            reported.get(trial.number),
            accuracy_interval(trial.accuracy, n) if n and trial.accuracy is not None else None,
            means.get(trial.number),
            faster.get(trial.number),
            speed.get(trial.number),
            beaten.get(trial.number),
            words[trial.number],
        )
        for trial in front
    )


def _selected_text(row: FrontRow) -> str:
    text = percent_text(row.trial.accuracy)
    if row.selected_interval is None:
        return text
    return f"{text} ({percent_interval_text(*row.selected_interval)})"


def _latency_text(row: FrontRow) -> str:
    return _ms_text(row.latency)


def columns_of(run: RunRecord) -> tuple[Column[FrontRow], ...]:
    """Return the columns of the front of a run: those of every front, and its further objectives.

    Those follow the latency of the first target: for each further latency its value with its
    interval, verdict and whether it is confirmed, and memory where it is an objective.
    """
    further = [name for name in run.aims.latencies if name != FIRST_TARGET]
    added = [column for name in further for column in _latency_columns(run, name)]
    if "memory_bytes" in run.aims.objectives:
        added.append(_MEMORY)
    at = next(i for i, column in enumerate(FRONT_COLUMNS) if column.key == "latency_environment")
    return (*FRONT_COLUMNS[: at + 1], *added, *FRONT_COLUMNS[at + 1 :])


def _latency_columns(run: RunRecord, name: str) -> list[Column[FrontRow]]:
    """Return the columns of the latency at a further target."""
    target = name.removesuffix("_ms")
    limit = run.aims.budgets_ms.get(name)

    def latency(row: FrontRow) -> LatencyResult | None:
        return row.trial.latency_at(name)

    def text(row: FrontRow) -> str:
        return _ms_text(latency(row))

    def final(row: FrontRow) -> LatencyResult | None:
        return row.trial.more_final_latencies.get(name)

    return [
        Column(
            name,
            lambda row: row.trial.value(name),
            f"{target} ms",
            text,
            about=f"latency at the target {target}"
            + (f", budget {limit:g} ms" if limit is not None else ""),
        ),
        Column(
            f"{target}_interval_ms",
            lambda row: _ends(found.interval_ms if (found := latency(row)) else None),
        ),
        Column(f"{target}_verdict", lambda row: found.verdict if (found := latency(row)) else None),
        Column(
            f"{target}_confirmed",
            lambda row: (found := final(row)) is not None and not found.is_guess,
        ),
        Column(
            f"{target}_crosses_budget", lambda row: bool((f := latency(row)) and f.crosses(limit))
        ),
    ]


def _ms_text(latency: LatencyResult | None) -> str:
    if latency is None:
        return "-"
    return f"{ms_text(latency.median_ms)} ({ms_interval_text(latency.interval_ms)})"


def _remarks_text(row: FrontRow) -> str:
    """Return the remarks; the lines below the table say how many are steady."""
    return ", ".join(each for each in row.remarks if each != "steady")


def _any_other_seed(rows: Sequence[FrontRow]) -> bool:
    return any(row.mean is not None for row in rows)


def _any_fallback(rows: Sequence[FrontRow]) -> bool:
    return any(row.latency is not None and row.latency.fallbacks for row in rows)


def _any_int8(rows: Sequence[FrontRow]) -> bool:
    return any(row.trial.quantization is not None for row in rows)


def _any_inherited(rows: Sequence[FrontRow]) -> bool:
    return any(row.trial.inherited is not None for row in rows)


def _inherited(row: FrontRow, name: str) -> Any:
    found = row.trial.inherited
    return None if found is None else getattr(found, name)


def _int8(row: FrontRow, name: str) -> Any:
    found = row.trial.quantization
    return None if found is None else getattr(found, name)


def _ends(pair: tuple[float, float] | None) -> list[float] | None:
    return list(pair) if pair is not None else None


def _against(row: FrontRow, name: str) -> Any:
    return None if row.faster is None else getattr(row.faster, name)


def _speed(row: FrontRow, name: str) -> Any:
    return None if row.speed is None else getattr(row.speed, name)


ACCURACY = (
    "validation accuracy: mean over independent seeds; where there are none, "
    "with the search seed (marked selected), which is optimistic"
)
SELECTED = "validation accuracy with the search seed: optimistic"

_MEMORY: Column[FrontRow] = Column(
    "memory_bytes",
    lambda row: row.trial.memory_bytes,
    "memory bytes",
    lambda row: count_text(row.trial.memory_bytes),
    about="weights and activations of one inference",
    minor=3,
)

#: the columns that every front has; those without header are for programs
FRONT_COLUMNS: tuple[Column[FrontRow], ...] = (
    Column("trial", lambda row: row.trial.number, "trial", about="number in the run"),
    Column("digest", lambda row: row.trial.digest),
    Column(
        "accuracy",
        lambda row: row.reported.value if row.reported else None,
        "accuracy %",
        lambda row: reported_text(row.reported),
        about=ACCURACY,
    ),
    Column("accuracy_interval", lambda row: _ends(row.reported.interval if row.reported else None)),
    Column("accuracy_seeds", lambda row: row.reported.num_seeds if row.reported else None),
    Column(
        "selected_accuracy",
        lambda row: row.trial.accuracy,
        "selected seed %",
        _selected_text,
        about=SELECTED,
        minor=1,
        shown=_any_other_seed,
    ),
    Column("selected_interval", lambda row: _ends(row.selected_interval)),
    Column(
        "test_accuracy",
        lambda row: row.trial.test_accuracy,
        "test %",
        lambda row: percent_text(row.trial.test_accuracy),
        about="on the test split, weights of the selected seed",
        minor=2,
    ),
    Column(
        "float_accuracy",
        lambda row: row.trial.float_accuracy,
        "float32 %",
        lambda row: percent_text(row.trial.float_accuracy),
        about="validation accuracy of the same weights in float32; others are in int8",
        minor=1,
        shown=_any_int8,
    ),
    Column("int8_drop", lambda row: row.trial.int8_drop),
    Column("int8_agreement", lambda row: _int8(row, "agreement")),
    Column("float_test_accuracy", lambda row: _int8(row, "float_test_accuracy")),
    Column("quantizer", lambda row: _int8(row, "quantizer")),
    Column(
        "fallbacks",
        lambda row: list(row.latency.fallbacks) if row.latency else [],
        "fallbacks",
        lambda row: "; ".join(row.latency.fallbacks) if row.latency else "",
        about="operators that the runtime runs by a fallback, with their blocks",
        minor=6,
        shown=_any_fallback,
    ),
    Column(
        "latency_ms",
        lambda row: row.trial.latency_ms,
        "latency ms",
        _latency_text,
        about="the final measurement where there is one that was not rejected, else the first; "
        "with its interval",
    ),
    Column(
        "latency_interval_ms", lambda row: _ends(row.latency.interval_ms if row.latency else None)
    ),
    Column("latency_verdict", lambda row: row.latency.verdict if row.latency else None),
    Column("latency_confirmed", lambda row: row.trial.is_confirmed),
    Column(
        "latency_final_verdict",
        lambda row: row.trial.final_latency.verdict if row.trial.final_latency else None,
    ),
    Column("latency_crosses_budget", lambda row: MAY_BE_OVER in row.remarks),
    Column("latency_faster_trial", lambda row: _speed(row, "faster")),
    Column("latency_ratio", lambda row: _speed(row, "ratio")),
    Column("latency_ratio_interval", lambda row: _ends(row.speed.interval if row.speed else None)),
    Column("latency_ratio_verdict", lambda row: _speed(row, "verdict")),
    Column("may_be_dominated_by_trial", lambda row: row.dominated_by),
    Column("latency_environment", lambda row: row.latency.environment if row.latency else None),
    Column(
        "params",
        lambda row: row.trial.params,
        "params",
        lambda row: count_text(row.trial.params),
        about="number of parameters",
        minor=4,
    ),
    Column(
        "macs",
        lambda row: row.trial.macs,
        "MACs",
        lambda row: count_text(row.trial.macs),
        about="multiply-adds of one image",
        minor=5,
    ),
    Column(
        "remarks",
        lambda row: list(row.remarks),
        "remarks",
        _remarks_text,
        about="best and knee are chosen by the accuracy of this table; then how well the latency "
        "is known, where it is not steady",
        tags=True,
    ),
    Column(
        "inherited_from",
        lambda row: row.trial.inherited.source if row.trial.inherited else None,
        "began with",
        lambda row: row.trial.inherited.words if row.trial.inherited else "new weights",
        about="what its training began with, in every seed",
        words=True,
        minor=7,
        shown=_any_inherited,
    ),
    Column("inherited_share", lambda row: _inherited(row, "share")),
    Column("inherited_trial", lambda row: _inherited(row, "trial")),
    Column("inherited_digest", lambda row: _inherited(row, "digest")),
    Column("seed", lambda row: row.trial.seed),
    Column(
        "seed_accuracies", lambda row: {str(k): v for k, v in row.trial.seed_accuracies.items()}
    ),
    Column("seed_sd", lambda row: row.mean.sd if row.mean else None),
    Column("faster_trial", lambda row: _against(row, "other")),
    Column("faster_difference", lambda row: _against(row, "difference")),
    Column("faster_interval", lambda row: _ends(row.faster.interval if row.faster else None)),
    Column("faster_verdict", lambda row: _against(row, "verdict")),
    Column(
        "summary",
        lambda row: summary(row.trial.arch),
        "architecture",
        about="stem, then stage by stage",
        code=True,
    ),
    Column("arch", lambda row: row.trial.arch.to_dict(), in_csv=False),
)

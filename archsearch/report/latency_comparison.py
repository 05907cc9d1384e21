"""Tables of networks whose latencies were compared: what each takes, and their ratios."""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from archsearch.record import LatencyRatio, LatencyResult
from archsearch.report.latency_verdicts import INTERVAL
from archsearch.report.number_format import count_text, ms_interval_text, ms_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate

#: networks up to which every pair has a line; more are compared with the first
_ALL_PAIRS = 6
NOT_TOLD_APART = "cannot be told apart"


class ComparedNetwork(NamedTuple):
    """One of the networks.

    Attributes:
        name: as the user wrote it.
        input_shape: (C, H, W) of one image.
        params: parameters.
        macs: multiply-adds of one image.
        latency: measured beside the others, on the scale of their ratios.
    """

    name: str
    input_shape: tuple[int, int, int]
    params: int
    macs: int
    latency: LatencyResult


class ComparedPair(NamedTuple):
    """Two of the networks.

    Attributes:
        name: one of them.
        base: what it is compared with.
        ratio: latency of the one over that of the base.
    """

    name: str
    base: str
    ratio: LatencyRatio

    @property
    def verdict(self) -> str:
        """What the interval of the ratio says, in words."""
        if not self.ratio.is_clear:
            return NOT_TOLD_APART
        change = 100 * abs(self.ratio.value - 1)
        digits = 0 if change >= 9.95 else 1
        return f"{change:.{digits}f} % {'faster' if self.ratio.value < 1 else 'slower'}"


def pairs_of(
    networks: Sequence[ComparedNetwork], ratio: Callable[[int, int], LatencyRatio]
) -> tuple[ComparedPair, ...]:
    """Return every pair of up to six networks; of more, each against the first.

    Args:
        networks: in their order.
        ratio: ``(index, base)`` to the latency of one over that of the other.
    """
    places = list(combinations(range(len(networks)), 2))
    if len(networks) > _ALL_PAIRS:
        places = [(0, later) for later in range(1, len(networks))]
    return tuple(
        ComparedPair(networks[later].name, networks[base].name, ratio(later, base))
        for base, later in places
    )


def _ends(pair: tuple[float, float] | None) -> list[float] | None:
    return list(pair) if pair is not None else None


_NETWORK_COLUMNS: tuple[Column[ComparedNetwork], ...] = (
    Column("name", lambda row: row.name, "network", words=True),
    Column(
        "input_shape",
        lambda row: list(row.input_shape),
        "input",
        lambda row: " x ".join(map(str, row.input_shape)),
        words=True,
        in_csv=False,
    ),
    Column("params", lambda row: row.params, "params", lambda row: count_text(row.params)),
    Column("macs", lambda row: row.macs, "MACs", lambda row: count_text(row.macs)),
    Column(
        "latency_ms",
        lambda row: row.latency.median_ms,
        "latency ms",
        lambda row: ms_text(row.latency.median_ms),
    ),
    Column(
        "latency_interval_ms",
        lambda row: _ends(row.latency.interval_ms),
        INTERVAL,
        lambda row: ms_interval_text(row.latency.interval_ms),
    ),
    Column("latency_verdict", lambda row: row.latency.verdict, "verdict", words=True),
)

_PAIR_COLUMNS: tuple[Column[ComparedPair], ...] = (
    Column("name", lambda row: row.name, "network", words=True),
    Column("base", lambda row: row.base, "against", words=True),
    Column("ratio", lambda row: row.ratio.value, "ratio", lambda row: f"{row.ratio.value:.3f}"),
    Column(
        "ratio_interval", lambda row: _ends(row.ratio.interval), "interval", lambda row: _range(row)
    ),
    Column("verdict", lambda row: row.verdict, "verdict", words=True),
)


def _range(row: ComparedPair) -> str:
    ends = row.ratio.interval
    return "unknown: too few blocks" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def comparison_tables(
    networks: Sequence[ComparedNetwork], pairs: Sequence[ComparedPair], notes: Sequence[str]
) -> list[PlainTable]:
    """Return the table of the networks and that of their ratios."""
    return [
        tabulate("latency, measured by turns", _NETWORK_COLUMNS, networks),
        tabulate("ratios", _PAIR_COLUMNS, pairs, notes),
    ]


def comparison_data(tables: Sequence[PlainTable], **more: Any) -> dict[str, Any]:
    """Return the same as plain data."""
    networks, pairs = tables
    return {"networks": list(networks.values), "ratios": list(pairs.values), **more}

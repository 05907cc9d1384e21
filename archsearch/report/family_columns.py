"""The papers' designs at several sizes against the front: their columns, declared once."""

from archsearch.analysis import FamilyGain, family_gains
from archsearch.record import RunRecord
from archsearch.report.number_format import ms_text, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate

_NOTE = (
    "Gain: accuracy of the front's best that is no slower than a size, minus that of the size, "
    "mean over the sizes that the front reaches. The interval takes images as independent between "
    "networks, so it is rather too wide."
)


def _latencies(row: FamilyGain) -> tuple[float, ...]:
    return tuple(each.latency.median_ms for each in row.sizes if each.latency is not None)


def _gain(row: FamilyGain) -> str:
    if row.gain is None:
        return "-"
    text = points_text(row.gain, 1)
    if row.interval is None:
        return text
    low, high = row.interval
    return f"{text} ({points_text(low, 1)} to {points_text(high, 1)})"


def _verdict(row: FamilyGain) -> str:
    if row.gain is None:
        return "faster than every point of the front"
    if row.interval is None:
        return "one seed without images: not decided"
    low, high = row.interval
    if low > 0:
        return "the front is more accurate"
    return "the family is more accurate" if high < 0 else "not decided"


FAMILY_COLUMNS: tuple[Column[FamilyGain], ...] = (
    Column("family", lambda row: row.family.partition(":")[2], "family", words=True),
    Column("sizes", lambda row: len(row.sizes), "sizes"),
    Column(
        "latencies_ms",
        lambda row: list(_latencies(row)),
        "latency ms",
        lambda row: f"{ms_text(_latencies(row)[0])} to {ms_text(_latencies(row)[-1])}",
        in_csv=False,
    ),
    Column("compared", lambda row: row.compared, "reached", about="sizes that the front reaches"),
    Column("gain", lambda row: row.gain, "gain, points", _gain),
    Column("interval", lambda row: list(row.interval) if row.interval else None),
    Column(
        "least_gain",
        lambda row: row.least,
        "least",
        lambda row: "-" if row.least is None else points_text(row.least, 1),
        about="smallest gain over one size",
    ),
    Column("verdict", _verdict, "verdict", words=True),
)


def family_table(run: RunRecord) -> PlainTable | None:
    """Return the families among the baselines as a table; None when there are none."""
    rows = family_gains(run)
    if not rows:
        return None
    return tabulate("The papers' designs at several sizes", FAMILY_COLUMNS, rows, (_NOTE,))

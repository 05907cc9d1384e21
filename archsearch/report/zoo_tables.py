"""The zoo, and its published figures beside measured ones: their columns, declared once."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from archsearch.arch import Arch, summary
from archsearch.record import LatencyResult
from archsearch.report.latency_verdicts import verdict_text
from archsearch.report.number_format import count_text, ms_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate
from archsearch.zoo.published_comparison import Measured, Row
from archsearch.zoo.published_figures import SOURCES, Figure


class ZooRow(NamedTuple):
    """A model of the zoo with its counts."""

    name: str
    arch: Arch
    params: int
    macs: int


ZOO_COLUMNS: tuple[Column[ZooRow], ...] = (
    Column("model", lambda row: row.name, "model", words=True),
    Column("params", lambda row: row.params, "params", lambda row: count_text(row.params)),
    Column("macs", lambda row: row.macs, "MACs", lambda row: count_text(row.macs), minor=1),
    Column("architecture", lambda row: summary(row.arch), "architecture", code=True),
)


def zoo_table(models: Sequence[tuple[str, Arch, int, int]]) -> PlainTable:
    """Return the models of the zoo: name, parameters, MACs, architecture in one line."""
    return tabulate("", ZOO_COLUMNS, [ZooRow(*each) for each in models])


def _published(
    name: str, header: str, key: str = "", about: str = "as the paper prints it", minor: int = 0
) -> Column[Row]:
    """Return the column of a figure that the paper prints, with the marks of its sources."""

    def figure(row: Row) -> Figure | None:
        found: Figure | None = getattr(row.published, name)
        return found

    def value(row: Row) -> float | None:
        found = figure(row)
        return None if found is None else found.value

    def text(row: Row) -> str:
        found = figure(row)
        return "" if found is None else f"{found.value:g} {''.join(found.sources)}"

    return Column(key or f"published_{name}", value, header, text, about=about, minor=minor)


def _here(
    key: str,
    header: str,
    read: Callable[[Measured], Any],
    text: Callable[[Any], str],
    minor: int = 0,
) -> Column[Row]:
    """Return the column of what was counted or measured here; empty where it was not."""

    def value(row: Row) -> Any:
        return None if row.measured is None else read(row.measured)

    def shown(row: Row) -> str:
        found = value(row)
        return "" if found is None else text(found)

    return Column(key, value, header, shown, about="counted or measured here", minor=minor)


def _of_latency(key: str, read: Callable[[LatencyResult], Any]) -> Column[Row]:
    """Return a column for programs, about the latency measured here."""

    def value(row: Row) -> Any:
        known = row.measured.latency if row.measured else None
        return None if known is None else read(known)

    return Column(key, value)


def _latency(row: Row) -> str:
    known = row.measured.latency if row.measured else None
    return "" if known is None else ms_text(known.median_ms) + verdict_text(known)


#: ahead of what was counted or measured here stands what the paper prints, and for the MACs what
#: fvcore counts in the official code
COMPARISON_COLUMNS: tuple[Column[Row], ...] = (
    Column("paper", lambda row: row.published.paper),
    Column("model", lambda row: row.published.label, "model", words=True),
    _published("top1", "top-1", about="on ImageNet, as the paper prints it, in percent"),
    _published("params_m", "params M", minor=3),
    _here("params", "M here", lambda found: found.params, lambda value: f"{value / 1e6:.2f}", 4),
    _published("gmacs", "MACs G", minor=5),
    _published("code_gmacs", "code", "code_gmacs", "what fvcore counts in the official code", 7),
    _here("macs", "G here", lambda found: found.macs, lambda value: f"{value / 1e9:.3f}", 6),
    _published("latency_ms", "ms"),
    replace(
        _here(
            "latency_ms",
            "ms here",
            lambda found: found.latency and found.latency.median_ms,
            ms_text,
        ),
        text=_latency,
    ),
    _of_latency("latency_interval_ms", lambda each: each.interval_ms and list(each.interval_ms)),
    _of_latency("latency_verdict", lambda each: each.verdict),
    _published("images_per_s", "img/s", minor=1),
    _here("images_per_s", "img/s here", lambda found: found.images_per_s, ms_text, 2),
)


def comparison_table(rows: Sequence[Row]) -> PlainTable:
    """Return every row in one table, for files and programs; see `comparison_tables`."""
    return tabulate("", COMPARISON_COLUMNS, rows, (_sources(rows),))


def comparison_tables(rows: Sequence[Row]) -> list[PlainTable]:
    """Return one table a paper: what it prints, with source marks, and what was measured here.

    A cell that nobody published, or that could not be measured, is empty.
    """
    grouped = [
        (paper, list(group)) for paper, group in groupby(rows, key=lambda row: row.published.paper)
    ]
    tables = [tabulate(f"The {paper} paper", COMPARISON_COLUMNS, group) for paper, group in grouped]
    if tables:
        tables[-1] = tables[-1]._replace(notes=(_sources(rows),))
    return tables


def _sources(rows: Sequence[Row]) -> str:
    marks = sorted({mark for row in rows for mark in _marks(row)}, key=list(SOURCES).index)
    return "; ".join(f"{mark}: {SOURCES[mark]}" for mark in marks)


def _marks(row: Row) -> set[str]:
    figures = (getattr(row.published, name) for name in type(row.published).model_fields)
    return {mark for each in figures if isinstance(each, Figure) for mark in each.sources}

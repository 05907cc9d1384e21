"""The zoo, and its published figures beside measured ones: their columns, declared once."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from archsearch.arch import Arch, summary
from archsearch.report.column import Column, tabulate
from archsearch.report.plain_table import PlainTable
from archsearch.report.units import count_text, ms_text
from archsearch.report.verdicts import verdict_text
from archsearch.zoo.compare import Measured, Row
from archsearch.zoo.published import SOURCES, Figure


class ZooRow(NamedTuple):
    """A model of the zoo with its counts."""

    name: str
    arch: Arch
    params: int
    macs: int


ZOO_COLUMNS: tuple[Column[ZooRow], ...] = (
    Column("model", lambda row: row.name, "model", words=True),
    Column("params", lambda row: row.params, "params", lambda row: count_text(row.params)),
    Column("macs", lambda row: row.macs, "MACs", lambda row: count_text(row.macs)),
    Column("architecture", lambda row: summary(row.arch), "architecture", code=True),
)


def zoo_table(models: Sequence[tuple[str, Arch, int, int]]) -> PlainTable:
    """Return the models of the zoo: name, parameters, MACs, architecture in one line."""
    return tabulate("", ZOO_COLUMNS, [ZooRow(*each) for each in models])


def _here(row: Row) -> Measured | None:
    return row.measured


def _value(figure: Figure | None) -> float | None:
    return None if figure is None else figure.value


def _published(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:g} {''.join(figure.sources)}"


def _latency(row: Row) -> str:
    known = row.measured.latency if row.measured else None
    if known is None:
        return ""
    return ms_text(known.median_ms) + verdict_text(known)


def _speed(row: Row) -> str:
    speed = row.measured.images_per_s if row.measured else None
    return "" if speed is None else ms_text(speed)


#: "here" is what was counted or measured; ahead of it stands what the paper prints, and for the
#: MACs what fvcore counts in the official code
COMPARISON_COLUMNS: tuple[Column[Row], ...] = (
    Column("paper", lambda row: row.published.paper),
    Column("model", lambda row: row.published.label, "model", words=True),
    Column(
        "published_top1",
        lambda row: _value(row.published.top1),
        "top-1",
        lambda row: _published(row.published.top1),
        about="on ImageNet, as the paper prints it, in percent",
    ),
    Column(
        "published_params_m",
        lambda row: _value(row.published.params_m),
        "params M",
        lambda row: _published(row.published.params_m),
    ),
    Column(
        "params",
        lambda row: row.measured.params if row.measured else None,
        "here",
        lambda row: f"{row.measured.params / 1e6:.2f}" if row.measured else "",
    ),
    Column(
        "published_gmacs",
        lambda row: _value(row.published.gmacs),
        "MACs G",
        lambda row: _published(row.published.gmacs),
    ),
    Column(
        "code_gmacs",
        lambda row: _value(row.published.code_gmacs),
        "code",
        lambda row: _published(row.published.code_gmacs),
    ),
    Column(
        "macs",
        lambda row: row.measured.macs if row.measured else None,
        "here",
        lambda row: f"{row.measured.macs / 1e9:.3f}" if row.measured else "",
    ),
    Column(
        "published_latency_ms",
        lambda row: _value(row.published.latency_ms),
        "ms",
        lambda row: _published(row.published.latency_ms),
    ),
    Column(
        "latency_ms",
        lambda row: here.latency.median_ms if (here := _here(row)) and here.latency else None,
        "here",
        _latency,
    ),
    Column(
        "latency_interval_ms",
        lambda row: (
            list(here.latency.interval_ms)
            if (here := _here(row)) and here.latency and here.latency.interval_ms
            else None
        ),
    ),
    Column(
        "latency_verdict",
        lambda row: here.latency.verdict if (here := _here(row)) and here.latency else None,
    ),
    Column(
        "published_images_per_s",
        lambda row: _value(row.published.images_per_s),
        "img/s",
        lambda row: _published(row.published.images_per_s),
    ),
    Column(
        "images_per_s",
        lambda row: row.measured.images_per_s if row.measured else None,
        "here",
        _speed,
    ),
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

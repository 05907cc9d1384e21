"""The zoo, and its published figures beside measured ones, as tables for the terminal."""

from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from archsearch.arch import Arch, summary
from archsearch.report.units import count_text, ms_text
from archsearch.zoo.compare import Row
from archsearch.zoo.published import SOURCES, Figure

#: "here" is what was counted or measured; ahead of it stands what the paper prints, and for the
#: MACs what fvcore counts in the official code
_COLUMNS = ("top-1", "params M", "here", "MACs G", "code", "here", "ms", "here", "img/s", "here")


def zoo_table(models: Sequence[tuple[str, Arch, int, int]]) -> Table:
    """Return the models of the zoo: name, parameters, MACs, architecture in one line."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("MACs", justify="right", no_wrap=True)
    table.add_column("architecture", overflow="fold")
    for name, arch, params, macs in models:
        table.add_row(name, count_text(params), count_text(macs), Text(summary(arch)))
    return table


def comparison_table(rows: Sequence[Row]) -> Group:
    """Return one table a paper: what it prints, with source marks, and what was measured here.

    A cell that nobody published, or that could not be measured, is empty.
    """
    parts: list[Table | Text] = []
    for paper, group in groupby(rows, key=lambda row: row.published.paper):
        parts += [_paper_table(paper, list(group)), Text()]
    marks = sorted({mark for row in rows for mark in _marks(row)}, key=list(SOURCES).index)
    parts.append(Text("; ".join(f"{mark}: {SOURCES[mark]}" for mark in marks), style="dim"))
    return Group(*parts)


def _paper_table(paper: str, rows: Sequence[Row]) -> Table:
    table = Table(
        title=f"The {paper} paper",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.add_column("model", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in _cells(row)))
    return table


def _cells(row: Row) -> list[str]:
    known, here = row.published, row.measured
    latency = speed = params = macs = ""
    if here is not None:
        params, macs = f"{here.params / 1e6:.2f}", f"{here.macs / 1e9:.3f}"
        if here.latency is not None:
            noisy = "" if here.latency.verdict == "steady" else " noisy"
            latency = ms_text(here.latency.median_ms) + noisy
        if here.images_per_s is not None:
            speed = ms_text(here.images_per_s)
    return [
        known.label,
        _published(known.top1),
        _published(known.params_m),
        params,
        _published(known.gmacs),
        _published(known.code_gmacs),
        macs,
        _published(known.latency_ms),
        latency,
        _published(known.images_per_s),
        speed,
    ]


def _published(figure: Figure | None) -> str:
    return "" if figure is None else f"{figure.value:g} {''.join(figure.sources)}"


def _marks(row: Row) -> set[str]:
    figures = (getattr(row.published, name) for name in type(row.published).model_fields)
    return {mark for each in figures if isinstance(each, Figure) for mark in each.sources}

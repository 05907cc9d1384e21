"""One self-contained page that puts runs beside each other."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from archsearch import __version__
from archsearch.analysis import ground
from archsearch.files import write_text
from archsearch.record import RunRecord
from archsearch.report.comparison import (
    Beaten,
    ComparisonInfo,
    GroupInfo,
    compare_runs,
    comparison_sentences,
    estimate_text,
)
from archsearch.report.figures import Drawing
from archsearch.report.figures.fronts import draw_fronts
from archsearch.report.shell import document, figure_data, figure_html
from archsearch.report.tables import run_cells
from archsearch.report.units import ms_text, percent_text, plural

_SCRIPTS = ("data.js", "figures.js", "tables.js")


def write_comparison(runs: Sequence[RunRecord], path: str | Path) -> Path:
    """Write the page that compares ``runs``; the file appears whole or not at all.

    Raises:
        InputError: fewer than two runs.
    """
    return write_text(path, render_comparison(compare_runs(runs)))


def render_comparison(info: ComparisonInfo) -> str:
    """Return the page as text; see `write_comparison`."""
    drawings: list[Drawing] = []
    sections = []
    for number, group in enumerate(info.groups):
        drawing = draw_fronts([info.runs[p] for p in group.places], f"fronts-{number}")
        parts = [] if drawing is None else [figure_html(drawing)]
        drawings += [] if drawing is None else [drawing]
        parts.append(_runs_table(info, group, number))
        parts += [_beaten_table(info, each) for each in group.beaten if each.points]
        title = "" if len(info.groups) == 1 else f"<h2>{escape(_ground_words(info, group))}</h2>"
        sections.append(
            f'<section>{title}<div class="grid" data-columns="1">{"".join(parts)}</div></section>'
        )
    words = "".join(f"<p>{escape(each)}</p>" for each in comparison_sentences(info))
    sections.insert(1, f'<section><h2>In words</h2><div class="prose">{words}</div></section>')
    sections.append(_differences_section(info))
    names = [run.name for run in info.runs]
    data: dict[str, Any] = {
        "columns": {"number": []},
        "words": [],
        "parts": [],
        "front": [],
        "best": None,
        "figures": {drawing.key: figure_data(drawing) for drawing in drawings},
    }
    header = (
        '<header><p class="eyebrow">Comparison of runs</p>'
        f"<h1>{escape(' against '.join(names) if len(names) == 2 else ', '.join(names))}</h1>"
        f"{_warnings(info)}</header>"
    )
    footer = (
        f"<footer><p>Written by archsearch {escape(__version__)}. This page is one file and needs "
        "no network.</p></footer>"
    )
    return document(
        "Comparison of runs",
        f'{header}<main id="main">{"".join(sections)}</main>{footer}',
        data,
        _SCRIPTS,
    )


def _warnings(info: ComparisonInfo) -> str:
    lines = "".join(f"<li>{escape(each)}</li>" for each in info.warnings)
    return f'<ul class="notes">{lines}</ul>' if lines else ""


def _ground_words(info: ComparisonInfo, group: GroupInfo) -> str:
    found = ground(info.runs[group.places[0]])
    device = info.runs[group.places[0]].environment.device
    return f"{device}: {found.protocol}; {found.data}"


def _runs_table(info: ComparisonInfo, group: GroupInfo, number: int) -> str:
    rows = []
    for place, volume in zip(group.places, group.volumes, strict=True):
        cells = [*run_cells(info.runs[place]), ("Hypervolume", volume.value, estimate_text(volume))]
        rows.append(_row(cells))
    corner = group.reference
    note = (
        f"Hypervolume: share of the area between guessing ({percent_text(corner.accuracy)} %) at "
        f"{corner.latency_ms:.3g} ms and a perfect answer in no time; its 95 % interval is over "
        "images and clocks, not over training again."
    )
    return _table(f"runs-{number}", "The runs", rows, note)


def _beaten_table(info: ComparisonInfo, each: Beaten) -> str:
    run, by = info.runs[each.run].name, info.runs[each.by].name
    rows = []
    for point in each.points:
        cells = [
            (f"Trial of {run}", point.trial.number, str(point.trial.number)),
            ("Accuracy %", point.trial.accuracy, percent_text(point.trial.accuracy)),
            ("Latency ms", point.trial.latency_ms, ms_text(point.trial.latency_ms)),
            (f"Trial of {by}", point.by.number, str(point.by.number)),
            ("Gain, points", point.gain, f"{100 * point.gain:+.1f}"),
            ("Time", point.ratio, f"{point.ratio:.2f} of it"),
            ("Beyond intervals", None, "yes" if point.clear else "no"),
        ]
        rows.append(_row(cells))
    title = f"{plural(len(rows), 'point')} of {run} that {by} dominates"
    return _table(f"beaten-{each.run}-{each.by}", title, rows, "")


_Cell = tuple[str, float | int | None, str]


def _row(cells: Sequence[_Cell]) -> tuple[tuple[str, ...], str]:
    html = "".join(
        f'<td data-label="{escape(label)}" data-value="{"" if value is None else value}">'
        f"{escape(text)}</td>"
        for label, value, text in cells
    )
    return tuple(label for label, _, _ in cells), f"<tr>{html}</tr>"


def _table(key: str, title: str, rows: Sequence[tuple[tuple[str, ...], str]], note: str) -> str:
    labels = rows[0][0]
    heads = "".join(
        f'<th scope="col" data-kind="{"text" if label in ("Run", "Beyond intervals") else "number"}'
        f'"><button type="button">{escape(label)}</button></th>'
        for label in labels
    )
    body = "".join(html for _, html in rows)
    foot = f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        f'<div class="panel"><h3>{escape(title)}</h3><div class="tools"><button type="button" '
        f'data-copy-table="{key}">Copy table</button></div><table class="rows" id="{key}">'
        f'<caption class="unseen">{escape(title)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>{foot}</div>"
    )


def _differences_section(info: ComparisonInfo) -> str:
    if not info.differences:
        return ""
    heads = "".join(f'<th scope="col">{escape(run.name)}</th>' for run in info.runs)
    rows = "".join(
        f'<tr><th scope="row">{escape(key)}</th>'
        + "".join(
            f'<td data-label="{escape(run.name)}">{escape(value)}</td>'
            for run, value in zip(info.runs, row, strict=True)
        )
        + "</tr>"
        for key, row in info.differences.items()
    )
    return (
        '<section><h2>What differs between them</h2><div class="panel"><table class="rows facts-'
        'table"><caption class="unseen">Configuration values that differ</caption><thead><tr><th '
        f'scope="col">Value</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div></section>'
    )

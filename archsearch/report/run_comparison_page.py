"""One self-contained page that puts runs beside each other."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from archsearch import __version__
from archsearch.analysis import Dominated, ground
from archsearch.files import write_text
from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.figures import Drawing
from archsearch.report.figures.fronts import draw_fronts
from archsearch.report.html_document import document, figure_data, figure_html
from archsearch.report.latency_verdicts import trial_verdict_text
from archsearch.report.layout import Panel
from archsearch.report.number_format import ms_text, plural, points_text
from archsearch.report.run_columns import RUN_COLUMNS
from archsearch.report.run_comparison import (
    Beaten,
    ComparisonInfo,
    GroupInfo,
    compare_runs,
    comparison_rows,
    comparison_sentences,
    scale_note,
)
from archsearch.report.table_column import Column, tabulate
from archsearch.report.table_panel import panel_of

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
        members = [info.runs[place] for place in group.places]
        drawing = draw_fronts(members, f"fronts-{number}")
        parts = [] if drawing is None else [figure_html(drawing)]
        drawings += [] if drawing is None else [drawing]
        parts.append(_runs_table(info, number))
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


def _runs_table(info: ComparisonInfo, number: int) -> str:
    group = info.groups[number]
    rows = [row for row in comparison_rows(info) if row.group == number]
    corner = group.reference
    notes = (
        f"Hypervolume: share of the area between guessing ({percent_text(corner.accuracy)} %) at "
        f"{corner.latency_ms:.3g} ms and a perfect answer in no time; its interval is over "
        "images (95 %) and the intervals of the latencies, not over training again.",
        scale_note(group),
    )
    return _panel(panel_of(f"runs-{number}", tabulate("The runs", RUN_COLUMNS, rows, notes)))


def _beaten_table(info: ComparisonInfo, each: Beaten) -> str:
    run, by = info.runs[each.run].name, info.runs[each.by].name
    columns: tuple[Column[Dominated], ...] = (
        Column("trial", lambda point: point.trial.number, f"trial of {run}"),
        Column(
            "accuracy",
            lambda point: point.trial.accuracy,
            "accuracy %",
            lambda point: percent_text(point.trial.accuracy),
        ),
        Column(
            "latency_ms",
            lambda point: point.trial.latency_ms,
            "latency ms",
            lambda point: ms_text(point.trial.latency_ms) + trial_verdict_text(point.trial),
        ),
        Column("by", lambda point: point.by.number, f"trial of {by}"),
        Column("gain", lambda point: point.gain, "gain, points", lambda p: points_text(p.gain, 1)),
        Column(
            "latency_ratio", lambda point: point.ratio, "time", lambda p: f"{p.ratio:.2f} of it"
        ),
        Column(
            "clear",
            lambda point: point.clear,
            "beyond intervals",
            lambda point: "yes" if point.clear else "no",
            words=True,
        ),
    )
    title = f"{plural(len(each.points), 'point')} of {run} that {by} dominates"
    table = tabulate(title, columns, each.points)
    return _panel(panel_of(f"beaten-{each.run}-{each.by}", table, title))


def _panel(panel: Panel) -> str:
    title = f"<h3>{escape(panel.title)}</h3>" if panel.title else ""
    return f'<div class="panel">{title}{panel.html}</div>'


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

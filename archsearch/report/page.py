"""One self-contained HTML page about a run: no network, no other file."""

import os
import tempfile
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from archsearch.analysis import best, front_trials, knee, num_images
from archsearch.record import RunRecord
from archsearch.report.commands import export_command
from archsearch.report.figures import Drawing
from archsearch.report.figures.drawing import DARK
from archsearch.report.layout import Layout, Panel, load_layout
from archsearch.report.sentences import headline
from archsearch.report.trial_data import script_json, trial_columns
from archsearch.report.units import duration_text, plural

_ASSETS = Path(__file__).parent / "assets"
#: scripts of the page, in the order in which they are run
_SCRIPTS = ("data.js", "figures.js", "network.js", "card.js", "budget.js", "tables.js")
#: the page may run and show what it carries, and reach for nothing else
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)


def write_report(run: RunRecord, path: str | Path, layout: str | Path = "search") -> Path:
    """Write the page of a run.

    The file appears whole or not at all.

    Args:
        run: the run.
        path: file to write; its folder must exist.
        layout: name of a shipped dashboard, or the path of one.

    Returns:
        The path written.

    Raises:
        InputError: the layout does not exist or defines none.
    """
    return write_whole(Path(path), render_page(run, load_layout(layout)))


def write_whole(target: Path, text: str) -> Path:
    """Write a page that appears whole or not at all; return its path."""
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", text=False)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files that only their owner can read; a report is there to be shared
        Path(draft).chmod(0o644)
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return target


def render_page(run: RunRecord, layout: Layout) -> str:
    """Return the page as text; see `write_report`."""
    drawings: list[Drawing] = []
    body = []
    for section in layout.sections:
        made = [item(run) for item in section.items]
        parts = [
            figure_html(each) if isinstance(each, Drawing) else _panel(each)
            for each in made
            if each
        ]
        if not parts:
            continue
        drawings += [each for each in made if isinstance(each, Drawing)]
        title = f"<h2>{escape(section.title)}</h2>" if section.title else ""
        body.append(
            f'<section>{title}<div class="grid" data-columns="{section.columns}">'
            f"{''.join(parts)}</div></section>"
        )
    main = f'{_header(run, layout)}<main id="main">{"".join(body)}</main>{_footer(run)}'
    title = f"{run.name}: {layout.kind}"
    return document(title, main, _data(run, drawings), _SCRIPTS)


def document(title: str, body: str, data: dict[str, Any], scripts: Sequence[str]) -> str:
    """Return a page: style, the library and our scripts inside it, and nothing fetched.

    Args:
        title: of the window.
        body: escaped HTML.
        data: what the scripts read.
        scripts: names of ours, in the order in which they are run.
    """
    known = script_json({"dark": DARK, **data})
    code = "\n".join((_ASSETS / name).read_text(encoding="utf-8") for name in scripts)
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>"
        f"<style>{(_ASSETS / 'page.css').read_text(encoding='utf-8')}</style>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>'
        f'<a class="skip" href="#main">Skip to the front</a>{body}'
        "<noscript><p>The figures and the table of all trials need JavaScript; the rest of this "
        "page does not.</p></noscript>"
        f'<script type="application/json" id="data">{known}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n"
        f'<script>(() => {{\n"use strict";\n{code}\n}})();</script>\n'
        "</body></html>\n"
    )


def _header(run: RunRecord, layout: Layout) -> str:
    facts = [run.environment.device, plural(len(run.trials), "trial"), duration_text(run.wall_s)]
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in facts if fact)
    return (
        f'<header><p class="eyebrow">{escape(layout.kind)} <b>{escape(run.name)}</b></p>'
        f'<h1>{escape(headline(run))}</h1><ul class="meta">{listed}</ul></header>'
    )


def _footer(run: RunRecord) -> str:
    version = escape(run.environment.archsearch)
    return (
        f"<footer><p>Written by archsearch {version}. This page is one file and needs no network."
        "</p></footer>"
    )


def figure_html(drawing: Drawing) -> str:
    """Return the place of a figure, with its title and its words."""
    key = escape(drawing.key)
    note = f'<p class="note">{escape(drawing.note)}</p>' if drawing.note else ""
    return (
        f'<figure id="figure-{key}" aria-labelledby="title-{key}">'
        f'<h3 id="title-{key}">{escape(drawing.title)}</h3>'
        f'<div class="legend" data-legend="{key}"></div>'
        f'<div class="plot" data-figure="{key}" role="img" aria-labelledby="title-{key}" '
        f'aria-describedby="text-{key}"></div>'
        f"<figcaption>{note}<details><summary>This figure in words</summary>"
        f'<p id="text-{key}">{escape(drawing.description)}</p></details></figcaption></figure>'
    )


def _panel(panel: Drawing | Panel) -> str:
    assert isinstance(panel, Panel)
    title = f"<h3>{escape(panel.title)}</h3>" if panel.title else ""
    return f'<div class="panel" id="panel-{escape(panel.key)}">{title}{panel.html}</div>'


def _data(run: RunRecord, drawings: list[Drawing]) -> dict[str, Any]:
    """Return what the scripts of the page read."""
    front = front_trials(run)
    top, bend = best(front), knee(front)
    return {
        "name": run.name,
        "budget": run.budget_ms,
        "num_val": num_images(run),
        "num_test": num_images(run, "test"),
        "front": [trial.number for trial in front],
        "best": top.number if top else None,
        "knee": bend.number if bend else None,
        "export": export_command(run, "@TRIAL@"),
        "figures": {drawing.key: figure_data(drawing) for drawing in drawings},
        **trial_columns(run),
    }


def figure_data(drawing: Drawing) -> dict[str, Any]:
    """Return a figure for the page, where its title stands above it."""
    plain = drawing.figure.to_plotly_json()
    plain["layout"].pop("title", None)
    plain["layout"].pop("template", None)
    return {"data": plain["data"], "layout": plain["layout"]}

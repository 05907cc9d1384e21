"""The frame of every page: one self-contained HTML file, no network, no other file."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from plotly.offline import get_plotlyjs

from archsearch.record import Environment
from archsearch.report.figures.drawing import DARK, Drawing
from archsearch.report.layout import Layout, Panel
from archsearch.report.trial_data import script_json

_ASSETS = Path(__file__).parent / "assets"
#: the page runs and shows its own content, and loads nothing else
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'"
)
#: the data that scripts expect, on a page without trials
NO_TRIALS: dict[str, Any] = {"columns": {"number": []}, "front": [], "best": None, "knee": None}


class Heading(NamedTuple):
    """The top of a page.

    Attributes:
        name: of what the page is about.
        headline: the outcome in a sentence.
        facts: a few words each; empty ones are left out.
        skip: what the link for keyboards says.
    """

    name: str
    headline: str
    facts: Sequence[str]
    skip: str = "Skip to the content"


def render(
    subject: Any,
    layout: Layout,
    heading: Heading,
    where: Environment,
    data: dict[str, Any],
    scripts: Sequence[str],
) -> str:
    """Return a page as text.

    Args:
        subject: what the items of the layout are given.
        layout: what stands on the page.
        heading: its top.
        where: the machine and software behind the numbers.
        data: what the scripts read, figures and colours excepted.
        scripts: names of the scripts, in the order in which they are run.
    """
    drawings: list[Drawing] = []
    body = []
    for section in layout.sections:
        made = [item(subject) for item in section.items]
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
    figures = {drawing.key: figure_data(drawing) for drawing in drawings}
    top = _header(heading, layout)
    main = f'{top}<main id="main">{"".join(body)}</main>{_footer(where)}'
    title = f"{heading.name}: {layout.kind}"
    return document(title, main, {**data, "figures": figures}, scripts, heading.skip)


def document(
    title: str,
    body: str,
    data: dict[str, Any],
    scripts: Sequence[str],
    skip: str = "Skip to the content",
) -> str:
    """Return a page: style, the library and our scripts inside it, and nothing fetched.

    Args:
        title: of the window.
        body: escaped HTML.
        data: what the scripts read, colours excepted.
        scripts: names of ours, in the order in which they are run.
        skip: what the link for keyboards says.
    """
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
        f'<a class="skip" href="#main">{escape(skip)}</a>{body}'
        "<noscript><p>The figures and the table of all trials need JavaScript; the rest of this "
        "page does not.</p></noscript>"
        '<script type="application/json" id="data">'
        f"{script_json({'dark': DARK, **data})}</script>\n"
        f"<script>{get_plotlyjs()}</script>\n"
        f'<script>(() => {{\n"use strict";\n{code}\n}})();</script>\n'
        "</body></html>\n"
    )


def _header(heading: Heading, layout: Layout) -> str:
    listed = "".join(f"<li>{escape(fact)}</li>" for fact in heading.facts if fact)
    return (
        f'<header><p class="eyebrow">{escape(layout.kind)} <b>{escape(heading.name)}</b></p>'
        f'<h1>{escape(heading.headline)}</h1><ul class="meta">{listed}</ul></header>'
    )


def _footer(where: Environment) -> str:
    version = escape(where.archsearch)
    return (
        f"<footer><p>Written by archsearch {version}. This page is one file and needs no network."
        "</p></footer>"
    )


def figure_html(drawing: Drawing) -> str:
    """Return the place of a figure, with its title and its words."""
    key = escape(drawing.key)
    note = f'<p class="note">{escape(drawing.note)}</p>' if drawing.note else ""
    height = f' style="height: {drawing.height}px"' if drawing.height else ""
    return (
        f'<figure id="figure-{key}" aria-labelledby="title-{key}">'
        f'<h3 id="title-{key}">{escape(drawing.title)}</h3>'
        f'<div class="legend" data-legend="{key}"></div>'
        f'<div class="plot" data-figure="{key}"{height} role="img" aria-labelledby="title-{key}" '
        f'aria-describedby="text-{key}"></div>'
        f"<figcaption>{note}<details><summary>This figure in words</summary>"
        f'<p id="text-{key}">{escape(drawing.description)}</p></details></figcaption></figure>'
    )


def _panel(panel: Drawing | Panel) -> str:
    assert isinstance(panel, Panel)
    title = f"<h3>{escape(panel.title)}</h3>" if panel.title else ""
    return f'<div class="panel" id="panel-{escape(panel.key)}">{title}{panel.html}</div>'


def figure_data(drawing: Drawing) -> dict[str, Any]:
    """Return a figure for the page, where its title stands above it."""
    plain = drawing.figure.to_plotly_json()
    plain["layout"].pop("title", None)
    plain["layout"].pop("template", None)
    return {"data": plain["data"], "layout": plain["layout"]}

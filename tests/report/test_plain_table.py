"""One value for every table: what it says is the same in every form, and is escaped."""

import csv
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from archsearch.report.plain_table import FORMATS, written
from archsearch.report.table_column import Column, tabulate
from archsearch.report.table_panel import panel_of
from tests.report.conftest import HOSTILE
from tests.report.synthetic_ablation import synthetic_ablation
from tests.report.synthetic_run import synthetic_run

COLUMNS = (
    Column("name", lambda row: row[0], "name", words=True),
    Column("value", lambda row: row[1], "value", lambda row: f"{row[1]:.1f} (0.0 to 9.9)", "it"),
    Column("pair", lambda row: [row[1], row[1] + 1]),
    Column("deep", lambda row: {"a": [1, 2, 3]}, in_csv=False),
    Column("note", lambda row: ["x", "y"], "note", lambda row: "x y", tags=True),
    Column("code", lambda row: "long " * 20, "code", code=True),
    Column("never", lambda row: 0, "never", shown=lambda rows: False),
)
TABLE = tabulate("a title", COLUMNS, [("first", 1.0), (HOSTILE, 2.0)], ("a note",))


class Markup(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def shown(table, width):
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


def test_values_hold_every_column_and_texts_those_with_a_header():
    assert list(TABLE.values[0]) == [column.key for column in COLUMNS]
    assert TABLE.headings == ("name", "value", "note", "code")
    (row, _) = csv.DictReader(io.StringIO(TABLE.csv()))
    assert (row["pair_low"], row["pair_high"]) == ("1.0", "2.0")
    assert "deep.a" not in row
    assert json.loads(written([TABLE], "json"))["rows"][0]["deep"] == {"a": [1, 2, 3]}


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_nothing_is_cut_at_any_width(width):
    lines = shown(TABLE, width).splitlines()
    assert all(len(line) <= width for line in lines)
    whole = "".join("".join(lines).split())
    assert "first" in whole
    assert all(part in whole for part in ("1.0", "(0.0", "9.9)"))
    assert "…" not in whole


@pytest.mark.parametrize("width", [40, 60, 80])
def test_words_are_whole_where_there_is_room(width):
    table = tabulate("", COLUMNS[:2], [("localvit_generalisation", 1.0)])
    assert "localvit_generalisation" in shown(table, width)


@pytest.mark.parametrize("html", [TABLE._repr_html_(), panel_of("x", TABLE).html])
def test_html_is_escaped_and_runs_nothing(html):
    markup = Markup(html)
    assert {tag for tag, _ in markup.tags}.isdisjoint({"script", "img", "b", "link", "style"})
    assert HOSTILE in "".join(markup.text)
    for _, attributes in markup.tags:
        assert not {"src", "href", "onclick", "onerror"} & set(attributes)


def test_a_page_sorts_by_values():
    cells = [a for tag, a in Markup(panel_of("x", TABLE).html).tags if tag == "td"]
    assert [a["data-value"] for a in cells if a["data-label"] == "Value"] == ["1.0", "2.0"]
    heads = [a for tag, a in Markup(panel_of("x", TABLE).html).tags if tag == "th"]
    assert [a["data-kind"] for a in heads] == ["text", "number", "text", "text"]
    assert heads[1]["title"] == "it"


def test_an_empty_table_says_so_everywhere():
    empty = tabulate("t", COLUMNS, (), nothing="nothing here")
    assert "nothing here" in shown(empty, 80)
    assert "nothing here" in empty._repr_html_()
    assert "nothing here" in panel_of("x", empty).html
    assert all(written([empty], kind) is not None for kind in FORMATS if kind != "table")


NOTEBOOK = {
    "run": lambda: synthetic_run(40, front_seeds=2),
    "front": lambda: synthetic_run(40).front_table(),
    "empty run": lambda: synthetic_run(0),
    "ablation": synthetic_ablation,
}


@pytest.mark.parametrize("name", NOTEBOOK)
def test_a_notebook_shows_it_small_and_without_scripts(name):
    html = NOTEBOOK[name]()._repr_html_()
    assert len(html) < 40_000
    markup = Markup(html)
    assert {tag for tag, _ in markup.tags} <= {
        "div", "p", "b", "table", "caption", "thead", "tbody", "tr", "th", "td", "small", "span",
        "code",
    }  # fmt: skip
    for _, attributes in markup.tags:
        assert set(attributes) <= {"style", "title", "class"}


def test_a_hostile_run_stays_text_in_a_notebook(hostile):
    html = hostile._repr_html_()
    assert "<img" not in html
    assert "<script" not in html


def test_a_search_shows_itself():
    from archsearch.search import search
    from archsearch.space import flat_space

    space = flat_space({"x": list(range(8)), "<b>": ["u", "v"]})
    found = search(space, lambda p: {"y": (p["x"] - 3) ** 2, "z": p["x"]},
                   objectives={"y": "min", "z": "min"}, trials=8, seed=0)  # fmt: skip
    html = found._repr_html_()
    assert "y (min)" in html
    assert "&lt;b&gt;" in html
    assert "<b></b>" not in html
    assert html.count("<tr>") == 1 + len(found.front)


def test_showing_needs_no_plotly():
    code = (
        "import sys; from tests.report.synthetic_run import synthetic_run as s; "
        "s(5)._repr_html_(); s(5).front_table(); "
        "assert not {'plotly', 'torch', 'optuna', 'ray'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])

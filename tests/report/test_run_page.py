import json
import re
from html.parser import HTMLParser

import pytest
from plotly.offline import get_plotlyjs

from archsearch.analysis import front_trials
from archsearch.arch import summary
from archsearch.report import write_report
from archsearch.report.front_data import front_info
from archsearch.report.layout import load_layout
from archsearch.report.run_page import render_page
from tests.report.conftest import HOSTILE
from tests.report.synthetic_run import synthetic_run

VOID = {"meta", "img", "input", "br", "hr", "link"}


class Tree(HTMLParser):
    """Elements with their attributes; complains where one is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def page_of(run) -> str:
    # the library is 5 MB that the tests need not read again and again
    return render_page(run, load_layout()).replace(get_plotlyjs(), "")


def data_of(tree: Tree) -> dict:
    return json.loads(tree.scripts[0])


@pytest.fixture(scope="module")
def any_page(any_run) -> str:
    return page_of(any_run)


@pytest.fixture(scope="module")
def usual_page(usual) -> str:
    return page_of(usual)


def test_structure(any_page):
    assert any_page.startswith("<!DOCTYPE html>")
    tree = Tree(any_page)
    ids = [a["id"] for _, a in tree.found if a.get("id")]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby", "for"):
        pointed = {a[name] for _, a in tree.found if a.get(name)}
        assert pointed <= set(ids)
    assert len(tree.all("h1")) == 1
    (html,) = tree.all("html")
    assert html["lang"] == "en"


def test_nothing_is_fetched(any_page):
    text = any_page
    tree = Tree(text)
    for _, attributes in tree.found:
        assert not {"src", "srcset", "action", "poster", "background"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert not tree.all("link")
    assert not re.search(r"@import|url\((?!#)", text)
    own = tree.scripts[-1]
    assert not re.search(r"\bfetch\(|XMLHttpRequest|WebSocket|import\(|EventSource", own)
    # the one address names the kind of an element, and is never visited
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
    policy = next(m["content"] for m in tree.all("meta") if m.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_library_is_there_once():
    text = render_page(synthetic_run(3), load_layout())
    assert text.count(get_plotlyjs()) == 1


def test_every_figure_has_a_title_a_place_and_words(usual_page):
    tree = Tree(usual_page)
    figures = data_of(tree)["figures"]
    places = [a["data-figure"] for a in tree.all("div") if "data-figure" in a]
    assert sorted(places) == sorted(figures)
    assert len(places) >= 6
    for place in tree.all("div"):
        if "data-figure" in place:
            assert place["role"] == "img"
            assert place["aria-labelledby"]
            assert place["aria-describedby"]


def test_marks_and_rows_equal_the_data(usual, usual_page):
    tree = Tree(usual_page)
    data = data_of(tree)
    info = front_info(usual)
    marks = [
        number
        for trace in data["figures"]["front"]["data"]
        if trace["name"] not in ("", "baseline", "front", "left the front")
        for number in trace["customdata"]
    ]
    drawn = (info.searched, info.dominated, info.pruned, info.infeasible)
    assert sorted(marks) == sorted(number for group in drawn for number in group.numbers)
    rows = [int(a["data-trial-row"]) for a in tree.all("tr") if "data-trial-row" in a]
    assert rows == list(usual.front) == data["front"]
    assert data["columns"]["number"] == [trial.number for trial in usual.trials]


def test_front_table_reads_without_scripts(usual, usual_page):
    tree = Tree(usual_page)
    text = "\n".join(tree.text)
    for trial in front_trials(usual):
        assert summary(trial.arch) in text
        assert any(
            f"--trial {trial.number} " in (a.get("data-copy") or "") for a in tree.all("button")
        )


def test_buttons_are_buttons(usual_page):
    tree = Tree(usual_page)
    assert all(button["type"] == "button" for button in tree.all("button"))
    assert all(heading.get("scope") == "col" for heading in tree.all("th"))


def test_hostile_names_stay_text(hostile):
    text = page_of(hostile)
    tree = Tree(text)
    assert not tree.all("img")
    assert not tree.all("b") or all(not a for a in tree.all("b"))
    assert "<img" not in text
    assert HOSTILE in "".join(tree.text)
    data = data_of(tree)
    assert data["name"] == HOSTILE
    assert HOSTILE in data["words"]


def test_the_file_appears_whole_or_not_at_all(usual, tmp_path):
    path = tmp_path / "report.html"
    assert write_report(usual, path) == path
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    assert path.stat().st_mode & 0o777 == 0o644
    before = path.read_bytes()
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from archsearch.report.layout import Layout, Section\n"
        "def fail(run):\n    raise RuntimeError('no')\n"
        "LAYOUT = Layout('x', (Section('', (fail,)),))\n"
    )
    with pytest.raises(RuntimeError, match="no"):
        write_report(usual, path, broken)
    assert path.read_bytes() == before
    assert write_report(usual, tmp_path / "missing" / "report.html").is_file()


def test_same_run_same_page(usual, usual_page):
    assert page_of(usual) == usual_page


@pytest.mark.slow
def test_ten_thousand_trials_fit(tmp_path):
    path = write_report(synthetic_run(10_000), tmp_path / "report.html")
    assert path.stat().st_size < 12e6

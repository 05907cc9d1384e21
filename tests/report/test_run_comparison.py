import json
import re

import pytest

from archsearch.analysis import front_trials
from archsearch.errors import InputError
from archsearch.report.figures.drawing import DARK
from archsearch.report.figures.fronts import draw_fronts, fronts_info
from archsearch.report.run_comparison import compare_runs, comparison_points, comparison_sentences
from archsearch.report.run_comparison_page import render_comparison, write_comparison
from tests.analysis.test_run_comparison import A, B, moved
from tests.report.conftest import HOSTILE
from tests.report.synthetic_run import synthetic_run
from tests.report.test_run_page import Tree, data_of


def test_fronts_hold_every_point_under_the_name_of_its_run():
    info = fronts_info([A, B])
    assert info.names == ("a", "b")
    for run, marks in zip((A, B), info.fronts, strict=True):
        assert marks.numbers == run.front
    drawing = draw_fronts([A, B])
    shapes = [trace.marker.symbol for trace in drawing.figure.data]
    assert len(set(shapes)) == 2
    assert set(re.findall(r"#[0-9a-fA-F]{6}", drawing.figure.to_json())) <= set(DARK)
    assert draw_fronts([synthetic_run(0)]) is None


def test_one_run_is_not_a_comparison():
    with pytest.raises(InputError, match="needs two runs or more, but got 1"):
        compare_runs([A])


def test_runs_of_one_name_are_distinguished():
    assert [run.name for run in compare_runs([A, A, B]).runs] == ["a (1)", "a (2)", "b"]


def test_another_machine_is_named_and_not_compared():
    info = compare_runs([A, moved(B, cpu="another")])
    assert info.warnings == ("b is not compared with a: other machine or software",)
    points = comparison_points(info)
    assert points["dominated"] == []
    assert [each["group"] for each in points["runs"]] == [0, 1]
    assert comparison_sentences(info) == [f"{info.warnings[0]}."]
    assert len(data_of(Tree(render_comparison(info)))["figures"]) == 2


def test_points_are_plain_data_that_names_what_is_dominated():
    points = json.loads(json.dumps(comparison_points(compare_runs([A, B]))))
    numbers = {run.name: {t.number for t in front_trials(run)} for run in (A, B)}
    assert points["dominated"]
    for each in points["dominated"]:
        assert each["trial"] in numbers[each["run"]]
        assert each["by"] in numbers[each["by_run"]]
    assert points["differences"]["seed"] == {"a": "1", "b": "2"}


def test_page(tmp_path):
    text = write_comparison([A, B], tmp_path / "comparison.html").read_text(encoding="utf-8")
    tree = Tree(text)
    figures = data_of(tree)["figures"]
    drawn = [n for trace in figures["fronts-0"]["data"] for n in trace["customdata"]]
    assert len(drawn) == len(A.front) + len(B.front)
    assert not tree.all("link")
    for _, attributes in tree.found:
        assert not {"src", "href"} & set(attributes) or attributes["href"].startswith("#")


def test_hostile_names_stay_text(hostile):
    text = render_comparison(compare_runs([hostile, A]))
    assert "<img" not in text
    assert HOSTILE in "".join(Tree(text).text)


def test_empty_runs_have_a_page():
    assert "a" in render_comparison(compare_runs([synthetic_run(0), synthetic_run(3)]))

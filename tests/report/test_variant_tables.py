import csv
import io
import json
import re

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from archsearch.analysis import answers
from archsearch.errors import InputError
from archsearch.report import ablation_table, ablation_tables, write_ablation, written
from archsearch.report.ablation_page import render_ablation
from archsearch.report.ablation_view import (
    AblationView,
    ablation_headline,
    ablation_sentences,
    agreement,
)
from archsearch.report.figures.effects import effect_rows, main_effect_rows
from archsearch.report.figures.interactions import interactions_info
from archsearch.report.figures.variant_costs import cost_points, label_places
from archsearch.report.figures.variant_curves import mean_curves
from archsearch.report.layout import load_layout
from archsearch.report.number_format import change_text, points_text
from tests.report.conftest import HOSTILE
from tests.report.synthetic_ablation import FACTORS, synthetic_ablation, synthetic_factorial
from tests.report.test_run_page import Tree


def one_seed():
    return synthetic_ablation(seeds=1)


def without_costs():
    record = synthetic_ablation()
    bare = [each.model_copy(update={"latency": None, "curves": {}}) for each in record.variants]
    return record.model_copy(update={"variants": tuple(bare)})


def just_begun():
    record = synthetic_ablation()
    first, *rest = record.variants
    bare = [each.model_copy(update={"accuracies": {}, "curves": {}}) for each in rest]
    return record.model_copy(update={"variants": (first, *bare)})


def hostile():
    record = synthetic_ablation()
    first, second, *rest = record.variants
    second = second.model_copy(update={"name": HOSTILE, "description": HOSTILE})
    return record.model_copy(
        update={"name": HOSTILE, "question": HOSTILE, "variants": (first, second, *rest)}
    )


RECORDS = {
    "variants": synthetic_ablation,
    "factorial": synthetic_factorial,
    "part of a factorial": lambda: synthetic_factorial(seeds=2, drop=3),
    "one seed": one_seed,
    "without costs": without_costs,
    "just begun": just_begun,
    "hostile": hostile,
}


@pytest.fixture(scope="module", params=RECORDS)
def view(request):
    return AblationView(RECORDS[request.param]())


def page(view):
    return render_ablation(view, load_layout("ablation")).replace(get_plotlyjs(), "")


def test_page_is_whole_and_fetches_nothing(view):
    text = page(view)
    tree = Tree(text)
    ids = [a["id"] for _, a in tree.found if a.get("id")]
    assert len(ids) == len(set(ids))
    assert not tree.all("img")
    assert not tree.all("link")
    assert set(re.findall(r"https?://[^\"' ]+", text)) <= {"http://www.w3.org/2000/svg"}
    data = json.loads(tree.scripts[0])
    places = [a["data-figure"] for a in tree.all("div") if "data-figure" in a]
    assert sorted(places) == sorted(data["figures"])
    assert data["columns"] == {"number": []}
    shown = "".join(tree.text)
    for variant in view.record.variants:
        assert variant.name in shown
    assert view.record.question in shown


def test_formats_tell_the_same_numbers(view):
    for table in ablation_tables(view.record, view.answers):
        rows = list(csv.DictReader(io.StringIO(table.csv())))
        whole = json.loads(written([table], "json"))
        assert len(rows) == len(whole["rows"]) == len(table.rows)
        for row, other in zip(rows, whole["rows"], strict=True):
            for key, value in other.items():
                assert row[key] == ("" if value is None else str(value))
        lines = [line for line in table.markdown().splitlines() if line.startswith("|")]
        columns = len(table.headings)
        assert all(len(re.findall(r"(?<!\\)\|", line)) == columns + 1 for line in lines)
        assert table.latex().count(r"\\") >= len(table.rows) + 1


def test_table_holds_published_beside_measured():
    table = ablation_table(synthetic_ablation())
    assert table.headings[-1] == "published"
    row = next(row for row in table.rows if row[0] == "without aggregation")
    assert row[-1] == "-0.7"
    value = next(v for v in table.values if v["variant"] == "without aggregation")
    assert value["published_change_points"] == -0.7
    assert value["difference"] == pytest.approx(float(row[3]) / 100, abs=1e-4)
    assert ablation_table(synthetic_factorial()).headings[-1] == "change ms"


def test_base_comes_first_and_has_no_difference():
    table = ablation_table(synthetic_ablation())
    assert table.rows[0][:1] == ("all parts",)
    assert table.values[0]["verdict"] == "base"
    assert table.values[0]["difference"] is None


def test_marks_in_markdown_and_latex_are_escaped():
    record = synthetic_ablation()
    odd = record.variants[1].model_copy(update={"name": "a|b_50%"})
    table = ablation_table(
        record.model_copy(update={"variants": (record.variants[0], odd, *record.variants[2:])})
    )
    assert r"| a\|b_50% |" in table.markdown()
    assert r"a|b\_50\% &" in table.latex()


def test_unknown_format_offers_the_nearest():
    with pytest.raises(InputError, match="did you mean 'latex'"):
        written([ablation_table(synthetic_ablation())], "latx")


def test_words_follow_the_verdicts():
    view = AblationView(synthetic_ablation(seeds=12, noise=0.002))
    verdicts = {v.name: row.verdict for v, row in view.rows}
    assert verdicts["plain MLP in place of the two gates"] == "worse"
    assert verdicts["conditional position"] == "better"
    assert verdicts["patch stem"] != "better"
    text = " ".join(ablation_sentences(view))
    assert re.search(r"Worse than the base: .*plain MLP in place of the two gates \(-", text)
    assert "Of 4 published directions, 4 came out the same here, 0 opposite" in text
    assert agreement(view).opposite == ()
    assert "plain MLP" in ablation_headline(view)


def test_one_seed_says_so():
    view = AblationView(one_seed())
    assert "One seed each" in view.answers.comparison.method
    with pytest.raises(InputError, match="at least 2 seeds"):
        answers(one_seed(), from_seeds=True)


def test_forest_rows_are_the_comparison():
    view = AblationView(synthetic_ablation())
    rows = effect_rows(view)
    assert [row.name for row in rows] == [variant.name for variant in view.record.others]
    for row, compared in zip(rows, view.answers.comparison.variants, strict=True):
        assert row.value == pytest.approx(100 * compared.difference)
        assert row.interval == pytest.approx(tuple(100 * end for end in compared.interval))


def test_factorial_finds_what_was_planted():
    view = AblationView(synthetic_factorial())
    rows = {row.name: row for row in main_effect_rows(view)}
    assert len(rows) == sum(len(levels) - 1 for levels in FACTORS.values())
    # off costs 1.5 points, and 2 more with the patch merge, one of three
    row = rows["aggregation: off for on"]
    assert row.interval[0] <= -1.5 - 2.0 / 3 <= row.interval[1]
    assert row.kind == "worse"
    assert rows["stem: patch for conv"].kind == "not distinguishable"
    info = interactions_info(view)
    place = [info.factors.index(name) for name in ("aggregation", "merge")]
    sizes = np.array(info.size, dtype=float)
    assert np.nanmax(sizes) == sizes[tuple(place)]
    assert info.clear[place[0]][place[1]]
    assert not info.clear[0][2]
    assert interactions_info(AblationView(synthetic_ablation())) is None


def test_arrows_end_at_the_paired_difference():
    view = AblationView(synthetic_ablation())
    base, *others = cost_points(view)
    assert base.name == view.record.base
    for point in others:
        row = view.answers.compared(point.name)
        assert point.accuracy - base.accuracy == pytest.approx(row.difference)
    assert set(label_places((base, *others))) == {base.name, *(p.name for p in others)}
    assert cost_points(AblationView(without_costs())) == ()


def test_curves_are_means_of_seeds():
    record = synthetic_ablation()
    curve = mean_curves(AblationView(record))[0]
    seeds = record.base_variant.curves.values()
    assert curve.mean[-1] == pytest.approx(np.mean([seed[-1].accuracy for seed in seeds]))
    assert curve.low[-1] <= curve.mean[-1] <= curve.high[-1]


def test_written_page_holds_the_library_once(tmp_path):
    path = write_ablation(synthetic_ablation(), tmp_path / "ablation.html")
    assert path.read_text(encoding="utf-8").count(get_plotlyjs()) == 1


def test_units():
    assert points_text(-0.00001) == "+0.00"
    assert points_text(-0.0123) == "-1.23"
    assert change_text(-30, 200) == "-15 %"
    assert change_text(1, 200) == "+0.5 %"
    assert change_text(0, 200) == "0 %"

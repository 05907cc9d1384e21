"""`archsearch explain` on runs whose accuracies and latencies were planted."""

import csv
import html
import io
import itertools
import json

import numpy as np
import optuna
import pytest
import yaml
from rich.console import Console

from archsearch import zoo
from archsearch.arch import diff
from archsearch.cli.app import main
from archsearch.errors import InputError
from archsearch.record import BaselineRecord
from archsearch.report import choice_interactions_table, explanation_table, write_explanation
from archsearch.report.explanation_findings import explanation_sentences
from archsearch.report.figures.waterfall import accuracy_steps, latency_steps
from archsearch.run import explain, load_run
from archsearch.run.explained_baseline import find_baseline, median_params, most_similar
from archsearch.space import load_space, space_from
from archsearch.yaml_source import YamlSource
from tests.run.made_run import SPACE, made_tiny_run

LIGHTWEIGHT = load_space("lightweight")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_tiny_run(tmp_path_factory.mktemp("runs") / "made")


@pytest.fixture(scope="module")
def found(folder):
    return explain(folder)


def test_what_was_planted_is_found(found):
    values = {
        name: found.accuracy.attribution.of([name]) for name in found.accuracy.attribution.choices
    }
    gains = {"stages.1.attention": 0.10, "stages.1.width": 0.04}
    for name, value in values.items():
        low, high = value.interval(0.999)
        assert low <= gains.get(name, 0.0) <= high
    # the median of the space has the first attention and the lower width
    assert values["stages.1.attention"].value == pytest.approx(0.10, abs=0.01)
    assert found.baseline == "the median of the space"
    logs = found.latency.attribution
    assert logs.of(["stages.1.width"]).value == pytest.approx(0.1, abs=0.03)


def test_words_and_page_say_how_candidates_were_trained(folder, found, tmp_path):
    config = {
        "recipe": {"teacher": {"source": "big", "weight": 0.5, "temperature": 4}},
        "identity": {"inherit": "run"},
    }
    remarks = load_run(folder).model_copy(update={"config": config}).remarks
    assert remarks == (
        "Every candidate learned from the teacher big (soft targets 0.5 at temperature 4).",
        "Candidates began with inherited weights (run).",
    )
    taught = found._replace(remarks=remarks)
    assert explanation_sentences(taught)[1:3] == list(remarks)
    page = write_explanation(taught, tmp_path / "taught.html").read_text(encoding="utf-8")
    assert "learned from the teacher big" in page
    assert found.remarks == ()


def test_the_parts_add_up_to_what_was_observed(found):
    for split in (found.accuracy, found.latency):
        whole = split.attribution.total.value + split.unexplained
        assert whole == pytest.approx(split.observed)
        assert split.attribution.mean.sum() == pytest.approx(split.attribution.total.value)


def test_waterfalls_go_from_the_baseline_to_the_trial(found):
    steps = accuracy_steps(found.accuracy)
    choices = steps[: len(found.choices)]
    assert choices[0].start == 0.0
    for before, after in itertools.pairwise(choices):
        assert after.start == pytest.approx(before.end)
    by_name = {step.name: step for step in steps}
    assert by_name["all choices"].end == pytest.approx(choices[-1].end)
    assert by_name["not explained"].end == pytest.approx(by_name["observed"].end)
    assert by_name["observed"].end == pytest.approx(100 * found.accuracy.observed)
    assert by_name["stages.1.attention"].kind == "more"
    ratio = np.exp(found.latency.observed)
    assert {step.name: step for step in latency_steps(found.latency)}["observed"].end == (
        pytest.approx(100 * ratio)
    )


def test_sentence_names_what_is_clear(found):
    first = explanation_sentences(found)[0]
    assert first.startswith(f"Trial {found.target} (")
    assert "is attention in stages 0 and 1" in first
    assert "is width in stage 1" in first
    assert "is not explained." in first


def test_nothing_is_named_where_nothing_is_clear(tmp_path):
    found = explain(made_tiny_run(tmp_path / "noisy", noise=0.5, latencies=False), 0, "1")
    accuracy, latency = explanation_sentences(found)
    assert "no choice is distinguishable" in accuracy
    assert latency.startswith("Too few trials have a latency")
    assert found.latency is None
    assert explanation_table(found).rows
    assert [step.kind for step in accuracy_steps(found.accuracy)].count("more") == 0


def test_baselines_are_trials_files_and_the_median(folder, tmp_path):
    arch = SPACE.arch(next(SPACE.enumerate()))
    file = tmp_path / "net.yaml"
    file.write_text(yaml.safe_dump({**arch.to_dict(), "num_classes": 100}))
    by_file = explain(folder, "best", str(file))
    assert by_file.baseline == str(file)
    number = explain(folder, "best", "3")
    assert number.baseline == "trial 3"
    assert number.accuracy.before is not None
    # what came with a choice stands beside it
    texts = [text for each in by_file.choices for text in (each.before, each.after)]
    assert any(text.startswith("window with window_size ") for text in texts)


def test_a_baseline_of_the_run_counts_as_observed(tmp_path, monkeypatch):
    folder = made_tiny_run(tmp_path / "made", 24)
    every = {SPACE.digest_of(params): params for params in SPACE.enumerate()}
    trials = load_run(folder).trials
    unseen = next(each for key, each in every.items() if key not in {t.digest for t in trials})
    monkeypatch.setattr(zoo, "arch", lambda name, **shape: SPACE.arch(unseen))
    study = optuna.load_study(study_name="made", storage=f"sqlite:///{folder / 'study.db'}")
    beside = BaselineRecord(
        name="zoo:known", arch=SPACE.arch(unseen), accuracy=0.7, latency=trials[0].latency
    )
    study.set_user_attr("baselines", {"zoo:known": beside.to_dict()})
    found = explain(folder, "best", "zoo:known")
    assert found.accuracy.before == pytest.approx(0.7)
    assert found.latency.before == pytest.approx(np.log(trials[0].latency.median_ms))
    assert found.accuracy.num_trials == 25


def test_median_is_the_middle_of_every_ordered_parameter():
    params = median_params(LIGHTWEIGHT)
    assert LIGHTWEIGHT.problems(params) == []
    assert params["stages.0.depth"] == 3
    assert params["stages.0.width"] == 32
    assert params["stem"] == "conv"


def test_median_obeys_the_rules_of_its_space():
    data = SPACE.to_dict()
    for stage, widths in zip(data["stages"], ([32, 64, 96], [16, 32, 64]), strict=True):
        stage["width"] = {"choice": widths}
    # the middle widths, 64 and 32, break the rule that widths do not shrink
    space = space_from(YamlSource("ruled", data), "ruled")
    params = median_params(space)
    assert space.problems(params) == []
    assert (params["stages.0.width"] == 64) != (params["stages.1.width"] == 32)


def test_a_zoo_network_in_the_space_is_found():
    space = load_space("edgevit")
    arch = zoo.arch("edgevit_xxs", image_size=space.to_dict()["image_size"])
    params = space.params_of(arch)
    assert params is not None
    found = find_baseline("zoo:edgevit_xxs", None, space)
    assert found.params == params


def test_a_network_outside_the_space_is_refused_with_what_differs(folder):
    with pytest.raises(InputError) as refused:
        explain(folder, "best", "zoo:edgevit_xxs")
    first, *others = map(str, refused.value.problems)
    assert first.startswith("--against: zoo:edgevit_xxs is not in the space of the run")
    assert any("stages.0.width: is 36 in zoo:edgevit_xxs" in each for each in others)


def test_the_most_similar_network_is_that_of_all():
    arch = SPACE.arch(next(SPACE.enumerate()))
    other = arch.model_copy(
        update={"stem": LIGHTWEIGHT.arch({**median_params(LIGHTWEIGHT), "stem": "patch"}).stem}
    )
    least = min(len(diff(other, SPACE.arch(params))) for params in SPACE.enumerate())
    assert len(diff(other, SPACE.arch(most_similar(other, SPACE)))) == least


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("best", "is the same network as trial"),
        ("999", "--against: must be a trial of run 'made'"),
        ("medain", "did you mean 'median'"),
        ("zoo:edgevit", "the zoo has no model 'edgevit'"),
        ("nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_wrong_baselines_are_refused(folder, against, message):
    with pytest.raises(InputError, match=message):
        explain(folder, "best", against)


def test_too_few_trials_are_refused(tmp_path):
    few = made_tiny_run(tmp_path / "few", count=12)
    with pytest.raises(InputError, match="needs at least 20 trials that were trained to the end"):
        explain(few)


def test_tables_hold_the_same_in_every_format(found):
    table = explanation_table(found)
    values = table.values
    rows = list(csv.DictReader(io.StringIO(table.csv())))
    assert [row["choice"] for row in rows] == [row["choice"] for row in values]
    assert json.loads(table.json())["rows"] == [dict(row) for row in values]
    for text in (table.markdown(), table.latex()):
        assert len([line for line in text.splitlines() if "attention" in line]) >= 1
    first = values[0]
    assert first["choice"] == "stages.1.attention"
    assert first["accuracy_low"] < first["accuracy"] < first["accuracy_high"]
    assert {row["kind"] for row in values} == {
        "choice",
        "all choices",
        "not explained",
        "observed",
    }
    pairs = choice_interactions_table(found)
    assert len(pairs.rows) == len(found.choices) * (len(found.choices) - 1) / 2


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_fit_the_terminal(found, width):
    for table in (explanation_table(found), choice_interactions_table(found)):
        text = io.StringIO()
        Console(file=text, width=width, force_terminal=False).print(table)
        assert max(map(len, text.getvalue().splitlines())) <= width
        for row in table.rows:
            assert row[2].split(" ")[0] in text.getvalue()


def test_command_and_page(folder, capsys, tmp_path):
    page = tmp_path / "page.html"
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(folder), "--against", "3", "--format", "csv", "-o", str(page)])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("choice,before,after,accuracy,accuracy_low")
    found = explain(folder, "best", "3")
    text = page.read_text(encoding="utf-8")
    for sentence in explanation_sentences(found):
        assert html.escape(sentence) in text
    assert 'data-figure="accuracy"' in text
    assert 'data-figure="latency"' in text
    assert write_explanation(found, tmp_path / "again.html").read_text(encoding="utf-8") == text
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(folder), "--against", "nothing"])
    assert ended.value.code == 2
    assert "--against" in capsys.readouterr().err

"""``archsearch ablate``: from a study file to tables and a page; what is refused."""

import csv
import io
import json
from pathlib import Path

import pytest

from archsearch.ablation import is_ablation, study_texts
from archsearch.analysis import answers
from archsearch.cli.app import main
from archsearch.cli.console import out
from archsearch.resources import resource_dir
from tests.ablation.test_session import STUDY, unmeasured
from tests.report.synthetic_ablation import synthetic_ablation


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(out, "width", 400)
    monkeypatch.setattr("archsearch.ablation.session.measure_latencies", unmeasured)
    (tmp_path / "s.yaml").write_text(STUDY)
    return tmp_path


def ablate(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["ablate", *arguments, "--executor", "inline"])
    assert not ended.value.code


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Run, expect exit code 2 and an untouched folder, and return the errors."""
    before = sorted(Path.cwd().rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    assert sorted(Path.cwd().rglob("*")) == before, "wrong input must leave nothing behind"
    lines = capsys.readouterr().err.splitlines()
    return [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]


def test_a_study_ends_with_tables_and_a_page(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate("s.yaml")
    printed = capsys.readouterr().out
    for word in ("base", "max", "no aggregation", "verdict"):
        assert word in printed
    run = folder / "runs" / "s-digits"
    assert "<html" in (run / "report.html").read_text()[:200]
    accuracies = {
        variant["name"]: sum(variant["accuracies"].values()) / 2
        for variant in json.loads((run / "ablation.json").read_text())["variants"]
    }
    # what its seeds could find, and the time that more would take
    ablate("s.yaml", "--plan", "--json")
    plan = json.loads(capsys.readouterr().out)["rows"]
    assert [row["difference"] for row in plan] == [0.005, 0.01, 0.02, 0.05]
    assert {"seeds", "safe_seeds", "hours"} < plan[0].keys()
    # the same again trains nothing, and prints it in another form
    ablate("s.yaml", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["variant"] for row in rows] == list(accuracies)
    ablate("s.yaml", "--format", "json", "--quiet")
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3
    with pytest.raises(SystemExit) as ended:
        main(["report", "s-digits"])
    assert not ended.value.code


def test_a_plan_needs_a_pilot(capsys: pytest.CaptureFixture[str]) -> None:
    (error,) = refused(capsys, "ablate", "s.yaml", "--plan")
    assert error.startswith("--plan: needs a pilot, and nothing was trained; run the study with")


def test_a_dry_run_says_what_would_be_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate("lightvit_components", "--scale", "small", "--seeds", "5", "--dry-run")
    printed = capsys.readouterr().out
    assert "trainings: 6 networks x 5 seeds" in printed
    assert "+ both gates: " in printed
    assert not (folder / "runs").exists()


def test_the_shipped_studies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    ablate("--list")
    printed = capsys.readouterr().out
    assert "sepvit_components" in printed
    assert "pointwise attention among windows" in printed
    assert "digits_5ms" not in printed, "a search is no ablation"


def test_every_wrong_option_is_reported_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    output = refused(capsys, "ablate", "s.yaml", "--format", "cvs", "--until-clear", "--limit", "0")
    assert len(output) == 3
    assert "--format: must be one of table, md, latex, csv, json, but got 'cvs'" in output[0]
    assert "did you mean 'csv'?" in output[0]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["ablate", "s.yaml", "--seeds", "1"], "an interval needs at least 2 seeds, but got 1"),
        (["ablate", "s.yaml", "--scale", "smal"], "--scale: the study has no scale"),
        (["ablate", "sepvit_component"], "did you mean 'sepvit_components'"),
        (["ablate"], "STUDY: is required; archsearch ablate --list"),
        (["ablate", "digits_5ms"], "is a search, not an ablation; use archsearch run digits_5ms"),
        (["run", "edgevit_components"], "is an ablation, not a search; use archsearch ablate"),
    ],
)
def test_wrong_input_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], part: str
) -> None:
    assert any(part in line for line in refused(capsys, *arguments))


def variants(printed: str) -> list[str]:
    return [row["variant"] for row in csv.DictReader(io.StringIO(printed))]


def test_one_contrast_is_trained_alone_and_widened_later(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate("s.yaml", "--only", "max", "--csv", "--quiet")
    assert variants(capsys.readouterr().out) == ["base", "max"]
    trained = sorted((folder / "runs" / ".trainings").iterdir())
    assert len(trained) == 2 * 2
    record = json.loads((folder / "runs" / "s-digits" / "ablation.json").read_text())
    assert any("1 of 2 variants were asked for" in note for note in record["notes"])
    before = [path.stat().st_mtime_ns for path in trained]
    ablate("s.yaml", "--csv", "--quiet")
    assert variants(capsys.readouterr().out) == ["base", "max", "no aggregation"]
    assert [path.stat().st_mtime_ns for path in trained] == before
    assert len(list((folder / "runs" / ".trainings").iterdir())) == 3 * 2
    # and narrowed again, with the interval of one contrast alone
    ablate("s.yaml", "--only", "no aggregation", "--json", "--quiet")
    one = json.loads(capsys.readouterr().out)["rows"]
    assert [row["variant"] for row in one] == ["base", "no aggregation"]


def test_fewer_contrasts_have_narrower_intervals() -> None:
    record = synthetic_ablation()
    name = record.others[0].name
    alone = record.model_copy(update={"variants": (record.base_variant, record.others[0])})
    wide, narrow = (answers(each).compared(name).interval for each in (record, alone))
    assert narrow[1] - narrow[0] != wide[1] - wide[0]
    assert len(answers(alone).comparison.variants) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "maxx"], "--only: the study has no variant 'maxx'"),
        (["--only", "maxx"], "did you mean 'max'"),
        (["--only", "base"], "--only: is the base, which is always trained"),
        (["--only", "max,nothing"], "no variant 'nothing'"),
    ],
)
def test_unknown_variants_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    errors = refused(capsys, "ablate", "s.yaml", *arguments)
    assert any(said in error for error in errors), errors


DESIGNS = """\
question: q
cost: seconds
published: ""
base:
  arch: zoo:edgevit_xxs
  overrides: {width: 8, head_dim: 8, depth: 1, stem.patch_size: 2, ffn.expansion: 1}
%s
image_size: 16
limit: 120
recipe: {epochs: 1, warmup_epochs: 0, batch_size: 60}
seeds: 2
"""
FACTORS = """
    sampler: {levels: {mean: {}, max: {overrides: {sampler: max}}}}
    ffn: {path: ffn.expansion, levels: [1, 2, 3]}
"""


@pytest.mark.parametrize(
    ("design", "only", "trained"),
    [
        ("leave_one_out: {aggregation: {overrides: {local_aggregation: null}},"
         " x: {overrides: {sampler: max}}}", ["aggregation"], ["base", "without aggregation"]),
        ("leave_one_out: {aggregation: {overrides: {local_aggregation: null}},"
         " x: {overrides: {sampler: max}}}", ["without x"], ["base", "without x"]),
        (f"one_factor:{FACTORS}", ["ffn"], ["base", "ffn=2", "ffn=3"]),
        (f"one_factor:{FACTORS}", ["ffn=3", "sampler=max"], ["base", "sampler=max", "ffn=3"]),
        (f"factorial:\n  factors:{FACTORS.replace('    ', '      ')}", ["sampler=max, ffn=1"],
         ["sampler=mean, ffn=1", "sampler=max, ffn=1"]),
    ],
)  # fmt: skip
def test_every_design_can_be_narrowed(
    folder: Path, capsys: pytest.CaptureFixture[str], design: str, only: list[str],
    trained: list[str],
) -> None:  # fmt: skip
    (folder / "d.yaml").write_text(DESIGNS % design)
    options = [word for name in only for word in ("--only", name)]
    ablate("d.yaml", *options, "--dry-run")
    lines = capsys.readouterr().out.splitlines()
    named = [line.split(": ")[0].strip() for line in lines if line.startswith("  ")]
    assert named == trained or named[1:] == trained[1:]
    assert f"trainings: {len(trained)} networks x 2 seeds" in lines
    assert any(line.startswith("not asked for (--only): ") for line in lines)


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_the_list_shows_whole_names_and_every_scales_cost(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr(out, "width", width)
    ablate("--list")
    printed = capsys.readouterr().out
    for path in resource_dir("studies").glob("*.yaml"):
        if is_ablation(path):
            assert path.stem in printed
    assert printed.count("small:") == sum(
        "small" in study_texts(path)[1]
        for path in resource_dir("studies").glob("*.yaml")
        if is_ablation(path)
    )
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed


def test_the_list_is_data_too(capsys: pytest.CaptureFixture[str]) -> None:
    ablate("--list", "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert all(row["costs.full"] and row["costs.small"] for row in rows)

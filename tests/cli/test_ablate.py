"""``archsearch ablate``: from a study file to tables and a page; what is refused."""

import csv
import io
import json
from pathlib import Path

import pytest

from archsearch.cli.app import main
from archsearch.cli.console import out
from tests.ablation.test_run import STUDY, unmeasured


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(out, "width", 400)
    monkeypatch.setattr("archsearch.ablation.run.measure_latencies", unmeasured)
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
    # the same again trains nothing, and prints it in another form
    ablate("s.yaml", "--format", "csv", "--quiet")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["variant"] for row in rows] == list(accuracies)
    ablate("s.yaml", "--format", "json", "--quiet")
    assert len(json.loads(capsys.readouterr().out)["rows"]) == 3
    with pytest.raises(SystemExit) as ended:
        main(["report", "s-digits"])
    assert not ended.value.code


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
    assert "what do pointwise attention among windows" in printed
    assert "digits_5ms" not in printed, "a search is no ablation"


def test_every_wrong_option_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    told = refused(capsys, "ablate", "s.yaml", "--format", "cvs", "--until-clear", "--limit", "0")
    assert len(told) == 3
    assert "--format: must be one of table, md, latex, csv, json, but got 'cvs'" in told[0]
    assert "did you mean 'csv'?" in told[0]


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["ablate", "s.yaml", "--seeds", "1"], "an interval needs at least 2 seeds, but got 1"),
        (["ablate", "s.yaml", "--scale", "smal"], "--scale: the study has no such scale"),
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

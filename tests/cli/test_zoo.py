"""``archsearch zoo``, its tables and its page."""

import io
import json

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from archsearch import zoo
from archsearch.cli.zoo import command
from archsearch.cost import current_environment
from archsearch.errors import InputError
from archsearch.record import LatencyResult
from archsearch.report.figures.zoo import draw_zoo, shown_rows
from archsearch.report.zoo_page import write_zoo_page
from archsearch.report.zoo_tables import comparison_table
from archsearch.zoo.published_comparison import Measured, Row
from archsearch.zoo.published_figures import published


def latency(median_ms, batch_size=1, verdict="steady"):
    return LatencyResult(
        median_ms=median_ms,
        p10_ms=median_ms,
        p90_ms=median_ms,
        interval_ms=(0.99 * median_ms, 1.01 * median_ms),
        num_inferences=100,
        num_warmup=5,
        batch_size=batch_size,
        threads=1,
        dtype="float32",
        memory_format="channels_last",
        runtime="eager",
        device="a CPU",
        environment="abc",
        reference_ratio=2.0,
        reference_drift=0.0,
        verdict=verdict,
    )


@pytest.fixture
def rows():
    made = []
    for index, model in enumerate(published()):
        measured = None
        if model.zoo or model.timm:
            measured = Measured(
                params=5_000_000,
                macs=1_250_000_000,
                latency=latency(10.0 + index, verdict="noisy" if index == 1 else "steady"),
                throughput=latency(100.0, batch_size=16),
            )
        made.append(Row(published=model, measured=measured))
    return made


@pytest.fixture
def app():
    made = typer.Typer()
    made.command()(command)
    return made


def lines(renderable, width=120):
    console = Console(width=width, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue().splitlines()


def test_comparison_shows_published_and_measured_and_leaves_gaps(rows):
    text = lines(comparison_table(rows))
    tiny = next(line for line in text if line.startswith("LightViT-T"))
    cells = "LightViT-T 78.7 S 9.4 OD 5.00 0.7 OD 0.781 C 1.250 10.0 2578 SD 160"
    assert " ".join(tiny.split()) == cells
    unknown = next(line for line in text if line.startswith("LVT"))
    assert " ".join(unknown.split()) == "LVT 74.8 S 5.5 S 0.9 S 1545 S"
    assert any("noisy" in line for line in text)
    assert "S: published review of the paper" in " ".join(text)


def test_figure_has_each_network_once_and_none_that_was_not_measured(rows):
    shown = shown_rows(rows)
    labels = [row.published.label for row in shown]
    assert labels.count("Swin-T") == 1
    assert "LVT" not in labels
    assert "LocalViT-T, ReLU6, expansion 6" not in labels  # no published accuracy
    drawing = draw_zoo(rows)
    assert sum(len(trace.x) for trace in drawing.figure.data) == len(shown)
    assert {trace.name for trace in drawing.figure.data} == {
        "LightViT", "EdgeViTs", "LocalViT", "SepViT", "others",
    }  # fmt: skip
    assert draw_zoo(rows[5:6]) is None


def test_page_is_whole_and_reaches_for_nothing(rows, tmp_path):
    page = write_zoo_page(rows, current_environment(), tmp_path / "zoo.html").read_text()
    assert "LightViT-T 78.7 % at 10.0 ms" in page
    assert "<script src=" not in page
    assert 'src="http' not in page
    with pytest.raises(ValueError, match="no row has both"):
        write_zoo_page([], current_environment(), tmp_path / "empty.html")


def test_command_lists_and_counts(app):
    done = CliRunner().invoke(app, ["lightvit_tiny", "deit_tiny", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["lightvit_tiny"]["params"] == 9_377_698
    listed = CliRunner().invoke(app, ["deit_tiny"]).stdout
    assert "deit_tiny" in listed
    assert "5.72 M" in listed
    assert "self_attention" in listed


def test_command_compares(app, rows, monkeypatch, tmp_path):
    monkeypatch.setattr("archsearch.cli.zoo.compare", lambda *args, **options: rows[:1])
    page = tmp_path / "zoo.html"
    done = CliRunner().invoke(app, ["--compare", "--json", "--page", str(page)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)[0]["published"]["label"] == "LightViT-T"
    assert page.is_file()


def test_command_offers_the_nearest_name(app):
    done = CliRunner().invoke(app, ["lightvit_tinny"])
    assert isinstance(done.exception, InputError)
    assert "did you mean 'lightvit_tiny'" in str(done.exception)
    assert zoo.names()

import sys
from pathlib import Path

import pytest

from archsearch.errors import InputError
from archsearch.report.layout import load_layout
from archsearch.report.notebook import run_figures
from tests.report.synthetic_run import synthetic_run

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


def test_frame_has_a_row_for_every_trial(usual):
    pytest.importorskip("pandas")
    frame = usual.frame()
    assert list(frame.index) == [trial.number for trial in usual.trials]
    assert frame.index.name == "trial"
    assert tuple(frame.index[frame.on_front]) == tuple(sorted(usual.front))
    done = frame[frame.state == "complete"]
    assert done.accuracy.notna().all()
    trial = usual.trials[usual.front[0]]
    row = frame.loc[trial.number]
    assert row.latency_ms == trial.latency_ms
    assert row["stages.0.depth"] == trial.choices["stages.0.depth"]
    assert row.seconds == pytest.approx(sum(m.seconds for m in trial.curve))


def test_a_run_without_trials_has_an_empty_frame():
    pytest.importorskip("pandas")
    frame = synthetic_run(0).frame()
    assert len(frame) == 0
    assert "accuracy" in frame


def test_a_missing_pandas_names_the_extra(usual, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match=r"pip install 'archsearch\[notebook\]'"):
        usual.frame()


def test_figures_are_those_of_the_page(usual):
    figures = usual.figures()
    assert {"front", "curves", "parallel", "choices", "time"} <= set(figures)
    assert figures.keys() == run_figures(usual).keys()
    assert all(hasattr(figure, "to_plotly_json") for figure in figures.values())
    with pytest.raises(InputError, match="there is no dashboard 'serach'"):
        run_figures(usual, "serach")
    assert load_layout().sections


@pytest.mark.slow
def test_the_example_runs():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in book.cells), "kept without outputs"
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": "."}}).execute()
    shown = [output for cell in book.cells for output in cell.get("outputs", ())]
    assert any("text/html" in output.get("data", {}) for output in shown)
    assert any("application/vnd.plotly.v1+json" in output.get("data", {}) for output in shown)

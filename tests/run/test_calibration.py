"""A calibration that came to nothing says why and what follows, in the terminal and the record."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from archsearch.arch import Arch
from archsearch.cost import GATE, Coverage, LatencyTable, TableKey, calibrate_table
from archsearch.cost.environment import current_environment
from archsearch.errors import NotQuietError, ProbeError, TrialError
from archsearch.record import LatencyPrediction
from archsearch.report.layout import load_layout
from archsearch.report.run_page import render_page
from archsearch.run import Execution, Place, SearchConfig, load_run, run_search
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.run.latency.run_table import prepare_table
from archsearch.space import load_space
from archsearch.train import Recipe
from tests.cost.test_latency_table import MadeUpProbe
from tests.run.conftest import Recorder

SPACE = load_space("tiny")
LIMIT_S = 20.0


class Failing(MadeUpProbe):
    """Fails on every network."""

    def breakdown(self, arch, names, protocol):
        raise TrialError("it needs more memory than there is")

    def measure(self, arch, protocol):
        raise TrialError("it needs more memory than there is")


class Calibrator:
    """Calibrates with a made-up probe, or not at all."""

    def __init__(
        self, table: LatencyTable, calibrate: Callable[[LatencyTable, Sequence[Arch]], Coverage]
    ) -> None:
        self._table, self._calibrate = table, calibrate

    def calibrate(self, archs: Sequence[Arch], limit_s: float) -> Coverage:
        return self._calibrate(self._table, archs)

    def predict(self, arch: Arch) -> LatencyPrediction | None:
        return None


def raising(error: Exception) -> Callable[[LatencyTable, Sequence[Arch]], Coverage]:
    def calibrate(table: LatencyTable, archs: Sequence[Arch]) -> Coverage:
        raise error

    return calibrate


def by(
    probe: Callable[..., MadeUpProbe], limit_s: float = LIMIT_S, **options: float
) -> Callable[[LatencyTable, Sequence[Arch]], Coverage]:
    def calibrate(table: LatencyTable, archs: Sequence[Arch]) -> Coverage:
        made = probe(table.key, **options)
        return calibrate_table(table, made, archs[:12], time_limit_s=limit_s)

    return calibrate


#: how a calibration comes to nothing, and words that say why
CASES = {
    "busy machine": (by(MadeUpProbe, drift=0.4), "the machine was busy beside"),
    "no time": (by(MadeUpProbe, limit_s=0.0), "20 s were enough for 0 networks"),
    "networks fail": (by(Failing), "because it needs more memory than there is"),
    "no pause": (raising(NotQuietError("another run did not pause")), "did not pause"),
    "no probe": (raising(ProbeError("the probe ended")), "the probe ended"),
}


def prepared(calibrate: Callable[[LatencyTable, Sequence[Arch]], Coverage]) -> tuple[str, Recorder]:
    table = LatencyTable(TableKey.of(current_environment(), GATE, threads=1))
    listener = Recorder()
    measurer = Calibrator(table, calibrate)
    guess = LatencyRegression(SPACE)
    note = prepare_table(table, SPACE, measurer, guess, LIMIT_S, 0, listener)  # type: ignore[arg-type]
    return note, listener


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("name", CASES)
def test_the_note_says_why_and_what_follows(name: str) -> None:
    calibrate, why = CASES[name]
    note, _ = prepared(calibrate)
    assert why in note
    assert "every candidate is measured" in note


def test_a_calibration_that_taught_something_is_no_note() -> None:
    note, listener = prepared(by(MadeUpProbe))
    assert note == ""
    assert any(line.startswith("calibrated: ") for line in listener.lines)


def test_what_is_missing_is_explained() -> None:
    coverage = Coverage(10, 3, 9, 30.0, disturbed=4, failed=2, failure="of a reason", is_late=True)
    why = coverage.shortfall(30.0)
    for words in ("busy beside 4 of 10", "2 of 10 networks could not", "of a reason", "30 s were"):
        assert words in why
    assert Coverage(10, 9, 9, 30.0, disturbed=4, is_late=True).shortfall(30.0) == ""


def test_terminal_record_and_page_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def calibrate(self: LatencyMeasurer, archs: Sequence[Arch], limit_s: float) -> Coverage:
        raise NotQuietError("another run did not pause within 20 s")

    monkeypatch.setattr(LatencyMeasurer, "calibrate", calibrate)
    monkeypatch.setattr("archsearch.run.latency.measurement.FINAL", GATE)
    monkeypatch.setattr("archsearch.run.final.latency_confirmation.WAITS_S", ())
    config = SearchConfig(
        space="tiny",
        limit=100,
        recipe=Recipe(epochs=1, batch_size=50, warmup_epochs=0),
        execution=Execution(trials=1, executor="inline", calibration_s=LIMIT_S, front_seeds=0),
    )
    listener = Recorder()
    record = run_search(config, Place("a", str(tmp_path)), listener)
    (note,) = (each for each in record.notes if "calibration" in each)
    assert "did not pause within 20 s" in note
    assert note in listener.lines
    assert load_run("a", tmp_path).notes == record.notes
    assert "did not pause within 20 s" in render_page(record, load_layout("search"))
    assert all(trial.latency is not None for trial in record.trials)
    assert np.isfinite(record.wall_s)

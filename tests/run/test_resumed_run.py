"""Real runs, interrupted and resumed: what they say of themselves, in terminal and log."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from archsearch.arch import Arch
from archsearch.cost import Coverage, calibrate_table
from archsearch.run import Execution, Place, SearchConfig, cost_plan, load_run, progress, run_search
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.run.status import SearchStatus
from archsearch.train import Recipe
from tests.brief_measurements import make_brief
from tests.cost.test_latency_table import MadeUpProbe
from tests.run.conftest import Recorder

TRIALS = 3


class Interrupting(Recorder):
    """Interrupts the run like Ctrl-C at the first snapshot that ``when`` accepts."""

    def __init__(self, when: Callable[[SearchStatus], bool]) -> None:
        super().__init__()
        self._when = when

    def status(self, status: SearchStatus) -> None:
        super().status(status)
        if self._when(status):
            raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_brief(monkeypatch)
    monkeypatch.setattr(progress, "_STATUS_EVERY_S", 0.0)
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))


def search(
    folder: Path,
    listener: Recorder | None = None,
    *,
    calibration_s: float = 0,
    front_seeds: int = 0,
    name: str = "a",
) -> list[str]:
    """Run or resume; return the lines of the terminal."""
    config = SearchConfig(
        space="tiny",
        limit=60,
        early_stopping=False,
        rungs=None,
        recipe=Recipe(epochs=3, batch_size=20, warmup_epochs=0),
        execution=Execution(
            trials=TRIALS,
            executor="inline",
            calibration_s=calibration_s,
            front_seeds=front_seeds,
        ),
    )
    listener = listener or Recorder()
    run_search(config, Place(name, str(folder)), listener)
    return listener.lines


def interrupted(folder: Path, when: Callable[[SearchStatus], bool], **more: object) -> Interrupting:
    listener = Interrupting(when)
    with pytest.raises(KeyboardInterrupt):
        search(folder, listener, **more)  # type: ignore[arg-type]
    return listener


def test_what_was_interrupted_is_counted_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = interrupted(tmp_path, lambda s: s.trained == 1 and s.running == 1, front_seeds=2)
    assert any(line.startswith("one epoch of a median candidate") for line in first.lines)
    # the training speed is known: it is not timed again
    monkeypatch.setattr(cost_plan, "epoch_cost", lambda prepared: pytest.fail("timed again"))
    second = interrupted(
        tmp_path, lambda s: s.phase == "training the front again" and s.trained > 0, front_seeds=2
    )
    (resumed,) = (line for line in second.lines if line.startswith("resuming"))
    assert re.fullmatch(
        r"resuming: 1 of 3 candidates are trained; 1 was interrupted in training and starts again"
        r"(; 1 was proposed, but not begun)?",
        resumed,
    )
    (cost,) = (line for line in second.lines if line.startswith("one epoch of a median candidate"))
    assert "; 2 candidates x 3 epochs" in cost
    assert all(each.trained <= each.trials for each in second.snapshots)
    # all candidates are trained: nothing of the search was interrupted
    third = search(tmp_path, front_seeds=2)
    assert [line for line in third if line.startswith("resuming")] == [
        "resuming: 3 of 3 candidates are trained"
    ]
    assert not any("interrupted" in line for line in third)
    seeds = [each for each in second.snapshots if each.phase == "training the front again"]
    assert all(each.remaining_s is not None for each in seeds)
    assert all(len(trial.other_seeds) in (0, 2) for trial in load_run("a", tmp_path).trials)


def test_the_log_has_the_lines_of_the_terminal_with_their_times(tmp_path: Path) -> None:
    lines = search(tmp_path, front_seeds=1)
    log = (tmp_path / "a" / "run.log").read_text(encoding="utf-8").splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line) for line in log)
    said = [line.partition(" archsearch.run: ")[2] for line in log]
    assert [line for line in said if line in lines] == lines
    assert lines
    (end,) = (line for line in log if "ended after " in line)
    front = ", ".join(str(number) for number in load_run("a", tmp_path).front)
    assert end.endswith(f"trials on the front: {front}")


@pytest.mark.slow
def test_a_table_is_calibrated_once_and_then_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibrations = 0

    def calibrate(self: LatencyMeasurer, archs: Sequence[Arch], limit_s: float) -> Coverage:
        nonlocal calibrations
        calibrations += 1
        assert self._table is not None
        # few networks: much of the space stays unknown, as after a short calibration
        return calibrate_table(self._table, MadeUpProbe(self._table.key), archs[:3])

    monkeypatch.setattr(LatencyMeasurer, "calibrate", calibrate)
    first = interrupted(tmp_path, lambda s: s.trained == 1, calibration_s=20)
    counts = r"it knows (\d+) of (\d+) sub-blocks of tiny"
    (line,) = (each for each in first.lines if each.startswith("calibrating the latency table"))
    assert re.search(rf", for at most 20 s: {counts}", line)
    second = search(tmp_path, calibration_s=20)
    assert calibrations == 1
    (line,) = (each for each in second if each.startswith("using the latency table"))
    known, parts = map(int, re.search(counts, line).groups())  # type: ignore[union-attr]
    assert 0 < known <= parts
    assert not any(each.startswith("calibrating") for each in second)
    assert "%" not in line

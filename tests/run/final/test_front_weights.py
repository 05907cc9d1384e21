"""Weights are there before a trial has ended, and lost ones are made again."""

from pathlib import Path

import pytest

from archsearch.run import Execution, Place, SearchConfig, load_run, run_search
from archsearch.run.network_evaluator import NetworkEvaluator
from archsearch.search.study_store import StudyStore
from archsearch.train import Recipe
from tests.brief_measurements import make_brief
from tests.faults.recorded_latencies import RecordedProbe
from tests.run.conftest import Recorder


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_brief(monkeypatch)
    monkeypatch.setattr("archsearch.run.session.Probe", RecordedProbe)
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))


def search(folder: Path, trials: int = 3, rungs: tuple[int, ...] | None = None) -> list[str]:
    config = SearchConfig(
        space="tiny",
        limit=60,
        early_stopping=False,
        rungs=rungs,
        recipe=Recipe(epochs=2, batch_size=20, warmup_epochs=0),
        execution=Execution(trials=trials, executor="inline", calibration_s=0, front_seeds=0),
    )
    listener = Recorder()
    run_search(config, Place("a", str(folder)), listener)
    return listener.lines


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "a" / "checkpoints").iterdir()}


def test_no_trial_has_ended_before_its_weights_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = StudyStore.tell

    def checked(self: StudyStore, evaluation, attributes) -> None:  # type: ignore[no-untyped-def]
        if evaluation.state == "complete":
            name = f"{evaluation.digest[:16]}.safetensors"
            assert (tmp_path / "a" / "checkpoints" / name).is_file()
        told(self, evaluation, attributes)

    monkeypatch.setattr(StudyStore, "tell", checked)
    search(tmp_path)
    assert all(trial.checkpoint for trial in load_run("a", tmp_path).trials if trial.test_accuracy)


@pytest.mark.parametrize("rungs", [None, (1,)])
def test_lost_weights_are_made_again_bit_for_bit(
    tmp_path: Path, rungs: tuple[int, ...] | None
) -> None:
    search(tmp_path, rungs=rungs)
    before, run = weights(tmp_path), load_run("a", tmp_path)
    assert before
    for name in before:
        (tmp_path / "a" / "checkpoints" / name).unlink()
    lines = search(tmp_path, rungs=rungs)
    assert any("missing" in line and "trained again" in line for line in lines)
    assert not any("where it reached" in line for line in lines)
    assert weights(tmp_path) == before
    again = load_run("a", tmp_path)
    assert [trial.test_accuracy for trial in again.trials] == [
        trial.test_accuracy for trial in run.trials
    ]
    assert not any("missing" in line for line in search(tmp_path, rungs=rungs))


def test_a_full_disk_under_the_weights_loses_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: NetworkEvaluator, trial: object, event: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "a"))

    with monkeypatch.context() as patch:
        patch.setattr(NetworkEvaluator, "_keep_weights", full)
        with pytest.raises(OSError, match="No space"):
            search(tmp_path)
    search(tmp_path)
    run = load_run("a", tmp_path)
    assert [trial.number for trial in run.trials] == [0, 1, 2]
    assert all(run.trials[number].test_accuracy is not None for number in run.front)

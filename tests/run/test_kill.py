"""SIGKILL of the driver, of a worker and of the probe in the middle of a real run."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from archsearch.analysis import best_guesses
from archsearch.run import load_run
from tests.brief_measurements import COMMAND

TRIALS = 6
ENDED = ("COMPLETE", "PRUNED")


class Driver:
    """`archsearch run` in a process of its own."""

    def __init__(
        self,
        runs: Path,
        executor: str,
        front_seeds: int = 0,
        rungs: str = "",
        trials: int = TRIALS,
    ) -> None:
        self.folder = runs / "killed"
        self.trials = trials
        command = [
            *COMMAND,
            "run",
            "tiny",
            *("--trials", str(trials), "--epochs", "4", "--no-early-stopping", "--limit", "600"),
            *("--calibration", "0"),
            *("--front-seeds", str(front_seeds)),
            *(("--rungs", rungs) if rungs else ()),
            *("--executor", executor, *(("--workers", "2") if executor == "ray" else ())),
            *("--name", "killed", "--runs-dir", str(runs)),
        ]
        self.log = runs / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=runs)

    def wait_for(self, ready: Callable[[], bool], every_s: float = 0.02) -> None:
        deadline = time.monotonic() + 600
        while not ready():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(every_s)

    def finish(self) -> None:
        assert self.process.wait(600) == 0, self.said()

    def said(self) -> str:
        return self.log.read_text()

    def num_ended(self) -> int:
        """Return how many trials have ended; a look costs a millisecond."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder}/study.db?mode=ro", uri=True)) as db:
                (ended,) = db.execute(f"SELECT COUNT(*) FROM trials WHERE state IN {ENDED}")
        except sqlite3.OperationalError:  # the study is being created
            return 0
        return int(ended[0])

    def trained(self) -> dict[str, int]:
        """Return digest to trial number of every finished, trained trial."""
        if self.num_ended() == 0:
            return {}
        run = load_run(self.folder)
        return {trial.digest: trial.number for trial in run.trials if trial.curve}

    def seeds(self) -> set[tuple[int, int, float | None, float]]:
        """Return what is known of trainings with other seeds: trial, seed, accuracy, seconds."""
        if self.num_ended() < self.trials:
            return set()
        run = load_run(self.folder)
        return {
            (trial.number, each.seed, each.accuracy, each.seconds)
            for trial in run.trials
            for each in trial.other_seeds
        }

    def find(self, *words: str) -> psutil.Process | None:
        """Return a process below the driver whose command line holds one of ``words``."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = " ".join(child.cmdline())
            except psutil.Error:
                continue
            if any(word in line for word in words):
                return child
        return None

    def kill_all(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)


def check_whole(driver: Driver, known_before: dict[str, int]) -> None:
    """No finished trial lost or trained again, none RUNNING, and the run is complete."""
    run = load_run(driver.folder)
    trained = [trial for trial in run.trials if trial.curve]
    assert len({trial.digest for trial in trained}) == len(trained) == driver.trials
    # one that was paused has the number of its last rung
    assert known_before.keys() <= {trial.digest for trial in trained}
    study = optuna.load_study(
        study_name="killed", storage=f"sqlite:///{driver.folder / 'study.db'}"
    )
    assert all(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
    failed = [trial for trial in run.trials if trial.state == "failed"]
    assert not failed, [trial.reason for trial in failed]
    assert (driver.folder / "front.json").exists()
    assert (driver.folder / "report.html").exists()


# Ray with two workers is what most runs use
@pytest.mark.slow
@pytest.mark.parametrize("executor", ["ray", "inline"])
def test_a_killed_driver_goes_on(tmp_path: Path, executor: str) -> None:
    first = Driver(tmp_path, executor, trials=4)
    try:
        first.wait_for(lambda: first.num_ended() >= 1)
    finally:
        first.kill_all()
    before = first.trained()
    assert 1 <= len(before) < 4
    study = optuna.load_study(study_name="killed", storage=f"sqlite:///{first.folder / 'study.db'}")
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    assert TrialState.RUNNING in states, "the kill should leave trials in flight"
    second = Driver(tmp_path, executor, trials=4)
    try:
        second.finish()
    finally:
        second.kill_all()
    check_whole(second, before)


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_a_driver_killed_among_rungs_goes_on(tmp_path: Path, executor: str) -> None:
    def went_on(driver: Driver) -> dict[str, int]:
        """Return digest to number of the candidates that went past the first rung."""
        run = load_run(driver.folder) if driver.trained() else None
        trials = run.trials if run is not None else ()
        return {trial.digest: trial.number for trial in trials if len(trial.curve) > 1}

    first = Driver(tmp_path, executor, rungs="1,2")
    try:
        first.wait_for(lambda: len(went_on(first)) >= 1, every_s=0.1)
    finally:
        first.kill_all()
    before = went_on(first)
    second = Driver(tmp_path, executor, rungs="1,2")
    try:
        second.finish()
    finally:
        second.kill_all()
    check_whole(second, {})
    # what has gone up has not begun again
    assert before.keys() <= went_on(second).keys()
    lengths = [len(trial.curve) for trial in load_run(second.folder).trials if trial.curve]
    assert 1 <= lengths.count(4) < TRIALS
    assert set(lengths) <= {1, 2, 4}


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    driver = Driver(tmp_path, "ray")
    try:
        driver.wait_for(lambda: driver.num_ended() >= 1)
        worker = driver.find("ray::RayWorker", "ray::archsearch")
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        driver.finish()
    finally:
        driver.kill_all()
    check_whole(driver, {})
    assert "its worker died" in (driver.folder / "run.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_a_killed_probe_is_replaced(tmp_path: Path, executor: str) -> None:
    driver = Driver(tmp_path, executor, trials=4)
    try:
        driver.wait_for(lambda: driver.find("probe_process") is not None)
        driver.wait_for(lambda: driver.num_ended() >= 1)
        probe = driver.find("probe_process")
        assert probe is not None
        os.kill(probe.pid, signal.SIGKILL)
        driver.finish()
    finally:
        driver.kill_all()
    check_whole(driver, {})


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_a_driver_killed_while_it_trains_the_front_again_goes_on(
    tmp_path: Path, executor: str
) -> None:
    first = Driver(tmp_path, executor, front_seeds=4)
    try:
        first.wait_for(lambda: len(first.seeds()) >= 2, every_s=0.1)
    finally:
        first.kill_all()
    before, latencies = first.seeds(), final_latencies(first)
    on_front = set(load_run(first.folder).front)
    assert 2 <= len(before) < 4 * len(on_front)
    assert set(latencies) >= on_front
    second = Driver(tmp_path, executor, front_seeds=4)
    try:
        second.finish()
    finally:
        second.kill_all()
    check_whole(second, {})
    # the same seconds: what was trained was not trained again
    assert before < second.seeds()
    run = load_run(second.folder)
    # one that was paused has the number of its last rung
    wanted = best_guesses(trial for trial in run.trials if trial.number in run.front)
    assert {pair[:2] for pair in second.seeds()} == {
        (trial.number, seed) for trial in wanted for seed in range(1, 5)
    }
    # nor was the front measured again
    assert final_latencies(second) == latencies


def final_latencies(driver: Driver) -> dict[int, float]:
    run = load_run(driver.folder)
    return {t.number: t.final_latency.median_ms for t in run.trials if t.final_latency}

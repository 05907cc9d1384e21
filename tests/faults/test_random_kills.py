"""SIGKILL of the whole process at random moments of a real run, from its start to its end."""

import hashlib
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from archsearch.run import load_run
from tests.faults.recorded_latencies import COMMAND

#: kills of one run; `ARCHSEARCH_TEST_KILLS` asks for another number
KILLS = int(os.environ.get("ARCHSEARCH_TEST_KILLS", "10"))
OPTIONS = [
    *("--trials", "8", "--epochs", "3", "--limit", "400", "--calibration", "0"),
    *("--front-seeds", "1", "--executor", "inline"),
]


def begin(runs: Path, name: str, *more: str) -> "subprocess.Popen[bytes]":
    command = [*COMMAND, "run", "tiny", *OPTIONS, *more, "--name", name, "--runs-dir", str(runs)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (runs / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd=runs, env=environment, start_new_session=True
        )


def contents(folder: Path) -> dict[str, Any]:
    """Return everything of a run that does not tell of time."""
    run = load_run(folder)
    trials = [
        (
            trial.number,
            trial.digest,
            trial.state,
            trial.reason,
            trial.accuracy,
            trial.test_accuracy,
            [(each.train_loss, each.accuracy, each.val_loss) for each in trial.curve],
            None if trial.latency is None else trial.latency.median_ms,
            None if trial.final_latency is None else trial.final_latency.median_ms,
            [(each.seed, each.accuracy) for each in trial.other_seeds],
            trial.inherited,
        )
        for trial in run.trials
    ]
    weights = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "checkpoints").iterdir()
    }
    points = json.loads((folder / "front.json").read_text())
    return {"trials": trials, "front": list(run.front), "weights": weights, "points": len(points)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        (),
        ("--rungs", "1"),
        ("--budget-macs", "450000"),
        ("--inherit", "run"),
        ("--inherit", "run", "--rungs", "none"),
    ],
    ids=str,
)
def test_killed_and_resumed_it_is_the_run_that_was_not_killed(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    began = time.monotonic()
    # each in a folder of its own: runs beside each other share trainings
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    assert begin(tmp_path / "whole", "whole", *more).wait(600) == 0, (
        tmp_path / "whole" / "whole.log"
    ).read_text()
    took = time.monotonic() - began
    rng = random.Random(str(more))
    told: set[str] = set()
    kills = 0
    while True:
        process = begin(tmp_path / "killed", "killed", *more)
        limit = 0.15 * took + rng.random() * 0.6 * took if kills < KILLS else 600
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert code == 0, (tmp_path / "killed" / "killed.log").read_text()
            if kills >= KILLS:
                break
            # it ended before all kills: the next run begins anew
            compare(tmp_path)
            (tmp_path / "killed").rename(tmp_path / f"ended{kills}")
            (tmp_path / "killed").mkdir()
            told = set()
            continue
        now = trained(tmp_path / "killed" / "killed")
        assert told <= now, "what was told is lost"
        told = now
    compare(tmp_path)


def trained(folder: Path) -> set[str]:
    if not (folder / "study.db").is_file() or not (folder / "config.yaml").is_file():
        return set()
    try:
        return {trial.digest for trial in load_run(folder).trials if trial.curve}
    except Exception as error:
        if "has no finished trial" in str(error) or "study" in str(error):
            return set()
        raise


def compare(runs: Path) -> None:
    found, expected = (contents(runs / name / name) for name in ("killed", "whole"))
    for name in expected:
        assert found[name] == expected[name], name
    assert not list((runs / "killed").rglob(".*.partial"))

"""SIGKILL in the middle of an ablation: the same command gives the table it would have given."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.ablation.test_session import STUDY
from tests.brief_measurements import COMMAND


def command(runs: Path, name: str, executor: str) -> list[str]:
    return [
        *(*COMMAND, "ablate", str(runs / "s.yaml"), "--seeds", "3", "--executor", executor),
        *("--name", name, "--runs-dir", str(runs / name), "--format", "csv"),
    ]


def outcome(runs: Path, name: str) -> list[dict[str, Any]]:
    """Return all that does not hang on a clock."""
    record = json.loads((runs / name / name / "ablation.json").read_text())
    return [
        {
            "name": variant["name"],
            "accuracies": variant["accuracies"],
            "losses": {s: [e["train_loss"] for e in c] for s, c in variant["curves"].items()},
        }
        for variant in record["variants"]
    ]


def trained(runs: Path, name: str) -> int:
    return len(list((runs / name / ".trainings").glob("*.json")))


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "ray"])
def test_a_killed_ablation_goes_on(tmp_path: Path, executor: str) -> None:
    (tmp_path / "s.yaml").write_text(STUDY.replace("limit: 120", "limit: 1000"))
    subprocess.run(command(tmp_path, "whole", "inline"), check=True, capture_output=True)
    process = subprocess.Popen(
        command(tmp_path, "killed", executor), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 600
        while trained(tmp_path, "killed") < 3:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait(30)
    before = trained(tmp_path, "killed")
    assert before < 9
    subprocess.run(command(tmp_path, "killed", executor), check=True, capture_output=True)
    assert trained(tmp_path, "killed") == 9
    assert outcome(tmp_path, "killed") == outcome(tmp_path, "whole")

"""Ray's workers: what their processes import, and what happens when Ray is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray

from archsearch.cluster.executor import PoolOptions
from archsearch.cluster.ray_start import start_ray


@pytest.mark.slow
def test_a_worker_takes_nothing_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "statistics", "timm", "archsearch", "json", "types"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken')\n")
    monkeypatch.chdir(tmp_path)
    ray.shutdown()
    before = os.environ.get("PYTHONSAFEPATH")
    try:
        start_ray(PoolOptions(num_workers=1), 0)

        def look() -> tuple[list[str], str]:
            import random
            import statistics  # noqa: F401

            import archsearch

            return sys.path, f"{random.__file__} {archsearch.__file__}"

        path, files = ray.get(ray.remote(look).remote())
    finally:
        ray.shutdown()
    assert str(tmp_path) not in path
    assert "" not in path
    assert str(tmp_path) not in files
    assert os.environ.get("PYTHONSAFEPATH") == before, "only Ray's own processes start so"


GOES_ON = """
import sys
from pathlib import Path

import psutil

from archsearch.cluster import Driver, PoolOptions, Trainings, TrainingStore
from archsearch.cluster.job import Job
from archsearch.train import Recipe
from tests.cluster.drivers import few_digits, small_archs


def kill_raylet(event=None):
    for each in psutil.Process().children(recursive=True):
        if each.name() == "raylet" and (event is not None or sys.argv[2] == "idle"):
            each.kill()
            each.wait(10)


trainings = Trainings(TrainingStore(Path(sys.argv[1])), few_digits())
jobs = [Job(number, arch, Recipe(epochs=3), 0) for number, arch in enumerate(small_archs(3))]
ended = []
with Driver("ray", few_digits(), PoolOptions(1), trainings, say=print) as driver:
    driver.start()
    kill_raylet()
    driver.train(jobs, ended.append, watch=kill_raylet)
print("trained", [len(each.training.curve) for each in ended])
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["idle", "training"])
def test_this_process_goes_on_when_the_raylet_is_killed(when: str, tmp_path: Path) -> None:
    # in a process of its own: Ray's library ends the one that uses its object store after that
    command = [sys.executable, "-c", GOES_ON, str(tmp_path), when]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "trained [3, 3, 3]" in done.stdout
    if when == "idle":
        assert "raylet, has ended. Training in this process instead" in done.stdout

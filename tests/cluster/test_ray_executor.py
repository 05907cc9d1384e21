"""Ray's workers beside a user's files: nothing of the working directory hides Python's own."""

import os
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

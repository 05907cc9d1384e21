"""Is a latency measured during a search that of an idle machine?

    python benchmarks/quiet_run.py [--repeats 8] [--workers 2] [--model timm:mobilenetv3_small_100]

One network is measured ``--repeats`` times by turns in three states: *idle* before and after,
*in a run* while a real search (space ``lightweight``, the embedded digits) trains on all workers
and rests for the measurement, as it rests for its own, and *beside it* without that agreement,
which is what a measurement by hand would see. Printed: the latency in each state, its ratio to
idle with a bootstrap interval, and how long the workers took to rest.
"""

import argparse
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import torch

from archsearch.cluster import machine_lock
from archsearch.cost import FINAL, Probe, current_environment
from archsearch.record import LatencyResult

#: seconds of training between two measurements in a run
_BETWEEN_S = 3.0
_START_LIMIT_S = 300.0
_RESAMPLES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="timm:mobilenetv3_small_100")
    options = parser.parse_args()
    print(
        f"{current_environment('cpu').device}, {os.cpu_count()} cores, {platform.system()}, "
        f"torch {torch.__version__}; {options.model}, {options.workers} workers, "
        f"n = {options.repeats} measurements in each state"
    )
    found: dict[str, list[LatencyResult]] = {"idle": [], "in a run": [], "beside it": []}
    waited: list[float] = []
    with Probe("cpu", 1) as probe, tempfile.TemporaryDirectory() as runs:
        probe.calibrate()
        half = max(1, options.repeats // 2)
        found["idle"] += [probe.measure(options.model, FINAL) for _ in range(half)]
        with training(Path(runs), options.workers):
            for _ in range(options.repeats):
                time.sleep(_BETWEEN_S)
                with machine_lock().measuring() as seconds:
                    found["in a run"].append(probe.measure(options.model, FINAL))
                waited.append(seconds)
                found["beside it"].append(probe.measure(options.model, FINAL))
        time.sleep(_BETWEEN_S)
        found["idle"] += [probe.measure(options.model, FINAL) for _ in range(half)]
    idle = [each.alone_ms for each in found["idle"]]
    for state, results in found.items():
        report(state, results, idle)
    print(
        f"workers rested after {statistics.median(waited):.2f} s (median; "
        f"at most {max(waited):.2f} s)"
    )


def report(state: str, results: list[LatencyResult], idle: list[float]) -> None:
    """Print latency, verdicts and ratio to idle of one state."""
    times = np.array([each.alone_ms for each in results])
    verdicts = [each.verdict for each in results]
    counts = ", ".join(f"{verdicts.count(each)} {each}" for each in sorted(set(verdicts)))
    print(
        f"{state:10} {np.median(times):8.3f} ms, CV {times.std(ddof=1) / times.mean():6.2%}; "
        f"{counts}; to idle {np.median(times) / np.median(idle):.3f} {interval(times, idle)}"
    )


def interval(times: np.ndarray, idle: list[float]) -> str:
    """Return the bootstrap interval of the ratio of medians, 95 %."""
    rng = np.random.default_rng(0)
    above = np.median(rng.choice(times, (_RESAMPLES, len(times))), axis=1)
    below = np.median(rng.choice(np.array(idle), (_RESAMPLES, len(idle))), axis=1)
    low, high = np.quantile(above / below, [0.025, 0.975])
    return f"[{low:.3f}, {high:.3f}]"


@contextmanager
def training(runs: Path, workers: int) -> Iterator[None]:
    """Have a search train on all workers meanwhile."""
    command = [
        *(sys.executable, "-m", "archsearch", "run", "lightweight", "--quiet"),
        *("--trials", "1000", "--epochs", "1000", "--no-early-stopping", "--calibration", "0"),
        *("--workers", str(workers), "--name", "beside", "--runs-dir", str(runs)),
    ]
    with (runs / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_busy(process, workers)
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def wait_until_busy(process: "subprocess.Popen[bytes]", workers: int) -> None:
    """Return when every worker trains."""
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit("the run ended before it was measured beside")
        children = psutil.Process(process.pid).children(recursive=True)
        names = [each for each in children if "RayWorker" in " ".join(command_line(each))]
        before = {each.pid: cpu_seconds(each) for each in names}
        time.sleep(2.0)
        busy = [each for each in names if cpu_seconds(each) - before[each.pid] > 1.0]
        if len(busy) >= workers:
            return
    raise SystemExit(f"the workers did not train within {_START_LIMIT_S:.0f} s")


def command_line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def cpu_seconds(process: psutil.Process) -> float:
    try:
        return float(process.cpu_times().user)
    except psutil.Error:
        return 0.0


if __name__ == "__main__":
    main()

"""What the first command of the README ends with: the front, its spread, its cost.

    python benchmarks/first_front.py [--seeds 0 1 2 3 4] [--runs-dir runs-first]

Runs the command of the README once for each seed, and prints for each the points of the front, the
factor in latency from the fastest to the slowest, the accuracies of the fastest and of the best
with their 95 % intervals, and the wall and CPU seconds of all processes. Then it says for how many
seeds the front has 5 points over a factor of 3, and the intervals of fastest and best do not
overlap. A run that is there goes on; its seconds are those of this call.
"""

import argparse
import json
import platform
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import torch

from archsearch.machine import usable_cores

ROOT = Path(__file__).parents[1]
_POLL_S = 1.0


def main() -> None:
    """Run every seed, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs-dir", type=Path, default=Path("runs-first"))
    options = parser.parse_args()
    words = _readme_command()
    print(
        f"{' '.join(words)}\n{platform.processor() or platform.machine()}, {usable_cores()} cores, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
    met = 0
    for seed in options.seeds:
        name = f"seed-{seed}"
        command = [*words[1:], "--seed", str(seed), "--name", name]
        wall_s, cpu_s = _run([*command, "--runs-dir", str(options.runs_dir), "--quiet"])
        points = json.loads((options.runs_dir / name / "front.json").read_text(encoding="utf-8"))
        met += _print_front(seed, points, wall_s, cpu_s)
    print(
        f"5 points over a factor of 3, fastest and best apart: {met} of {len(options.seeds)} seeds"
    )


def _readme_command() -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"&& (archsearch run .*)", text)
    assert found, "README.md opens with a run"
    return found[1].split()


def _run(arguments: list[str]) -> tuple[float, float]:
    """Return wall and CPU seconds; processes that end between two looks lose up to a second."""
    begin = time.monotonic()
    process = psutil.Popen([sys.executable, "-m", "archsearch", *arguments], cwd=ROOT)
    spent: dict[tuple[int, float], float] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_POLL_S):
            try:
                for each in (process, *process.children(recursive=True)):
                    times = each.cpu_times()
                    spent[each.pid, each.create_time()] = times.user + times.system
            except psutil.NoSuchProcess:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        if process.wait():
            raise SystemExit(f"archsearch ended with exit code {process.returncode}")
    finally:
        ended.set()
        thread.join()
    return time.monotonic() - begin, sum(spent.values())


def _print_front(seed: int, points: list[dict[str, Any]], wall_s: float, cpu_s: float) -> bool:
    """Print what a run ended with; return whether it is what a first run should show."""
    print(f"seed {seed}: {len(points)} points, {wall_s:.0f} s, {cpu_s:.0f} CPU s")
    if not points:
        return False
    fastest, best = points[0], max(points, key=lambda point: point["accuracy"])
    factor = points[-1]["latency_ms"] / fastest["latency_ms"]
    for what, point in (("fastest", fastest), ("best", best)):
        low, high = point["accuracy_interval"]
        print(
            f"  {what} {point['latency_ms']:.2f} ms, {100 * point['accuracy']:.1f} % "
            f"({100 * low:.1f} to {100 * high:.1f})"
        )
    print(
        f"  factor {factor:.1f}; "
        + ", ".join(f"{p['latency_ms']:.2f}: {100 * p['accuracy']:.1f}" for p in points)
    )
    apart = fastest["accuracy_interval"][1] < best["accuracy_interval"][0]
    return len(points) >= 5 and factor >= 3 and apart


if __name__ == "__main__":
    main()

"""How fast are the zoo's networks: against the papers' code, or against timm's deit_tiny?

    python benchmarks/zoo_speed.py [--official FOLDER] [--instructions avx2]
        [--models NAME ...] [--columns COLUMN ...] [--blocks 15] [--json FILE]

Images of 224 pixels, one thread, float32. Inference: batch 1. Training: batch 8, forward,
cross entropy, backward, AdamW. Two processes run in turns, with an allocator that keeps its
memory; each block of ours stands between two blocks of the other side, and their ratio needs no
quiet machine, only one that does not change within a second.

With ``--official`` the other side is the network of the same name from the papers' repositories;
FOLDER holds clones of them and their versions of timm (`official_networks.py` names them).
Printed: the median of official over ours (gain), and its quartiles. A network that cannot be
built is named with its error. Without ``--official``: ours over `deit_tiny_patch16_224`.

What the gain is depends on the processor, above all on the rate of the two matrix products that
the first lines print: PyTorch's own, and oneDNN's. ``--instructions avx2`` limits PyTorch, MKL and
oneDNN, on both sides, to what a processor without AVX-512 has.

Columns: ``inference``, ``training`` (eager), ``torch`` (eager inference by PyTorch's own matrix
product), and what can be done to a finished model of ours (the official side stays eager):
``folded`` (batch norms), ``compiled`` (folded, then torch.compile with frozen weights), ``onnx``
(folded, then ONNX Runtime).
"""

import argparse
import contextlib
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from official_networks import OFFICIAL
from zoo_worker import PRODUCT

COLUMNS = ("inference", "training", "torch", "folded", "compiled", "onnx")
#: a block is as many steps as fill this time
BLOCK_S = 0.15
LIMITS = {
    "native": {},
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
}
_ALLOCATOR_BYTES = "1000000000"
_WORKER = Path(__file__).parent / "zoo_worker.py"


def main() -> None:
    options = arguments()
    processor = described(options)
    print(first_line(processor))
    print(f"{options.blocks} pairs of blocks a cell, each of at least {BLOCK_S:g} s")
    results: dict[str, dict[str, Any]] = {}
    for column in options.columns:
        for name in options.models:
            try:
                measured: dict[str, Any] = interleaved(name, column, options)
            except WorkerError as error:
                measured = {"error": str(error)}
            results.setdefault(name, {})[column] = measured
            print(line(name, column, measured), flush=True)
            if options.json:
                written = {"processor": processor, "against": against(options), "results": results}
                options.json.write_text(json.dumps(written, indent=1) + "\n")
    print()
    print(table(results, options.columns))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(OFFICIAL), choices=list(OFFICIAL))
    parser.add_argument("--columns", nargs="+", default=list(COLUMNS), choices=COLUMNS)
    parser.add_argument("--blocks", type=int, default=15)
    parser.add_argument("--instructions", default="native", choices=list(LIMITS))
    parser.add_argument("--json", type=Path, help="write the results here too")
    parser.add_argument("--code", help="measure the archsearch of this folder")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--official", type=Path, help="compare with the clones in this folder")
    other.add_argument("--before", help="compare with the archsearch of this folder")
    options = parser.parse_args()
    if options.official and not options.official.is_dir():
        parser.error(f"--official: {options.official} is no folder")
    return options


def against(options: argparse.Namespace) -> str:
    if options.official:
        return "official"
    return "before" if options.before else "deit_tiny"


# ---- the workers ----


class WorkerError(Exception):
    """A worker process ended."""


class Process:
    """A worker process that times steps of one network on request."""

    def __init__(self, side: str, name: str, column: str, environment: dict[str, str]) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), side, name, column],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self.steps = 1

    def fill_block(self) -> None:
        """Set how many steps a block takes."""
        self.steps = max(1, math.ceil(BLOCK_S / self.seconds()))

    def seconds(self) -> float:
        """Return the seconds of a step, the mean of a block."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{self.steps}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        for answer in self._process.stdout:
            if answer.startswith("seconds "):
                return float(answer.split()[1])
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        raise WorkerError(lines[-1][:200] if lines else "the worker ended")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, with the request unread
            self._process.stdin.close()
        self._process.wait()
        self._log.close()


def environment(options: argparse.Namespace, code: str | None = None) -> dict[str, str]:
    """Return the environment of a worker that measures the archsearch of ``code``."""
    paths = [code or str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    return (
        os.environ
        | LIMITS[options.instructions]
        | {
            "MALLOC_TRIM_THRESHOLD_": _ALLOCATOR_BYTES,
            "MALLOC_MMAP_THRESHOLD_": _ALLOCATOR_BYTES,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
    )


def interleaved(name: str, column: str, options: argparse.Namespace) -> dict[str, float]:
    """Measure our network by turns with the other side.

    Return quartiles of the ratio and medians of a step in ms. The ratio is that of each of our
    blocks to the mean of the two around it; against the official network, its inverse.
    """
    eager = "training" if column == "training" else "inference"
    ours = Process("ours", name, column, environment(options, options.code))
    if options.official:
        side = str(options.official.resolve())
        other = Process(side, name, eager, environment(options))
    elif options.before:
        other = Process("ours", name, column, environment(options, options.before))
    else:
        other = Process("deit", name, eager, environment(options))
    try:
        ours.fill_block()
        other.fill_block()
        times, others = [], [other.seconds()]
        for _ in range(options.blocks):
            times.append(ours.seconds())
            others.append(other.seconds())
    finally:
        ours.close()
        other.close()
    around = [(before + after) / 2 for before, after in itertools.pairwise(others)]
    ratios = [own / both for own, both in zip(times, around, strict=True)]
    if options.official:
        ratios = [1 / ratio for ratio in ratios]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "gain" if options.official else "ratio": round(middle, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "n": len(ratios),
        "ms": round(1e3 * statistics.median(times), 3),
        "other_ms": round(1e3 * statistics.median(others), 3),
    }


# ---- what is printed ----


def described(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `zoo_worker.processor` measures under the limits of the run."""
    said = subprocess.run(
        [sys.executable, str(_WORKER), "processor"],
        env=environment(options, options.code),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    processor: dict[str, Any] = json.loads(said.splitlines()[-1])
    return processor


def first_line(processor: dict[str, Any]) -> str:
    product = "{} x {} times {} x {}".format(*PRODUCT[:2], *PRODUCT[1:])
    return (
        f"{processor['cpu']}, {processor['cores']} cores (load {os.getloadavg()[0]:.1f}), "
        f"one thread, torch {processor['torch']}\n"
        f"PyTorch: {processor['torch_instructions']}, {processor['torch_gflops']:.0f} GFLOP/s; "
        f"oneDNN: {processor['onednn_instructions']}, {processor['onednn_gflops']:.0f} GFLOP/s "
        f"({product}); kernels=auto is {processor['kernels']}"
    )


def line(name: str, column: str, measured: dict[str, Any]) -> str:
    if "error" in measured:
        return f"{name:14} {column:10} failed: {measured['error']}"
    kind = "gain" if "gain" in measured else "ratio"
    return (
        f"{name:14} {column:10} {kind} {measured[kind]:.3f} "
        f"({measured['low']:.3f}-{measured['high']:.3f}, n = {measured['n']}; "
        f"{measured['ms']:.1f} ms, other {measured['other_ms']:.1f} ms)"
    )


def table(results: dict[str, dict[str, Any]], columns: list[str]) -> str:
    """Return a Markdown table: for each column our time, the other side's, the ratio."""
    rows = [["model"], ["---"], *([name] for name in results), ["geometric mean"]]
    for column in columns:
        cells = [results[name][column] for name in results]
        good = [cell for cell in cells if "error" not in cell]
        kind = "gain" if good and "gain" in good[0] else "ratio"
        rows[0] += [f"{column}, ms", "other, ms", f"{kind} (quartiles)"]
        rows[1] += ["---"] * 3
        for row, cell in zip(rows[2:-1], cells, strict=True):
            row += cell_of(cell, kind)
        mean = f"{statistics.geometric_mean(cell[kind] for cell in good):.2f}" if good else "-"
        rows[-1] += ["", "", mean]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cell_of(cell: dict[str, Any], kind: str) -> list[str]:
    if "error" in cell:
        return ["-", "-", "-"]
    spread = f"{cell[kind]:.2f} ({cell['low']:.2f}-{cell['high']:.2f})"
    return [f"{cell['ms']:.1f}", f"{cell['other_ms']:.1f}", spread]


if __name__ == "__main__":
    main()

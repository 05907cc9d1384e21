"""How fast are the zoo's networks, as ratios to timm's deit_tiny_patch16_224?

    python benchmarks/zoo_speed.py [--models NAME ...] [--columns COLUMN ...] [--blocks 15]

Images of 224 pixels, one thread, float32. Inference: batch 1. Training: batch 8, forward,
cross entropy, backward, AdamW. Two processes run in turns, deit_tiny's and the network's, with an
allocator that keeps its memory; each block of one stands between two blocks of the other, and
their ratio needs no quiet machine, only one that does not change within a second. Printed: the
median of the ratios and how far the middle half of them spreads; the ratio of the papers' code
measured the same way on another machine; the quotient of the two (gain); and the multiply-adds as
a ratio, below which no network gets whose matrix products run at deit_tiny's rate.

Columns: ``inference``, ``training`` (eager), ``torch`` (eager inference by PyTorch's own matrix
product), and what can be done to a finished model: ``folded`` (batch norms), ``compiled``
(folded, then torch.compile with frozen weights), ``onnx`` (folded, then ONNX Runtime).
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REFERENCE = "deit_tiny_patch16_224"
#: the papers' code: inference, training, multiply-adds, all as ratios to deit_tiny
OFFICIAL = {
    "lightvit_tiny": (1.06, 0.94, 0.62),
    "edgevit_xxs": (0.76, 0.69, 0.44),
    "edgevit_xs": (1.13, 1.16, 0.90),
    "sepvit_lite": (0.71, 0.62, 0.46),
    "sepvit_tiny": (3.64, 3.74, 3.60),
    "localvit_tiny": (1.32, 1.35, 1.02),
    "localvit_pvt": (2.16, 2.52, 1.60),
    "localvit_swin": (4.10, 4.47, 3.65),
    "localvit_t2t": (1.19, 1.28, 0.93),
    "localvit_tnt": (1.96, 1.81, 1.14),
}
COLUMNS = ("inference", "training", "torch", "folded", "compiled", "onnx")
#: a block is as many steps as fill this time
BLOCK_S = 0.15
_ALLOCATOR_BYTES = "1000000000"


def main() -> None:
    options = arguments()
    if options.worker:
        work(*options.worker)
        return
    print(machine())
    print(f"{options.blocks} pairs of blocks a cell, each of at least {BLOCK_S:g} s")
    results: dict[str, dict[str, Any]] = {}
    for column in options.columns:
        kind = "training" if column == "training" else "inference"
        with_reference = Process(REFERENCE, kind, options.code)
        for name in options.models:
            try:
                measured = interleaved(with_reference, name, column, options)
            except WorkerError as error:
                measured = {"error": str(error)}
            results.setdefault(name, {})[column] = measured
            print(line(name, column, measured), flush=True)
            if options.json:
                request = {"machine": machine(), "results": results}
                options.json.write_text(json.dumps(request, indent=1))
        with_reference.close()
    print()
    print(table(results, options.columns))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(OFFICIAL), choices=list(OFFICIAL))
    parser.add_argument("--columns", nargs="+", default=list(COLUMNS), choices=COLUMNS)
    parser.add_argument("--blocks", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write the results here too")
    parser.add_argument("--code", help="measure the archsearch of this folder")
    parser.add_argument(
        "--before", help="compare with the archsearch of this folder instead of deit_tiny"
    )
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


# ---- the driver ----


class WorkerError(Exception):
    """A worker process ended."""


class Process:
    """A worker process that times steps of one network on request."""

    def __init__(self, name: str, column: str, code: str | None = None) -> None:
        paths = [code or str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        environment = os.environ | {
            "MALLOC_TRIM_THRESHOLD_": _ALLOCATOR_BYTES,
            "MALLOC_MMAP_THRESHOLD_": _ALLOCATOR_BYTES,
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        }
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--worker", name, column],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self.steps = 1
        seconds = self.seconds(1)
        self.steps = max(1, math.ceil(BLOCK_S / seconds))

    def seconds(self, steps: int | None = None) -> float:
        """Return the seconds of a step, the mean of a block."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{steps or self.steps}\n")
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
        self._process.stdin.close()
        self._process.wait()
        self._log.close()


def interleaved(
    reference: Process, name: str, column: str, options: argparse.Namespace
) -> dict[str, float]:
    """Return what the blocks of the network took, as ratios to the reference's around them."""
    network = Process(name, column, options.code)
    other = Process(name, column, options.before) if options.before else reference
    ratios, times = [], []
    before = other.seconds()
    for _ in range(options.blocks):
        taken = network.seconds()
        after = other.seconds()
        times.append(taken)
        ratios.append(2 * taken / (before + after))
        before = after
    network.close()
    if other is not reference:
        other.close()
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "ratio": middle,
        "low": low,
        "high": high,
        "n": len(ratios),
        "ms": 1e3 * statistics.median(times),
    }


def line(name: str, column: str, measured: dict[str, Any]) -> str:
    if "error" in measured:
        return f"{name:14} {column:10} failed: {measured['error']}"
    return (
        f"{name:14} {column:10} {measured['ratio']:.3f} "
        f"({measured['low']:.3f}-{measured['high']:.3f}, n = {measured['n']}, "
        f"{measured['ms']:.1f} ms)"
    )


def table(results: dict[str, dict[str, Any]], columns: list[str]) -> str:
    """Return a Markdown table: for each column the ratio and the gain over the papers' code."""
    head = ["model", "MACs"]
    for column in columns:
        head += [column, "official", "gain"] if column == "training" else [column, "gain"]
        if column == "inference":
            head.insert(len(head) - 1, "official")
    rows = [head, ["---"] * len(head)]
    gains: dict[str, list[float]] = {column: [] for column in columns}
    for name, cells in results.items():
        inference, training, floor = OFFICIAL[name]
        row = [name, f"{floor:.2f}"]
        for column in columns:
            official = training if column == "training" else inference
            ratio = cells[column].get("ratio")
            if ratio:
                gains[column].append(official / ratio)
            shown = [f"{ratio:.2f}" if ratio else "-"]
            if column in ("inference", "training"):
                shown.append(f"{official:.2f}")
            row += [*shown, f"{official / ratio:.2f}" if ratio else "-"]
        rows.append(row)
    rows.append(["geometric mean", ""])
    for column in columns:
        empty = ["", ""] if column in ("inference", "training") else [""]
        mean = statistics.geometric_mean(gains[column]) if gains[column] else math.nan
        rows[-1] += [*empty, f"{mean:.2f}"]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def machine() -> str:
    import timm
    import torch

    cpu = next(
        (
            row.split(":")[1].strip()
            for row in Path("/proc/cpuinfo").read_text().splitlines()
            if row.startswith("model name")
        ),
        "unknown CPU",
    )
    load = os.getloadavg()[0]
    return (
        f"{cpu}, {os.cpu_count()} cores (load {load:.1f}), one thread, "
        f"torch {torch.__version__}, timm {timm.__version__}"
    )


# ---- the workers ----


def work(name: str, column: str) -> None:
    """Build the network, then answer every number of steps with the seconds of one."""
    step = stepper(name, column)
    for _ in range(3):
        step()
    for request in sys.stdin:
        steps = int(request)
        start = time.perf_counter()
        for _ in range(steps):
            step()
        print("seconds", (time.perf_counter() - start) / steps, flush=True)


def stepper(name: str, column: str) -> Callable[[], object]:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = built(name, "torch" if column in ("torch", "compiled", "onnx") else "auto")
    if column == "training":
        return trainer(network)
    network.eval()
    images = torch.randn(1, 3, 224, 224)
    if column in ("folded", "compiled", "onnx"):
        from archsearch.model import fuse

        network = fuse(network)
    if column == "onnx":
        from archsearch.cost.runtimes.onnx import prepare_onnxruntime

        return prepare_onnxruntime(network, images, 1)
    if column == "compiled":
        import torch._inductor.config

        torch._inductor.config.freezing = True
        network = torch.compile(network, dynamic=False, fullgraph=True)

    def infer() -> None:
        with torch.no_grad():
            network(images)

    return infer


def built(name: str, kernels: str) -> Any:
    if name == REFERENCE:
        import timm

        return timm.create_model(name)
    from archsearch import zoo

    return zoo.build(name, kernels=kernels)  # type: ignore[arg-type]


def trainer(network: Any) -> Callable[[], None]:
    import torch
    from torch.nn.functional import cross_entropy

    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    images, labels = torch.randn(8, 3, 224, 224), torch.randint(0, 1000, (8,))

    def train() -> None:
        optimizer.zero_grad()
        cross_entropy(network(images), labels).backward()
        optimizer.step()

    return train


if __name__ == "__main__":
    main()

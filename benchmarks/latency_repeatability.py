"""Does the probe give the same number twice, and does it know when it cannot?

    python benchmarks/latency_repeatability.py [--device cpu] [--repeats 8] [--batch 1] [--quick]

Every model is measured ``--repeats`` times, each time by a fresh probe process (a new memory
layout, a new calibration): on the machine as it is, which should be idle, and, on a CPU, beside a
neighbour process that multiplies matrices on every core. Printed for each model: median, the
coefficient of variation of the repeats, and beside the neighbour the deviation from the idle
median of every result that was called steady. Beside it the same models timed as Archai's ONNX
evaluator does it: the mean of n runs by ONNX Runtime, without warm-up (needs the extra ``onnx``).

Results go to benchmarks/results/ with device and versions.
"""

import argparse
import importlib
import importlib.util
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from archsearch.cost import FINAL, LatencyProtocol, Probe, current_environment
from archsearch.record import LatencyResult

MODELS = (
    "mobilenetv3_small_100",
    "mobilenetv2_100",
    "efficientnet_b0",
    "deit_tiny_patch16_224",
    "swin_tiny_patch4_window7_224",
)
ARCHAI_RUNS = (1, 15)
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    options = arguments()
    environment = current_environment(options.device)
    print(f"{environment.device}, torch {environment.torch}, {options.repeats} repeats")
    protocol = FINAL.model_copy(
        update={"batch_size": options.batch, "runtime": options.runtime, "mode": options.mode}
    )
    if options.quick:
        protocol = protocol.model_copy(update={"min_blocks": 8, "time_limit_s": 1.0})
    idle = repeat(options, protocol)
    report("idle", idle)
    loaded: dict[str, list[LatencyResult]] = {}
    if options.device == "cpu":
        with neighbour(os.cpu_count() or 1):
            loaded = repeat(options, protocol)
        report_loaded(idle, loaded)
    archai = archai_style(options) if options.device == "cpu" else {}
    for (name, runs), times in archai.items():
        print(f"  archai style, mean of {runs:2d}: {name:32s} {line(times)}")
    save(options, environment.model_dump(mode="json"), idle, loaded, archai)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--mode", default="latency")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--quick", action="store_true", help="short measurements, to try it out")
    return parser.parse_args()


def repeat(
    options: argparse.Namespace, protocol: LatencyProtocol
) -> dict[str, list[LatencyResult]]:
    """Measure every model once in each of several fresh probe processes."""
    results: dict[str, list[LatencyResult]] = {name: [] for name in options.models}
    for _ in range(options.repeats):
        with Probe(options.device, options.threads) as probe:
            probe.calibrate()
            for name in options.models:
                results[name].append(probe.measure(f"timm:{name}", protocol))
    return results


def variation(values: list[float]) -> float:
    """Return the coefficient of variation."""
    return statistics.stdev(values) / statistics.mean(values) if len(values) > 1 else 0.0


def line(values: list[float]) -> str:
    return f"{statistics.median(values):8.3f} ms, CV {variation(values):6.2%}"


def report(title: str, results: dict[str, list[LatencyResult]]) -> None:
    print(title)
    for name, each in results.items():
        verdicts = [result.verdict for result in each]
        counts = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
        print(f"  {name:32s} {line([result.alone_ms for result in each])} {counts}")


def report_loaded(
    idle: dict[str, list[LatencyResult]], loaded: dict[str, list[LatencyResult]]
) -> None:
    print("beside a neighbour on every core")
    for name, each in loaded.items():
        truth = statistics.median(result.alone_ms for result in idle[name])
        steady = [result.alone_ms / truth - 1 for result in each if result.verdict == "steady"]
        wrong = [deviation for deviation in steady if abs(deviation) > 0.03]
        worst = f"worst {max(steady, key=abs):+.1%}" if steady else ""
        print(
            f"  {name:32s} {len(steady)} of {len(each)} called steady, {len(wrong)} of them "
            f"off by more than 3 % {worst}"
        )


@contextmanager
def neighbour(cores: int) -> Iterator[None]:
    """Keep every core busy with other processes."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_burn, daemon=True) for _ in range(cores)]
    for process in processes:
        process.start()
    time.sleep(5.0)  # until they have imported what they need
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _burn() -> None:
    torch.set_num_threads(1)
    square = torch.randn(512, 512)
    while True:
        square = (square @ square).tanh()


def archai_style(options: argparse.Namespace) -> dict[tuple[str, int], list[float]]:
    """Time sessions of ONNX Runtime: the mean of n runs, without warm-up."""
    if any(importlib.util.find_spec(name) is None for name in ("onnxruntime", "onnxscript")):
        print("  (archai style left out: the extra onnx is not installed)")
        return {}
    onnxruntime: Any = importlib.import_module("onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    times: dict[tuple[str, int], list[float]] = {}
    for name in options.models:
        model = timm.create_model(name, exportable=True).eval()
        shape = model.default_cfg["input_size"]
        images = torch.randn(options.batch, *shape)
        with tempfile.TemporaryDirectory() as folder:
            file = str(Path(folder) / "model.onnx")
            torch.onnx.export(model, (images,), file, dynamo=True, verbose=False)
            for runs in ARCHAI_RUNS:
                times[name, runs] = []
                for _ in range(options.repeats):
                    session = onnxruntime.InferenceSession(file, settings)
                    feed = {session.get_inputs()[0].name: images.numpy()}
                    spent = []
                    for _ in range(runs):
                        begun = time.perf_counter()
                        session.run(None, feed)
                        spent.append(1000 * (time.perf_counter() - begun))
                    times[name, runs].append(float(np.mean(spent)))
    return times


def save(
    options: argparse.Namespace,
    environment: dict[str, Any],
    idle: dict[str, list[LatencyResult]],
    loaded: dict[str, list[LatencyResult]],
    archai: dict[tuple[str, int], list[float]],
) -> None:
    RESULTS.mkdir(exist_ok=True)
    name = f"latency_repeatability-{options.device}-b{options.batch}-{options.runtime}.json"
    path = RESULTS / name.replace(":", "")
    data = {
        "environment": environment,
        "options": vars(options),
        "idle": {key: [r.model_dump(mode="json") for r in each] for key, each in idle.items()},
        "loaded": {key: [r.model_dump(mode="json") for r in each] for key, each in loaded.items()},
        "archai_mean_ms": {f"{key} x{runs}": each for (key, runs), each in archai.items()},
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()

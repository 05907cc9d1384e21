"""How well does the latency table predict networks that it has never seen?

    python benchmarks/latency_table.py [--space lightweight] [--limit 180] [--held-out 50] [--busy]

Calibrates a fresh table of the space within ``--limit`` seconds, with ``--busy`` beside a neighbour
that multiplies matrices on every core. Then it measures random architectures that took no part in
it, without the neighbour, in two fresh processes (``--sessions``), and compares: rank correlation,
mean absolute error and bias of the table, and of a straight line over MACs and over parameters
(each fitted to all the measured architectures but the one it predicts, which flatters it: the
table has seen none of them); how many measurements lie in the predicted interval; and, over
budgets at each tenth of the measured latencies, how many networks the table would refuse, and how
many of those keep the budget.

Results go to benchmarks/results/ with device and versions: JSON, and an SVG of the scatter.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from latency_repeatability import neighbour
from numpy.typing import NDArray
from scipy.stats import spearmanr

from archsearch.arch import Arch
from archsearch.cost import (
    FINAL,
    GATE,
    Coverage,
    LatencyTable,
    Prediction,
    Probe,
    TableKey,
    calibrate_table,
    count_arch,
    current_environment,
)
from archsearch.run.latency.run_table import ENOUGH_KNOWN
from archsearch.space import load_space

RESULTS = Path(__file__).parent / "results"
Vector = NDArray[np.float64]


def main() -> None:
    options = arguments()
    space = load_space(options.space)
    rng = np.random.default_rng(options.seed)
    pool = [space.arch(space.sample(rng)) for _ in range(options.pool)]
    digests = {arch.digest for arch in pool}
    test: list[Arch] = []
    while len(test) < options.held_out:
        arch = space.arch(space.sample(rng))
        if arch.digest not in digests:
            test.append(arch)
            digests.add(arch.digest)
    environment = current_environment(options.device)
    update = {"batch_size": options.batch, "runtime": options.runtime, "dtype": options.dtype}
    gate, final = GATE.model_copy(update=update), FINAL.model_copy(update=update)
    beside = neighbour(os.cpu_count() or 1) if options.busy else nullcontext()
    with beside, Probe(options.device, options.threads) as probe:
        table = LatencyTable(TableKey.of(environment, gate, options.threads))
        probe.calibrate()
        coverage = calibrate_table(
            table, probe, pool, protocol=gate, time_limit_s=options.limit, on_progress=progress
        )
        print(
            f"\ncalibrated in {coverage.seconds:.0f} s: {coverage.networks} networks, "
            f"{coverage.known} of {coverage.parts} parts"
        )
    sessions = []
    for _ in range(options.sessions):
        with Probe(options.device, options.threads) as probe:
            sessions.append([probe.measure(arch, final) for arch in test])
    begun = time.perf_counter()
    predictions = [table.predict(arch) for arch in test]
    per_prediction_ms = 1000 * (time.perf_counter() - begun) / len(test)
    single = np.array([[result.alone_ms for result in results] for results in sessions])
    measured = np.exp(np.log(single).mean(axis=0))
    counts = [count_arch(arch) for arch in test]
    rows = {
        "table": np.array([prediction.ms for prediction in predictions]),
        "MACs": left_out_line(np.array([float(count.macs) for count in counts]), measured),
        "params": left_out_line(np.array([float(count.params) for count in counts]), measured),
    }
    ends = np.array([prediction.interval_ms for prediction in predictions])
    inside = float(np.mean((ends[:, 0] <= single) & (single <= ends[:, 1])))
    refused, wrongly = refusals(predictions, measured)
    verdicts = [result.verdict for results in sessions for result in results]
    print(
        f"{len(test)} held-out networks, median {np.median(measured):.3f} ms, "
        f"{verdicts.count('steady')} of {len(verdicts)} measurements steady; "
        f"{per_prediction_ms:.2f} ms a prediction; {inside:.0%} of measurements within the "
        f"predicted interval; over 9 budgets {refused} refusals, {wrongly} of a network within it"
    )
    scores = {name: score(predicted, measured) for name, predicted in rows.items()}
    for name, (rho, error, bias) in scores.items():
        print(f"  {name:7s} Spearman {rho:.4f}, mean absolute error {error:.2%}, bias {bias:+.1%}")
    name = f"latency_table-{space.name}-{options.device}-b{options.batch}-{options.runtime}"
    if options.dtype != "float32":
        name += f"-{options.dtype}"
    name += "-calibrated-busy" if options.busy else ""
    path = RESULTS / name.replace(":", "")
    RESULTS.mkdir(exist_ok=True)
    data = {
        "environment": environment.model_dump(mode="json"),
        "options": vars(options),
        "calibration": vars(coverage),
        "scores": {
            key: {"spearman": rho, "mean_abs_error": error, "bias": bias}
            for key, (rho, error, bias) in scores.items()
        },
        "within_interval": inside,
        "refused": refused,
        "refused_within_budget": wrongly,
        "measured_ms": single.tolist(),
        "verdicts": verdicts,
        "predicted_ms": {key: values.tolist() for key, values in rows.items()},
    }
    path.with_suffix(".json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    path.with_suffix(".svg").write_text(scatter(rows, measured), encoding="utf-8")
    print(f"written to {path}.json and .svg")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", default="lightweight")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--runtime", default="eager")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--limit", type=float, default=180.0, help="seconds of calibration")
    parser.add_argument("--pool", type=int, default=800, help="architectures to choose from")
    parser.add_argument("--held-out", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=2, help="of the held-out networks")
    parser.add_argument("--busy", action="store_true", help="calibrate beside a busy neighbour")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def progress(coverage: Coverage) -> None:
    if coverage.networks % 20 == 0:
        print(
            f"\r{coverage.seconds:5.0f} s, {coverage.networks} networks, "
            f"{coverage.known} of {coverage.parts} parts",
            end="",
            flush=True,
        )


def left_out_line(feature: Vector, measured: Vector) -> Vector:
    """Predict each value by a straight line through all the others."""
    predicted = np.empty_like(measured)
    for index in range(len(measured)):
        others = np.arange(len(measured)) != index
        slope, offset = np.polyfit(feature[others], measured[others], 1)
        predicted[index] = offset + slope * feature[index]
    return predicted


def refusals(predictions: Sequence[Prediction], measured: Vector) -> tuple[int, int]:
    """Return how often a network is refused over nine budgets, and how often it was within."""
    refused = wrongly = 0
    for budget in np.quantile(measured, np.linspace(0.1, 0.9, 9)):
        for prediction, ms in zip(predictions, measured, strict=True):
            if prediction.interval_ms[0] > budget and prediction.known_share >= ENOUGH_KNOWN:
                refused += 1
                wrongly += bool(ms <= budget)
    return refused, wrongly


def score(predicted: Vector, measured: Vector) -> tuple[float, float, float]:
    """Return Spearman's rank correlation, mean absolute relative error, and median bias."""
    rho = float(spearmanr(predicted, measured).statistic)
    error = float(np.mean(np.abs(predicted / measured - 1)))
    return rho, error, float(np.exp(np.median(np.log(predicted / measured))) - 1)


def scatter(rows: dict[str, Vector], measured: Vector) -> str:
    """Draw predicted over measured latency, one panel for each predictor."""
    size, gap = 260, 50
    top = 1.05 * max(float(measured.max()), *(float(row.max()) for row in rows.values()))

    def at(value: float) -> float:
        return size * max(0.0, float(value)) / top

    panels = []
    for place, (name, predicted) in enumerate(rows.items()):
        rho, error, _ = score(predicted, measured)
        dots = "".join(
            f'<circle cx="{at(x):.1f}" cy="{size - at(y):.1f}" r="3" fill="#1f6feb" '
            f'fill-opacity="0.6"/>'
            for x, y in zip(measured, predicted, strict=True)
        )
        panels.append(
            f'<g transform="translate({gap + place * (size + gap)},{gap})">'
            f'<text y="-12" font-size="13">{name}: Spearman {rho:.3f}, error {error:.1%}</text>'
            f'<rect width="{size}" height="{size}" fill="none" stroke="#999"/>'
            f'<line x1="0" y1="{size}" x2="{size}" y2="0" stroke="#999"/>{dots}'
            f'<text y="{size + 18}" font-size="11">measured, 0 to {top:.1f} ms</text>'
            f'<text transform="translate(-8,{size}) rotate(-90)" font-size="11">predicted</text>'
            "</g>"
        )
    width, height = gap + len(rows) * (size + gap), size + 2 * gap
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif">{"".join(panels)}</svg>\n'
    )


if __name__ == "__main__":
    main()

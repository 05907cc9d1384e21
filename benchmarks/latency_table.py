"""How well does the latency table predict networks that it has never seen?

    python benchmarks/latency_table.py [--space lightweight] [--limit 180] [--held-out 50]

Calibrates a fresh table of the space within ``--limit`` seconds, then measures random
architectures that took no part in it, and compares: rank correlation and mean absolute error of
the table, and of a straight line over MACs and over parameters (each fitted to all the measured
architectures but the one it predicts, which flatters it: the table has seen none of them).

Results go to benchmarks/results/ with device and versions: JSON, and an SVG of the scatter.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from archsearch.arch import Arch
from archsearch.cost import (
    FINAL,
    GATE,
    Coverage,
    LatencyTable,
    Probe,
    TableKey,
    calibrate_table,
    count_arch,
    current_environment,
)
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
    update = {"batch_size": options.batch, "runtime": options.runtime}
    gate, final = GATE.model_copy(update=update), FINAL.model_copy(update=update)
    with Probe(options.device, options.threads) as probe:
        table = LatencyTable(TableKey.of(environment, gate, options.threads))
        probe.calibrate()
        coverage = calibrate_table(
            table, probe, pool, protocol=gate, time_limit_s=options.limit, on_progress=progress
        )
        print(
            f"\ncalibrated in {coverage.seconds:.0f} s: {coverage.networks} networks, "
            f"{coverage.known} of {coverage.parts} parts"
        )
        results = [probe.measure(arch, final) for arch in test]
    begun = time.perf_counter()
    predictions = [table.predict(arch) for arch in test]
    per_prediction_ms = 1000 * (time.perf_counter() - begun) / len(test)
    measured = np.array([result.median_ms for result in results])
    counts = [count_arch(arch) for arch in test]
    rows = {
        "table": np.array([prediction.ms for prediction in predictions]),
        "MACs": left_out_line(np.array([float(count.macs) for count in counts]), measured),
        "params": left_out_line(np.array([float(count.params) for count in counts]), measured),
    }
    inside = np.mean(
        [
            prediction.interval_ms[0] <= ms <= prediction.interval_ms[1]
            for prediction, ms in zip(predictions, measured, strict=True)
        ]
    )
    verdicts = [result.verdict for result in results]
    print(
        f"{len(test)} held-out networks, median {np.median(measured):.3f} ms, "
        f"{verdicts.count('steady')} measured steady; {per_prediction_ms:.2f} ms a prediction; "
        f"{inside:.0%} within the 95 % interval"
    )
    scores = {name: score(predicted, measured) for name, predicted in rows.items()}
    for name, (rho, error) in scores.items():
        print(f"  {name:7s} Spearman {rho:.4f}, mean absolute error {error:.2%}")
    name = f"latency_table-{space.name}-{options.device}-b{options.batch}-{options.runtime}"
    path = RESULTS / name.replace(":", "")
    RESULTS.mkdir(exist_ok=True)
    data = {
        "environment": environment.model_dump(mode="json"),
        "options": vars(options),
        "calibration": vars(coverage),
        "scores": {key: {"spearman": r, "mean_abs_error": e} for key, (r, e) in scores.items()},
        "within_interval": float(inside),
        "measured_ms": measured.tolist(),
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
    parser.add_argument("--limit", type=float, default=180.0, help="seconds of calibration")
    parser.add_argument("--pool", type=int, default=800, help="architectures to choose from")
    parser.add_argument("--held-out", type=int, default=50)
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


def score(predicted: Vector, measured: Vector) -> tuple[float, float]:
    """Return Spearman's rank correlation and the mean absolute relative error."""
    rho = float(spearmanr(predicted, measured).statistic)
    return rho, float(np.mean(np.abs(predicted / measured - 1)))


def scatter(rows: dict[str, Vector], measured: Vector) -> str:
    """Draw predicted over measured latency, one panel for each predictor."""
    size, gap = 260, 50
    top = 1.05 * max(float(measured.max()), *(float(row.max()) for row in rows.values()))

    def at(value: float) -> float:
        return size * max(0.0, float(value)) / top

    panels = []
    for place, (name, predicted) in enumerate(rows.items()):
        rho, error = score(predicted, measured)
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

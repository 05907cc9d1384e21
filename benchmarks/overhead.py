"""How much of the workers' time is training, over a whole run of a search.

    python benchmarks/overhead.py [--trials 24] [--seconds 8] [--workers 2]

Runs a real search on the embedded digits (space ``lightweight``, 5 ms, no early stopping) with
as many epochs as make a trial last about ``--seconds``, and prints where the time of the workers
went, from the moment they were ready to the last finished trial; what comes before and after
(starting Ray and the probe, the final measurement, the test) is printed beside it.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import optuna
import ray
import torch

from archsearch.arch import summary
from archsearch.record import RunRecord
from archsearch.run import (
    Budgets,
    Execution,
    Place,
    SearchConfig,
    SearchStatus,
    prepare,
    run_search,
)
from archsearch.run.cost_plan import epoch_cost
from archsearch.train import default_recipe


class Lines:
    """Prints what the run says."""

    def status(self, status: SearchStatus) -> None:
        """Ignore progress."""

    def line(self, text: str) -> None:
        """Print a line."""
        print(f"  {text}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=8.0, help="of one trial")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--budget-ms", type=float, default=5.0)
    options = parser.parse_args()

    config = SearchConfig(
        space="lightweight",
        budgets=Budgets(latency_ms=options.budget_ms),
        early_stopping=False,
        execution=Execution(trials=options.trials, workers=options.workers, front_seeds=0),
    )
    with tempfile.TemporaryDirectory() as runs:
        place = Place("overhead", runs)
        cost = epoch_cost(prepare(config, place))
        epochs = max(1, round(options.seconds / cost.seconds))
        recipe = default_recipe("digits").model_copy(
            update={"epochs": epochs, "warmup_epochs": min(1.0, epochs / 4)}
        )
        config = config.model_copy(update={"recipe": recipe})
        began = time.perf_counter()
        run = run_search(config, place, Lines())
        wall = time.perf_counter() - began
        show(run, wall, options.workers, epochs)
        size = sum(path.stat().st_size for path in Path(runs).rglob("*") if path.is_file())
    print(f"run folder {size / 2**20:.1f} MiB")


def show(run: RunRecord, wall: float, workers: int, epochs: int) -> None:
    """Print the evidence."""
    environment = run.environment
    times = run.time_by_cause
    pool = sum(times[cause] for cause in ("training", "paused", "setup", "idle", "lost"))
    trained = [trial for trial in run.trials if trial.curve]
    seconds = [sum(metrics.seconds for metrics in trial.curve) for trial in trained]
    quartiles = statistics.quantiles(seconds, n=4)
    print(f"\n{environment.cpu}, {environment.cores} cores, {platform.system()}")
    print(
        f"python {environment.python}, torch {torch.__version__}, ray {ray.__version__}, ", end=""
    )
    print(f"optuna {optuna.__version__}")
    print(
        f"n = {len(trained)} trials of {epochs} epochs, median {statistics.median(seconds):.1f} s "
        f"(quartiles {quartiles[0]:.1f} to {quartiles[2]:.1f}), {workers} workers; "
        f"{sum(trial.state == 'infeasible' for trial in run.trials)} over budget"
    )
    print(f"worker time {pool:.1f} s since the workers were ready:")
    for cause in ("training", "paused", "setup", "idle", "lost"):
        print(f"  {cause:10} {times[cause]:8.1f} s  {times[cause] / pool:6.1%}")
    print(
        f"driver: measuring {times['measuring']:.1f} s, waiting for quiet "
        f"{times['waiting_for_quiet']:.1f} s"
    )
    outside = wall - pool / workers
    print(
        f"wall {wall:.1f} s, of which before the workers were ready and after the search "
        f"{outside:.1f} s"
    )
    print(f"training share of worker time: {times['training'] / pool:.3f} (goal 0.90)")
    print(
        f"training share of worker time, whole wall clock: {times['training'] / wall / workers:.3f}"
    )
    print(json.dumps({"example": summary(trained[0].arch)}))


if __name__ == "__main__":
    main()

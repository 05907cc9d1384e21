"""How much of the true front a search finds on a table of real trainings: NAS-Bench-Macro.

    python benchmarks/search_quality.py nas-bench-macro.json [--seeds 20] [--trials 200]

The table holds every network of a space of 6,561 (8 layers, 3 choices each; Su et al. 2021) with
its accuracy on CIFAR-10, mean of three seeds, and its FLOPs. Two objectives: error and MFLOPs,
reference point 15 % and 106 MFLOPs. Printed for each method: the share of the exact front's
hypervolume after so many evaluations, over seeds, and how many evaluations were repeats. Ours is
run through `archsearch.search`, the rivals through plain Optuna. In columns "known" the FLOPs are
given as a function beforehand, as latency is in a run.

With a budget on FLOPs: regret, the table's best accuracy under it minus the best found.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import optuna
from scipy.stats import t as student
from scipy.stats import wilcoxon

import archsearch
from archsearch.analysis import hypervolume
from archsearch.search.function_search import search
from archsearch.space import Params, SearchSpace, flat_space

LAYERS, CHOICES = 8, 3
REFERENCE = (15.0, 106.0)
BUDGETS = (30.0, 50.0, 70.0)


class Table:
    """Error (%) and MFLOPs of every network."""

    def __init__(self, path: Path) -> None:
        entries = json.loads(path.read_text())
        self.values: dict[str, tuple[float, float]] = {
            key: (100 - entry["mean_acc"], entry["flops"] / 1e6) for key, entry in entries.items()
        }
        self.points = np.array(list(self.values.values()))
        self.exact = hypervolume(self.points, REFERENCE)

    def space(self) -> SearchSpace:
        """Return the space as a flat one of unordered choices."""
        names = [f"c{choice}" for choice in range(CHOICES)]
        return flat_space({f"layer_{i}": names for i in range(LAYERS)}, "nas-bench-macro")

    def key(self, params: Mapping[str, object]) -> str:
        """Return the network's name in the table."""
        return "".join(str(params[f"layer_{i}"])[1:] for i in range(LAYERS))

    def evaluate(self, params: Params) -> dict[str, float]:
        """Return what a training would."""
        error, mflops = self.values[self.key(params)]
        return {"error": error, "mflops": mflops}

    def mflops(self, params: Params) -> float:
        """Return what is known without training."""
        return self.values[self.key(params)][1]

    def share(self, keys: list[str]) -> float:
        """Return the hypervolume of networks over that of all."""
        return hypervolume([self.values[key] for key in keys], REFERENCE) / self.exact


def ours(table: Table, space: SearchSpace, seed: int, trials: int, known: bool) -> list[str]:
    result = search(
        space,
        table.evaluate,
        objectives={"error": "min", "mflops": "min"},
        known={"mflops": table.mflops} if known else None,
        trials=trials,
        seed=seed,
    )
    return [table.key(trial.params) for trial in result.trials]


def plain_optuna(
    make: Callable[[int], optuna.samplers.BaseSampler], table: Table, seed: int, trials: int
) -> list[str]:
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make(seed))
    names = [f"c{choice}" for choice in range(CHOICES)]
    keys = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = {f"layer_{i}": trial.suggest_categorical(f"layer_{i}", names) for i in range(8)}
        keys.append(table.key(params))
        return table.values[keys[-1]]

    study.optimize(objective, n_trials=trials)
    return keys


def interval(values: list[float]) -> float:
    """Return half the width of the mean's 95 % interval."""
    deviation = statistics.stdev(values) / len(values) ** 0.5
    return float(student.ppf(0.975, len(values) - 1) * deviation)


def regrets(table: Table, space: SearchSpace, seeds: int, trials: int) -> None:
    print(f"\nbest accuracy under a budget, {trials} evaluations, {seeds} seeds: mean regret")
    for budget in BUDGETS:
        best = min(error for error, mflops in table.values.values() if mflops <= budget)
        found = []
        for seed in range(seeds):
            result = search(
                space,
                table.evaluate,
                objectives={"error": "min"},
                constraints={"mflops": budget},
                known={"mflops": table.mflops},
                trials=trials,
                seed=seed,
            )
            assert result.best is not None
            found.append(result.best.values["error"] - best)
        print(
            f"  {budget:4.0f} MFLOPs: {statistics.mean(found):.3f} points "
            f"(median {statistics.median(found):.3f}, worst {max(found):.3f}; goal 0.10)",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--skip", nargs="*", default=[], help="methods left out")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table = Table(options.table)
    space = table.space()
    samplers = optuna.samplers
    methods: dict[str, Callable[[int], list[str]]] = {
        "ours, MFLOPs known": partial(_ours, table, space, options.trials, True),
        "ours": partial(_ours, table, space, options.trials, False),
        "random": _rival(table, options.trials, lambda s: samplers.RandomSampler(seed=s)),
        "optuna NSGA-II": _rival(table, options.trials, lambda s: samplers.NSGAIISampler(seed=s)),
        "optuna TPE multivariate": _rival(
            table, options.trials, lambda s: samplers.TPESampler(seed=s, multivariate=True)
        ),
        "optuna GP": _rival(table, options.trials, lambda s: samplers.GPSampler(seed=s)),
    }
    print(
        f"{platform.processor() or platform.machine()}, python {platform.python_version()}, "
        f"archsearch {archsearch.__version__}, optuna {optuna.__version__}; "
        f"{options.trials} evaluations, n = {options.seeds} seeds"
    )
    print(f"{'method':26} share of hypervolume     lowest   repeats   s a run")
    shares: dict[str, list[float]] = {}
    for name, method in methods.items():
        if any(word in name for word in options.skip):
            continue
        began = time.perf_counter()
        runs = [method(seed) for seed in range(options.seeds)]
        seconds = (time.perf_counter() - began) / options.seeds
        shares[name] = [table.share(keys) for keys in runs]
        repeats = [len(keys) - len(set(keys)) for keys in runs]
        print(
            f"{name:26} {statistics.mean(shares[name]):.4f} +- {interval(shares[name]):.4f}       "
            f"{min(shares[name]):.4f}   {min(repeats)}-{max(repeats):<6}  {seconds:.1f}",
            flush=True,
        )
    rivals = {name: values for name, values in shares.items() if "ours" not in name}
    if rivals and options.seeds >= 6:
        best = max(rivals, key=lambda name: statistics.mean(rivals[name]))
        for name in ("ours, MFLOPs known", "ours"):
            test = wilcoxon(shares[name], rivals[best], alternative="greater")
            print(f"{name} over {best}, paired by seed (Wilcoxon): p = {test.pvalue:.2g}")
    regrets(table, space, options.seeds, options.trials)


def _ours(table: Table, space: SearchSpace, trials: int, known: bool, seed: int) -> list[str]:
    return ours(table, space, seed, trials, known)


def _rival(
    table: Table, trials: int, make: Callable[[int], optuna.samplers.BaseSampler]
) -> Callable[[int], list[str]]:
    return lambda seed: plain_optuna(make, table, seed, trials)


if __name__ == "__main__":
    main()

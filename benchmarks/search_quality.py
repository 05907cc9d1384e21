"""How much of the true front a search finds on tables of real trainings.

    python benchmarks/search_quality.py nas-bench-macro.json [nb201-ninapro-pi5.npz]
        [--seeds 20] [--trials 200] [--workers 2] [--results FILE]

The tables are those of `discrete_tables`. Two objectives: error and cost (FLOPs, or latency).
Printed for each method: the share of the exact front's hypervolume after so many evaluations, over
seeds, and how many evaluations were repeats. Ours is run through `archsearch.search`, the rivals
through plain Optuna. For "known" the cost is given as a function beforehand, as latency is in a
run. With a budget on the cost: regret, the table's best accuracy under it minus the best found.

Runs that ``--results`` holds are not run again; without it, every run is new.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from discrete_tables import DiscreteTable, load_tables
from scipy.stats import t as student
from scipy.stats import wilcoxon

import archsearch
from archsearch.analysis import hypervolume
from archsearch.search.function_search import search
from archsearch.space import Params

OURS, KNOWN, BUDGET = "ours", "ours, cost known", "ours, budget"
Outcome = dict[str, Any]
Make = Callable[[int], optuna.samplers.BaseSampler]
RIVALS: dict[str, Make] = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "optuna NSGA-II": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    "optuna TPE multivariate": lambda seed: optuna.samplers.TPESampler(
        seed=seed, multivariate=True
    ),
    "optuna GP": lambda seed: optuna.samplers.GPSampler(seed=seed),
}
REGRET_GOAL = {"NAS-Bench-Macro": 0.10, "NAS-Bench-201, NinaPro": 0.20}


def ours(table: DiscreteTable, seed: int, trials: int, known: bool) -> list[str]:
    """Return the keys of the networks that were evaluated, in order."""

    def cost(params: Params) -> float:
        return table.costs[table.key(params)]

    result = search(
        table.space,
        lambda params: dict(zip(("error", "cost"), table.point(table.key(params)), strict=True)),
        objectives={"error": "min", "cost": "min"},
        known={"cost": cost} if known else None,
        trials=trials,
        seed=seed,
    )
    return [table.key(trial.params) for trial in result.trials]


def within(table: DiscreteTable, seed: int, trials: int, budget: float) -> list[str]:
    """Return the keys of the networks that a search under a budget evaluated."""
    result = search(
        table.space,
        lambda params: {"error": table.point(table.key(params))[0]},
        objectives={"error": "min"},
        constraints={"cost": budget},
        known={"cost": lambda params: table.costs[table.key(params)]},
        trials=trials,
        seed=seed,
    )
    return [table.key(trial.params) for trial in result.trials]


def plain_optuna(make: Make, table: DiscreteTable, seed: int, trials: int) -> list[str]:
    """Return the keys of the networks that a sampler of Optuna evaluated."""
    study = optuna.create_study(directions=["minimize"] * 2, sampler=make(seed))
    keys = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        params = {
            name: trial.suggest_categorical(name, parameter.values)
            for name, parameter in table.space.parameters.items()
        }
        keys.append(table.key(params))
        return table.point(keys[-1])

    study.optimize(objective, n_trials=trials)
    return keys


def run(tables: list[DiscreteTable], trials: int, task: Outcome) -> Outcome:
    """Run one search; return the task with what came of it."""
    table = next(each for each in tables if each.name == task["table"])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    method, seed = task["method"], task["seed"]
    began = time.perf_counter()
    if method == BUDGET:
        keys = within(table, seed, trials, task["budget"])
        found = [each for each in map(table.point, keys) if each[1] <= task["budget"]]
        best = min(error for error, cost in map(table.point, table.costs) if cost <= task["budget"])
        outcome = {"regret": min(error for error, _ in found) - best}
    else:
        keys = (
            plain_optuna(RIVALS[method], table, seed, trials)
            if method in RIVALS
            else ours(table, seed, trials, method == KNOWN)
        )
        exact = hypervolume([table.point(key) for key in table.costs], table.reference)
        outcome = {
            str(count): hypervolume([table.point(key) for key in keys[:count]], table.reference)
            / exact
            for count in sorted({trials // 4, trials // 2, trials})
        }
    seconds = time.perf_counter() - began
    return {**task, **outcome, "repeats": len(keys) - len(set(keys)), "seconds": seconds}


def tasks_of(table: DiscreteTable, seeds: int, trials: int, skip: list[str]) -> list[Outcome]:
    """Return every run on a table."""
    found = []
    for seed in range(seeds):
        base: Outcome = {"table": table.name, "seed": seed, "trials": trials}
        found += [{**base, "method": method} for method in (KNOWN, OURS, *RIVALS)]
        found += [{**base, "method": BUDGET, "budget": budget} for budget in table.budgets]
    return [each for each in found if not any(word in each["method"] for word in skip)]


def _identity(outcome: Outcome) -> tuple[Any, ...]:
    return tuple(outcome.get(key) for key in ("table", "seed", "trials", "method", "budget"))


def interval(values: list[float]) -> float:
    """Return half the width of the mean's 95 % interval; NaN for a single value."""
    if len(values) < 2:
        return float("nan")
    deviation = statistics.stdev(values) / len(values) ** 0.5
    return float(student.ppf(0.975, len(values) - 1) * deviation)


def report(table: DiscreteTable, outcomes: list[Outcome], trials: int) -> None:
    """Print what the methods reached on a table."""
    shares: dict[str, list[float]] = {}
    print(f"\n{table.name}\n{'method':26} share of hypervolume     lowest   repeats   s a run")
    for method in (KNOWN, OURS, *RIVALS):
        own = [each for each in outcomes if each["method"] == method]
        if not own:
            continue
        values = shares[method] = [each[str(trials)] for each in own]
        repeats = [each["repeats"] for each in own]
        seconds = statistics.median(each["seconds"] for each in own)
        print(
            f"{method:26} {statistics.mean(values):.4f} +- {interval(values):.4f}"
            f"       {min(values):.4f}   {min(repeats)}-{max(repeats):<6}  {seconds:.1f}"
        )
    for method in (KNOWN, OURS):
        for rival in RIVALS:
            if method in shares and rival in shares and len(shares[rival]) >= 6:
                gain = np.subtract(shares[method], shares[rival])
                p = wilcoxon(gain, alternative="greater").pvalue
                print(
                    f"{method} over {rival}, paired by seed: {gain.mean():+.4f} "
                    f"+- {interval(gain.tolist()):.4f}, Wilcoxon p = {p:.2g}"
                )
    for budget in table.budgets:
        regrets = [each["regret"] for each in outcomes if each.get("budget") == budget]
        if regrets:
            print(
                f"regret within {budget:g} {table.unit}: mean {statistics.mean(regrets):.3f}, "
                f"median {statistics.median(regrets):.3f}, worst {max(regrets):.3f} points "
                f"(goal of the mean {REGRET_GOAL[table.name]:.2f})"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--skip", nargs="*", default=[], help="methods left out")
    parser.add_argument("--results", type=Path, default=Path(os.devnull), help="JSON lines")
    options = parser.parse_args()
    tables = load_tables(options.tables)
    lines = options.results.read_text().splitlines() if options.results.is_file() else []
    done = {_identity(each): each for each in map(json.loads, lines)}
    every = [
        each
        for table in tables
        for each in tasks_of(table, options.seeds, options.trials, options.skip)
    ]
    open_tasks = [each for each in every if _identity(each) not in done]
    with (
        get_context("fork").Pool(options.workers) as pool,
        options.results.open("a") as file,
    ):
        work = partial(run, tables, options.trials)
        for at, outcome in enumerate(pool.imap_unordered(work, open_tasks), 1):
            done[_identity(outcome)] = outcome
            print(json.dumps(outcome), file=file, flush=True)
            print(f"\r{at} of {len(open_tasks)} runs", end="", flush=True)
    print(
        f"\r{platform.processor() or platform.machine()}, python {platform.python_version()}, "
        f"archsearch {archsearch.__version__}, optuna {optuna.__version__}; "
        f"{options.trials} evaluations, n = {options.seeds} seeds, {options.workers} at a time"
    )
    for table in tables:
        own = [done[_identity(each)] for each in every if each["table"] == table.name]
        report(table, own, options.trials)


if __name__ == "__main__":
    main()

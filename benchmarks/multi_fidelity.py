"""Epochs that a search saves by training most candidates briefly, on tables of real trainings.

    python benchmarks/multi_fidelity.py [--seeds 20] [--trials 64] [--table FILE]

A table (`learning_curves.py`) holds the learning curves of every network of a small space, each
trained with several seeds. Two objectives: error after the last epoch, to be learnt, and
multiply-adds, known beforehand. A search sees the curves of one seed; the truth is the mean of all
that it does not see. After each budget of epochs a method recommends some networks that it has
begun to train, at most as many as the exact front has: ours by the posterior of its model, others
by the values that they saw. Scored is the true hypervolume of what is recommended, as a share of
that of the exact front. Targets are fixed shares of it. A seed that misses a target counts with all
epochs, and is listed as missed: its ratio is then a bound. "ceiling" recommends by the last epoch
of the seed that is seen, of all networks: what noise leaves.

With ``--table-seeds 1`` there is nothing unseen. The truth is then what a Gaussian process expects
that has learnt from every whole training of the table.
"""

import argparse
import contextlib
import math
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import moocore
import numpy as np
import optuna
from learning_curves import NUM_VAL, TABLE, curve_space, key, read_table
from scipy.stats import kendalltau, wilcoxon

import archsearch
from archsearch.analysis import hypervolume
from archsearch.search.evaluation import Evaluation
from archsearch.search.function_search import search
from archsearch.search.rungs import automatic_rungs, promotion_order
from archsearch.search.samplers.surrogate.beliefs import Believer
from archsearch.search.samplers.surrogate.curve_model import bin_ends, binned, middles
from archsearch.search.samplers.surrogate.gaussian_process import GaussianProcess
from archsearch.search.samplers.surrogate.observed_trials import ObservedTrial, Training
from archsearch.space import Params, SearchSpace

TARGETS = (0.90, 0.95, 0.98)
OBJECTIVES = {"error": "min", "macs": "min"}
HALVING = (1, 3, 9, 27)
_RESAMPLES = 10_000
#: budgets at which a method recommends, from these epochs on
_FIRST, _BUDGETS = 60, 28


@dataclass(frozen=True)
class Step:
    """One evaluation: the network, and the epochs until which it was trained."""

    network: str
    until: int


class CurveTable:
    """Error (%) after every epoch, and multiply-adds, of every network.

    Args:
        path: of the table.
        seen: seed whose curves a search sees.
        seeds: number of seeds in the table.
    """

    def __init__(self, path: Path, seen: int, seeds: int) -> None:
        self.space: SearchSpace = curve_space()
        rows = [read_table(path, seed) for seed in range(seeds)]
        lacks = sum(self.space.count() - len(each) for each in rows)
        if lacks:
            raise SystemExit(
                f"{path} lacks {lacks} trainings: run learning_curves.py --seeds {seeds}"
            )
        self.params = {key(params): params for params in self.space.enumerate()}
        curves = {
            name: 100 * (1 - np.array([each[name]["right"] for each in rows]) / NUM_VAL)
            for name in self.params
        }
        self.curves = {name: curve[seen] for name, curve in curves.items()}
        self.macs = {name: float(rows[0][name]["macs"]) / 1e6 for name in self.params}
        self.epochs = len(next(iter(self.curves.values())))
        unseen = (
            {name: np.delete(curve, seen, axis=0)[:, -1].mean() for name, curve in curves.items()}
            if seeds > 1
            else self._smooth()
        )
        self.truth = {name: (float(error), self.macs[name]) for name, error in unseen.items()}
        points = np.array(list(self.truth.values()))
        self.reference = tuple(points.max(axis=0))
        self.exact = hypervolume(points, self.reference)
        self.size = int(moocore.is_nondominated(points).sum())

    def _smooth(self) -> dict[str, float]:
        """Return the last error of every network, as a model of all of them expects it."""
        x = np.array([self.space.encode(params) for params in self.params.values()])
        model = GaussianProcess(self.space.encoding)
        model.fit(x, np.log([curve[-1] for curve in self.curves.values()]))
        mean, _ = model.predict(x)
        return dict(zip(self.params, np.exp(mean), strict=True))

    def known_macs(self, params: Params) -> float:
        """Return the known objective, in millions."""
        return self.macs[key(params)]

    def shown(self, params: Params, fidelity: float, state: Any) -> tuple[dict[str, Any], int]:
        """Return the error after every epoch since the pause."""
        until = int(fidelity)
        return {"error": list(self.curves[key(params)][state or 0 : until])}, until

    def share(self, networks: Iterable[str]) -> float:
        """Return the true hypervolume of networks over that of the exact front."""
        points = [self.truth[name] for name in networks]
        return hypervolume(points, self.reference) / self.exact if points else 0.0

    def recommended(self, expected: dict[str, float]) -> list[str]:
        """Return at most as many networks as the exact front has, the best layers first."""
        names = list(expected)
        points = np.array([[expected[name], self.macs[name]] for name in names])
        order = promotion_order(points, np.ones(len(points), dtype=bool))
        return [names[i] for i in order[: self.size]]


class EnoughError(Exception):
    """The epochs of the full-fidelity search are used up."""


def searched(table: CurveTable, sampler: str, trials: int, seed: int, **how: Any) -> list[Step]:
    """Run `archsearch.search` for the epochs of ``trials`` whole trainings."""
    steps: list[Step] = []
    spent = 0.0
    last: dict[str, int] = {}

    def follow(trial: Evaluation) -> None:
        nonlocal spent
        until, name = int(trial.fidelity or table.epochs), key(trial.params)
        spent += until - last.get(name, 0)
        last[name] = until
        steps.append(Step(name, until))
        if spent >= trials * table.epochs:
            raise EnoughError

    common: dict[str, Any] = {
        "objectives": OBJECTIVES,
        "known": {"macs": table.known_macs},
        # without a limit, luck among the fast ones hides what is slower and better
        "constraints": {"macs": max(table.macs.values())},
        "sampler": sampler,
        "seed": seed,
        "listener": follow,
        "trials": table.space.count(),
    }

    def whole(params: Params) -> dict[str, float]:
        return {"error": float(table.curves[key(params)][-1])}

    def at_rung(params: Params, fidelity: float, state: Any) -> dict[str, float]:
        return {"error": float(table.curves[key(params)][int(fidelity) - 1])}

    with contextlib.suppress(EnoughError):
        if not how:
            search(table.space, whole, **common)
        elif "promote" in how:
            search(table.space, at_rung, **common, **how)
        else:
            search(table.space, table.shown, **common, **how)
    return steps


def synchronous_halving(table: CurveTable, trials: int, seed: int) -> list[Step]:
    """Halve brackets of random networks, one after the other.

    A bracket has as many networks as one of them costs in full, in units of the lowest rung; the
    best at a rung, in the order of `promotion_order`, continue together.
    """
    rng = np.random.default_rng(seed)
    everyone = [list(table.params)[i] for i in rng.permutation(len(table.params))]
    size = HALVING[-1] // HALVING[0]
    steps: list[Step] = []
    for start in range(0, len(everyone), size):
        bracket = everyone[start : start + size]
        for rung, above in zip(HALVING, (*HALVING[1:], 0), strict=True):
            steps += [Step(name, rung) for name in bracket]
            if not above:
                break
            shown = [(table.curves[name][rung - 1], table.macs[name]) for name in bracket]
            order = promotion_order(np.array(shown), np.ones(len(bracket), dtype=bool))
            bracket = [bracket[i] for i in order[: max(1, len(bracket) * rung // above)]]
    return steps


Expect = Callable[[CurveTable, dict[str, int]], dict[str, float]]


def seen_values(table: CurveTable, until: dict[str, int]) -> dict[str, float]:
    """Return the errors at the highest epoch that was reached, of the networks that did."""
    top = max(until.values())
    return {name: table.curves[name][top - 1] for name, epoch in until.items() if epoch == top}


class Posterior:
    """What our model expects of the networks that have begun, from all their epochs."""

    def __init__(self, table: CurveTable) -> None:
        self._ends = bin_ends((*automatic_rungs(table.epochs), table.epochs))
        known = {1: table.known_macs}
        self._believer = Believer(table.space.encoding, known, {}, middles(self._ends))

    def __call__(self, table: CurveTable, until: dict[str, int]) -> dict[str, float]:
        """Return the expected error of every network in ``until``."""
        trainings = []
        for name, epochs in until.items():
            params, macs = table.params[name], table.macs[name]
            curve = np.stack([table.curves[name][:epochs], np.full(epochs, macs)], axis=1)
            encoded = table.space.encode(params)
            trial = ObservedTrial(params, encoded, True, curve[-1], {})
            trainings.append(Training(trial, binned(curve, self._ends)))
        values = self._believer.from_curves(trainings, np.ones(2)).values[:, 0]
        return dict(zip(until, values, strict=True))


def scores(
    table: CurveTable, steps: Sequence[Step], budgets: Sequence[float], expect: Expect
) -> list[float]:
    """Return the true share of what is recommended at each budget of epochs."""
    found, until, spent = [], dict[str, int](), 0
    rest = list(steps)
    for budget in budgets:
        while rest and spent + rest[0].until - until.get(rest[0].network, 0) <= budget:
            step = rest.pop(0)
            spent += step.until - until.get(step.network, 0)
            until[step.network] = step.until
        few = len(until) < 4
        found.append(0.0 if few else table.share(table.recommended(expect(table, until))))
    return found


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the bootstrap interval of the median, 95 %."""
    draws = np.random.default_rng(0).choice(np.array(values), size=(_RESAMPLES, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return float(low), float(high)


def describe(needed: Sequence[float], base: Sequence[float], limit: float) -> str:
    """Return the epochs of one method to one target, and its ratio to the full-fidelity search."""
    missed = sum(each > limit for each in needed)
    capped = [min(each, limit) for each in needed]
    line = f"{statistics.median(capped):6.0f} ({missed:2} missed)"
    ratios = [mine / min(theirs, limit) for mine, theirs in zip(capped, base, strict=True)]
    if any(ratio != 1 for ratio in ratios):
        low, high = median_interval(ratios)
        test = wilcoxon(np.log(ratios)).pvalue
        line += f"  {statistics.median(ratios):.2f} [{low:.2f}, {high:.2f}], p = {test:.1g}"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--table-seeds", type=int, default=2, help="seeds in the table to use")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=64, help="whole trainings, in epochs")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # every second search sees another seed
    seen = [seed % options.table_seeds for seed in range(options.seeds)]
    tables = [
        CurveTable(options.table, each, options.table_seeds) for each in range(options.table_seeds)
    ]
    epochs, trials = tables[0].epochs, options.trials
    limit = trials * epochs
    budgets = [float(each) for each in np.geomspace(_FIRST, limit, _BUDGETS)]
    halving = {"fidelities": HALVING, "promote": 1 / 3}
    methods: dict[str, tuple[Callable[[CurveTable, int], list[Step]], bool]] = {
        "ours, whole trainings": (lambda t, s: searched(t, "model", trials, s), True),
        "ours": (lambda t, s: searched(t, "model", trials, s, fidelities=range(1, 28)), True),
        "random, whole, our posterior": (lambda t, s: searched(t, "random", trials, s), True),
        "random, whole": (lambda t, s: searched(t, "random", trials, s), False),
        "random, asynchronous halving": (
            lambda t, s: searched(t, "random", trials, s, **halving),
            False,
        ),
        "synchronous halving": (lambda t, s: synchronous_halving(t, trials, s), False),
    }
    print(
        f"{platform.processor() or platform.machine()}, python {platform.python_version()}, "
        f"archsearch {archsearch.__version__}, optuna {optuna.__version__}; "
        f"{len(tables[0].params)} networks, {options.table_seeds} seeds each, "
        f"fronts of {', '.join(str(each.size) for each in tables)}, n = {options.seeds} searches"
    )
    for table in tables:
        last = {name: curve[-1] for name, curve in table.curves.items()}
        order = {
            epoch: kendalltau([c[epoch - 1] for c in table.curves.values()], list(last.values()))
            for epoch in (1, 3, 5, 9, 18)
        }
        trust = ", ".join(f"{epoch}: {tau.statistic:.2f}" for epoch, tau in order.items())
        print(
            f"ceiling {table.share(table.recommended(last)):.3f}; Kendall's tau of the error at an "
            f"epoch with the last one's: {trust}"
        )
    base: list[list[float]] = []
    shares: dict[str, list[float]] = {}
    for name, (method, has_model) in methods.items():
        runs = []
        for seed in range(options.seeds):
            table = tables[seen[seed]]
            expect: Expect = Posterior(table) if has_model else seen_values
            runs.append(scores(table, method(table, seed), budgets, expect))
        needed = [
            [
                next((b for b, v in zip(budgets, run, strict=True) if v >= target), math.inf)
                for run in runs
            ]
            for target in TARGETS
        ]
        base = base or needed
        print(name)
        for target, mine, theirs in zip(TARGETS, needed, base, strict=True):
            print(f"    {target:.0%}: {describe(mine, theirs, limit)}", flush=True)
        shares[name] = [statistics.mean(column) for column in zip(*runs, strict=True)]
    print(f"\ntrue hypervolume of what is recommended, mean\n{'epochs':30}", end="")
    marks = range(0, _BUDGETS, 4)
    print("".join(f"{budgets[i]:8.0f}" for i in marks))
    for name, row in shares.items():
        print(f"{name:30}" + "".join(f"{row[i]:8.3f}" for i in marks))


if __name__ == "__main__":
    main()

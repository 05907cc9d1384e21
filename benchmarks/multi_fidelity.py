"""Epochs that a search saves by training most candidates briefly, on a table of real trainings.

    python benchmarks/multi_fidelity.py [--seeds 20] [--trials 64] [--rungs 1 3 9 27] [--promote X]

The table (`learning_curves.py`) holds the learning curves of every network of a small space on
Fashion-MNIST. Two objectives: error after the last epoch, to be learnt, and multiply-adds, known
beforehand. With each seed the search at full fidelity trains so many networks to the end; 99 % of
the hypervolume that it ends with is the target. Printed for each method: the epochs until it is
reached, over seeds, and the ratio to the full-fidelity search with the same seed. A network counts
towards the hypervolume from its last epoch on, not before. A method that never gets there within
the epochs of the whole full-fidelity search counts with those, and is listed as missed:
its ratio is then a lower bound. "again" is the search at full fidelity with other seeds, at the
targets of the first: what a method that saves nothing comes to, since a target is where one run
was lucky. The last line is a clairvoyant who trains, in full, nothing but what gains most.
"""

import argparse
import contextlib
import math
import platform
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from learning_curves import NUM_VAL, TABLE, curve_space, key, read_table
from scipy.stats import kendalltau, wilcoxon

import archsearch
from archsearch.analysis import hypervolume
from archsearch.search.evaluation import Evaluation
from archsearch.search.function_search import search
from archsearch.search.rungs import promotion_order
from archsearch.space import Params, SearchSpace

SHARE = 0.99
OBJECTIVES = {"error": "min", "macs": "min"}
_RESAMPLES = 10_000
#: networks that the clairvoyant bound looks ahead
_BOUND = 30
#: of the text plot: where hypervolumes are read, as shares of the full-fidelity search's epochs
_MARKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Step:
    """One evaluation: what it cost, and what it showed if it was the last epoch's."""

    epochs: float
    network: str
    complete: bool


class CurveTable:
    """Error (%) after every epoch, and multiply-adds, of every network."""

    def __init__(self, path: Path) -> None:
        self._rows = read_table(path)
        self.space: SearchSpace = curve_space()
        missing = self.space.count() - len(self._rows)
        if missing:
            raise SystemExit(f"{path} lacks {missing} networks: run learning_curves.py")
        self.epochs = len(next(iter(self._rows.values()))["right"])

    def error(self, network: str, epoch: int) -> float:
        """Return the error after ``epoch`` epochs."""
        return 100 * (1 - float(self._rows[network]["right"][epoch - 1]) / NUM_VAL)

    def macs(self, params: Params) -> float:
        """Return the known objective, in millions."""
        return float(self._rows[key(params)]["macs"]) / 1e6

    def evaluate(self, params: Params, fidelity: float, state: Any) -> dict[str, float]:
        """Return what a training up to ``fidelity`` epochs shows."""
        return {"error": self.error(key(params), int(fidelity))}

    def at_the_end(self, params: Params) -> dict[str, float]:
        """Return what a whole training shows."""
        return self.evaluate(params, self.epochs, None)

    def trust(self, epoch: int) -> float:
        """Return Kendall's tau between the errors after ``epoch`` epochs and at the end."""
        both = [(self.error(name, epoch), self.error(name, self.epochs)) for name in self._rows]
        return float(kendalltau(*np.array(both).T).statistic)

    @cached_property
    def points(self) -> dict[str, tuple[float, float]]:
        """Error at the last epoch and multiply-adds of every network."""
        rows = self._rows.items()
        return {name: (self.error(name, self.epochs), row["macs"] / 1e6) for name, row in rows}

    @cached_property
    def reference(self) -> tuple[float, float]:
        """The worst of each objective."""
        worst = np.array(list(self.points.values())).max(axis=0)
        return float(worst[0]), float(worst[1])

    def volumes(self, steps: Iterable[Step]) -> list[tuple[float, float]]:
        """Return epochs spent and hypervolume after every step."""
        spent, best, kept, found = 0.0, 0.0, [], []
        for step in steps:
            spent += step.epochs
            if step.complete:
                kept.append(self.points[step.network])
                best = hypervolume(kept, self.reference)
            found.append((spent, best))
        return found


class EnoughError(Exception):
    """The epochs of the full-fidelity search are used up."""


@dataclass(frozen=True)
class Ladder:
    """Rungs of a search, and the share that goes on at each; no rungs for full fidelity."""

    rungs: tuple[int, ...] = ()
    promote: float | None = None


def searched(table: CurveTable, sampler: str, ladder: Ladder, trials: int, seed: int) -> list[Step]:
    """Run `archsearch.search` for the epochs of ``trials`` whole trainings; no rungs train all."""
    rungs = ladder.rungs
    common: dict[str, Any] = {
        "objectives": OBJECTIVES,
        "known": {"macs": table.macs},
        "sampler": sampler,
        "seed": seed,
    }
    if not rungs:
        result = search(table.space, table.at_the_end, trials=trials, **common)
        return [Step(table.epochs, key(trial.params), True) for trial in result.trials]
    below = dict(zip(rungs, (0, *rungs[:-1]), strict=True))
    steps: list[Step] = []

    def follow(trial: Evaluation) -> None:
        assert trial.fidelity is not None, "there are rungs"
        cost = trial.fidelity - below[int(trial.fidelity)]
        steps.append(Step(cost, key(trial.params), trial.fidelity == rungs[-1]))
        if sum(step.epochs for step in steps) >= trials * table.epochs:
            raise EnoughError

    with contextlib.suppress(EnoughError):
        search(
            table.space,
            table.evaluate,
            fidelities=rungs,
            promote=ladder.promote,
            trials=table.space.count(),
            listener=follow,
            **common,
        )
    return steps


def synchronous_halving(table: CurveTable, rungs: Sequence[int], seed: int) -> list[Step]:
    """Halve brackets of random networks, one after the other, until all have been in one.

    A bracket has as many networks as one of them costs in full, in units of the lowest rung; the
    best at a rung, in the order of `promotion_order`, go on together.
    """
    rng = np.random.default_rng(seed)
    everyone = list(table.space.enumerate())
    everyone = [everyone[i] for i in rng.permutation(len(everyone))]
    size = rungs[-1] // rungs[0]
    steps = []
    for start in range(0, len(everyone), size):
        bracket, below = everyone[start : start + size], 0
        for rung, above in zip(rungs, (*rungs[1:], 0), strict=True):
            names = [key(params) for params in bracket]
            steps += [Step(rung - below, name, rung == rungs[-1]) for name in names]
            if not above:
                break
            shown = [(table.error(key(p), rung), table.macs(p)) for p in bracket]
            order = promotion_order(np.array(shown), np.ones(len(bracket), dtype=bool))
            bracket = [bracket[i] for i in order[: max(1, len(bracket) * rung // above)]]
            below = rung
    return steps


def clairvoyant(table: CurveTable) -> list[Step]:
    """Train in full, one by one, whatever gains most: what nobody can know, as a bound."""
    left = dict(table.points)
    kept: list[tuple[float, float]] = []
    steps: list[Step] = []
    while len(steps) < _BOUND:
        best = max(left, key=lambda name: hypervolume([*kept, left[name]], table.reference))
        kept.append(left.pop(best))
        steps.append(Step(table.epochs, best, True))
    return steps


def epochs_to(volumes: Sequence[tuple[float, float]], target: float) -> float:
    """Return the epochs after which ``target`` is reached; infinite if it never is."""
    return next((spent for spent, volume in volumes if volume >= target), math.inf)


def volume_at(volumes: Sequence[tuple[float, float]], epochs: float) -> float:
    """Return the hypervolume when ``epochs`` have been spent."""
    return max((volume for spent, volume in volumes if spent <= epochs), default=0.0)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the bootstrap interval of the median, 95 %."""
    draws = np.random.default_rng(0).choice(np.array(values), size=(_RESAMPLES, len(values)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return float(low), float(high)


def report(name: str, needed: Sequence[float], base: Sequence[float], limit: float) -> None:
    """Print the epochs of one method, and its ratio to the full-fidelity search."""
    missed = sum(each > limit for each in needed)
    capped = [min(each, limit) for each in needed]
    quartiles = np.quantile(capped, [0.25, 0.75])
    line = (
        f"{name:28} {statistics.median(capped):6.0f} "
        f"({quartiles[0]:5.0f} - {quartiles[1]:5.0f})  {missed:4}"
    )
    ratios = [mine / theirs for mine, theirs in zip(capped, base, strict=True)]
    if any(ratio != 1 for ratio in ratios):
        low, high = median_interval(ratios)
        line += f"    {statistics.median(ratios):.2f} [{low:.2f}, {high:.2f}]"
        differences = np.log(ratios)
        fewer = int((differences < 0).sum())
        line += f"   {fewer:2}/{len(ratios)}   {wilcoxon(differences).pvalue:.2g}"
    print(line, flush=True)


def plot(shares: dict[str, list[float]]) -> None:
    """Print mean hypervolumes, as shares of the full-fidelity search's last one."""
    print("\nhypervolume, share of what the full-fidelity search ends with, mean over seeds")
    print(f"{'epochs, share of all':28}" + "".join(f"{mark:8.0%}" for mark in _MARKS))
    for name, row in shares.items():
        print(f"{name:28}" + "".join(f"{value:8.3f}" for value in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=64, help="of the full-fidelity search")
    parser.add_argument("--rungs", type=int, nargs="+", default=[1, 3, 9, 27])
    parser.add_argument("--promote", type=float, help="share that goes on at each rung")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    table, rungs, whole = CurveTable(options.table), options.rungs, Ladder()
    ladder = Ladder(tuple(rungs), options.promote)
    methods: dict[str, Callable[[int], list[Step]]] = {
        "ours, full fidelity": partial(searched, table, "model", whole, options.trials),
        "ours, full fidelity, again": lambda seed: searched(
            table, "model", whole, options.trials, seed + options.seeds
        ),
        "ours, rungs": partial(searched, table, "model", ladder, options.trials),
        "random, full fidelity": partial(searched, table, "random", whole, options.trials),
        "random, our rungs": partial(searched, table, "random", ladder, options.trials),
        "synchronous halving": partial(synchronous_halving, table, rungs),
        "clairvoyant": lambda seed: clairvoyant(table),
    }
    print(
        f"{platform.processor() or platform.machine()}, python {platform.python_version()}, "
        f"archsearch {archsearch.__version__}, optuna {optuna.__version__}; {len(table.points)} "
        f"networks, rungs {rungs}, promoted {options.promote or 'low/high'}, "
        f"n = {options.seeds} seeds"
    )
    trust = "; ".join(f"{rung}: {table.trust(rung):.2f}" for rung in rungs[:-1])
    print(f"rank correlation (Kendall) with the last epoch, by epoch: {trust}")
    limit = options.trials * table.epochs
    print(
        f"epochs until {SHARE:.0%} of the hypervolume after {options.trials} x {table.epochs} = "
        f"{limit} epochs of the search at full fidelity\n"
        f"{'method':28} median (quartiles)   missed  ratio [95 %]        fewer   p (Wilcoxon)"
    )
    targets: list[float] = []
    base: list[float] = []
    shares: dict[str, list[float]] = {}
    for name, method in methods.items():
        runs = [table.volumes(method(seed)) for seed in range(options.seeds)]
        if not targets:
            targets = [volumes[-1][1] for volumes in runs]
        needed = [epochs_to(v, SHARE * t) for v, t in zip(runs, targets, strict=True)]
        base = base or needed
        report(name, needed, base, limit)
        shares[name] = [
            statistics.mean(
                volume_at(v, mark * limit) / t for v, t in zip(runs, targets, strict=True)
            )
            for mark in _MARKS
        ]
    plot(shares)


if __name__ == "__main__":
    main()

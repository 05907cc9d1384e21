"""How often the answers of an ablation are right, where the truth is known.

    python benchmarks/ablation_truth.py nas-bench-macro.json [--repeats 500]

Planted: an evaluator adds known effects (0, 0.3 and 1.0 points) to a base and known noise between
seeds. Printed: how often each effect is called better or worse beside what the method's power
function says; how often a variant without an effect is (one error in a family at most 5 %); how
often all intervals of a family hold the truth (95 %). Besides, the same where the assumption of
equal noise is broken, and with seeds added until clear.

Table: NAS-Bench-Macro (Su et al. 2021), 3^8 networks with three seeds each. Main effects and
interactions from 200 evaluations drawn at random, one seed each: how often their intervals hold
the exact effects, which are averages over the whole table. Pairs of networks at one seed each, from
the 200 best and from all: how often they are called not distinguishable.
"""

import argparse
import json
import platform
import time
from collections import Counter
from itertools import combinations, product
from pathlib import Path

import numpy as np
import scipy

from archsearch.analysis import compare, factorial_effects
from archsearch.analysis.ablation_answers import LOOKS
from archsearch.analysis.max_t import MaxT, power

GAPS = np.array([0.0, 0.3, 1.0]) / 100
LEVELS = "012"
FACTORS = {f"layer {i}": tuple(LEVELS) for i in range(8)}


def planted(repeats: int) -> None:
    print("\nplanted effects 0, 0.3, 1.0 points, equal noise, all seeds at once")
    print("noise  seeds | found  0.0    0.3    1.0 | stated 0.0    0.3    1.0 | family error  held")
    for noise, seeds in product((0.2, 0.5), (2, 3, 5, 10)):
        found, family, held = trials(repeats, GAPS, np.full(4, noise / 100), seeds)
        df = 3.0 * (seeds - 1)
        critical = MaxT(0.5 * (np.eye(3) + 1)).critical(df)
        error = noise / 100 * np.sqrt(2 / seeds)
        stated = [power(gap, error, df, critical) for gap in GAPS]
        print(
            f"{noise:5.1f} {seeds:6d} | {row(found):>25} | {row(stated):>26} | {family:12.3f} "
            f"{held:5.3f}"
        )


def broken(repeats: int) -> None:
    print("\nno effects, six variants, noise 0.2 points but for one network")
    print("seeds  noisy network | family error  held")
    for seeds, where in product((3, 5, 10), ("none", "one variant x 3", "base x 3")):
        noise = np.full(7, 0.002)
        noise[{"none": 0, "one variant x 3": 6, "base x 3": 0}[where]] *= (
            1 if where == "none" else 3
        )
        _, family, held = trials(repeats, np.zeros(6), noise, seeds)
        print(f"{seeds:5d}  {where:15} | {family:10.3f} {held:6.3f}")


def until_clear(repeats: int) -> None:
    print(f"\nthree planned seeds, noise 0.2, seeds added until clear, {LOOKS} looks at most")
    rng = np.random.default_rng(2)
    found, family = np.zeros(3), 0
    used: Counter[int] = Counter()
    for _ in range(repeats):
        truth = 0.9 + np.append(0.0, GAPS)
        draws = truth[:, None] + 0.002 * rng.standard_normal((4, 12))
        counts, planned = [3, 3, 3], 3
        for look in range(LOOKS):
            table = {f"v{i}": dict(enumerate(draws[i, :n])) for i, n in enumerate([12, *counts])}
            table["v0"] = dict(enumerate(draws[0, : max(counts)]))
            rows = compare(table, "v0", looks=LOOKS).variants
            if look == LOOKS - 1:
                break
            for i, each in enumerate(rows):
                limit = planned * 2 ** (look + 1)
                if each.more_seeds:
                    counts[i] = min(counts[i] + each.more_seeds, limit)
        found += [each.verdict in ("better", "worse") for each in rows]
        family += rows[0].verdict in ("better", "worse")
        used[sum(counts)] += 1
    mean = sum(count * times for count, times in used.items()) / repeats / 3
    print(f"found {row(found / repeats)}; false {family / repeats:.3f}; {mean:.1f} seeds a variant")


def trials(
    repeats: int, gaps: np.ndarray, noise: np.ndarray, seeds: int
) -> tuple[np.ndarray, float, float]:
    """Return how often each gap is found, one without is, and all intervals hold."""
    rng = np.random.default_rng(1)
    found, family, held = np.zeros(len(gaps)), 0, 0
    for _ in range(repeats):
        luck = 0.003 * rng.standard_normal(seeds)
        draws = noise[:, None] * rng.standard_normal((len(noise), seeds)) + luck
        table = 0.9 + np.append(0.0, gaps)[:, None] + draws
        rows = compare({f"v{i}": dict(enumerate(r)) for i, r in enumerate(table)}, "v0").variants
        called = np.array([each.verdict in ("better", "worse") for each in rows])
        found += called
        family += bool((called & (gaps == 0)).any())
        held += all(
            each.interval[0] <= gap <= each.interval[1]
            for each, gap in zip(rows, gaps, strict=True)
        )
    return found / repeats, family / repeats, held / repeats


class Table:
    """Accuracy (shares) of every network, three seeds, and the exact effects."""

    def __init__(self, path: Path) -> None:
        entries = json.loads(path.read_text())
        self.names = sorted(entries)
        self.rows = [dict(zip(FACTORS, name, strict=True)) for name in self.names]
        self.values = np.array([entries[name]["test_acc"] for name in self.names]) / 100
        self.mean = self.values.mean(1)

    def exact(self) -> dict[tuple[str, ...], float]:
        """Return main effects and two-way interactions by plain averages."""
        places = np.array([[int(digit) for digit in name] for name in self.names])
        grand = self.mean.mean()
        truth: dict[tuple[str, ...], float] = {}
        for (i, name), level in product(enumerate(FACTORS), LEVELS):
            truth[name, level] = self.mean[places[:, i] == int(level)].mean() - grand
        for (i, a), (j, b) in combinations(enumerate(FACTORS), 2):
            for p, q in product(LEVELS, LEVELS):
                cell = self.mean[(places[:, i] == int(p)) & (places[:, j] == int(q))].mean()
                truth[a, b, p, q] = cell - grand - truth[a, p] - truth[b, q]
        return truth


def sampled(table: Table, repeats: int, evaluations: int) -> None:
    truth, rng = table.exact(), np.random.default_rng(0)
    held: dict[int, list[list[bool]]] = {1: [], 2: []}
    halves: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        chosen = rng.choice(len(table.names), evaluations, replace=False)
        values = table.values[chosen, rng.integers(0, 3, evaluations)]
        found = factorial_effects(FACTORS, [table.rows[i] for i in chosen], values)
        for order, effects in ((1, found.main), (2, found.interactions)):
            held[order].append(
                [e.interval[0] <= truth[e.factors + e.levels] <= e.interval[1] for e in effects]
            )
            halves[order].append(
                100 * float(np.mean([(e.interval[1] - e.interval[0]) / 2 for e in effects]))
            )
    print(
        f"\n{evaluations} of 6,561 networks, one seed each, {repeats} samples: intervals that hold"
    )
    for order, label in ((1, "main effects"), (2, "interactions")):
        every = np.array(held[order])
        error = every.mean(1).std(ddof=1) / repeats**0.5
        print(
            f"  {label}: {every.mean():.3f} (standard error {error:.3f}), by effect "
            f"{every.mean(0).min():.3f} to {every.mean(0).max():.3f}; half-width "
            f"{np.mean(halves[order]):.2f} points"
        )


def pairs(table: Table, repeats: int) -> None:
    print(f"\npairs at one seed each, 10,000 images, {repeats} pairs")
    rng = np.random.default_rng(0)
    best = np.argsort(-table.mean)[:200]
    for label, pool in (("200 best", best), ("all", np.arange(len(table.mean)))):
        verdicts: Counter[str] = Counter()
        right = 0
        for _ in range(repeats):
            a, b = rng.choice(pool, 2, replace=False)
            rows = {
                "a": {0: float(table.values[a, rng.integers(3)])},
                "b": {0: float(table.values[b, rng.integers(3)])},
            }
            (each,) = compare(rows, "a", num_images=10_000).variants
            verdicts[each.verdict] += 1
            right += (each.verdict == "better") == (table.mean[b] > table.mean[a]) and (
                each.verdict in ("better", "worse")
            )
        ties = verdicts["not distinguishable"]
        print(
            f"  {label}: {ties / repeats:.1%} not distinguishable; of the {repeats - ties} others "
            f"{right} point the way of the means of three seeds"
        )


def row(shares: np.ndarray | list[float]) -> str:
    return " ".join(f"{share:6.3f}" for share in shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path, help="nas-bench-macro.json")
    parser.add_argument("--repeats", type=int, default=500, help="of the planted truth")
    parser.add_argument("--samples", type=int, default=200, help="of 200 evaluations")
    arguments = parser.parse_args()
    began = time.perf_counter()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}")
    planted(arguments.repeats)
    broken(arguments.repeats)
    until_clear(arguments.repeats)
    table = Table(arguments.table)
    sampled(table, arguments.samples, 200)
    pairs(table, 1000)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

"""How often the attributions of `archsearch explain` are right, where the truth is known.

    python benchmarks/attribution_coverage.py nas-bench-macro.json [nb201-ninapro-pi5.npz]
        [--repeats 500] [--sampler evolution] [--cache FOLDER]

Tables: NAS-Bench-Macro (Su et al. 2021), 3^8 networks with three seeds each, of which a trial gets
one; and NAS-Bench-201's 5^6 cells on NinaPro with latencies on a Raspberry Pi 5 (one seed, to which
noise of 0.3 points is added). A search of 200 trials trades accuracy off against cost, as
`archsearch run` does, so its trials are mostly good ones. Its best trial is explained against one
of its trials at random, against that of median accuracy, and against a network drawn from the
whole table. The truth are the Shapley values of the table, from every coalition.

Printed: how often the 95 % intervals hold the truth; how often the three largest contributions
come in the right order, of all and of those that are called settled (a chance of 95 %); how often
a contribution called different from 0 has the wrong sign; and half the width of the intervals.
Against any network, the same once more with 30 further trainings, chosen as ``--trials 30`` does.
"Seen" are attributions of which no network between the two ends is worse than the worst that the
search has trained but for one in twenty: a collapse that a search never saw cannot be known.

Planted: six choices with effects of 0, 0.3 and 1.0 points and one interaction of 0.7, noise 0.5.

``--cache`` keeps the trials of the searches, and continues an interrupted benchmark.
"""

import argparse
import json
import math
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import optuna
import scipy
from discrete_tables import DiscreteTable, load_tables

from archsearch.analysis import holm
from archsearch.analysis.attribution import Attribution, attribute, fit_path
from archsearch.analysis.attribution_design import most_informative, order_is_settled
from archsearch.analysis.configuration_path import ConfigurationPath
from archsearch.search.function_search import search
from archsearch.space import Params, SearchSpace, flat_space

TRIALS, MORE = 200, 30
NOISE_OF_ONE_SEED = 0.3


class Table:
    """A discrete table as single trainings show it.

    Attributes:
        name: of the table.
        space: its choices.
        keys: of every network.
        truth: mean accuracy in points.
        cost: what the search trades accuracy off against.
        log_ms: logarithm of latency; empty where the table has none.
    """

    def __init__(self, table: DiscreteTable) -> None:
        self.name, self.space, self.cost = table.name, table.space, table.costs
        self.key, self.params = table.key, table.params
        self.keys = list(table.costs)
        self._trainings = table.accuracies
        self.truth = {key: float(seeds.mean()) for key, seeds in table.accuracies.items()}
        has_latency = table.unit == "ms"
        self.log_ms = {key: math.log(ms) for key, ms in table.costs.items() if has_latency}

    def trained(self, key: str, rng: np.random.Generator) -> float:
        """Return what one training of a network reaches."""
        seeds = self._trainings[key]
        noise = NOISE_OF_ONE_SEED if len(seeds) == 1 else 0.0
        return float(rng.choice(seeds) + noise * rng.standard_normal())


def trials(table: Table, sampler: str, seed: int, cache: Path) -> list[tuple[str, float]]:
    """Return the distinct networks of a search with what their trainings reached."""
    file = cache / f"{table.space.name}-{sampler}-{seed}.json"
    if file.is_file():
        return [(key, value) for key, value in json.loads(file.read_text())]
    rng = np.random.default_rng(seed)
    seen: dict[str, float] = {}

    def evaluate(params: Params) -> dict[str, float]:
        key = table.key(params)
        seen[key] = table.trained(key, rng)
        return {"error": 100 - seen[key], "cost": table.cost[key]}

    search(
        table.space,
        evaluate,
        objectives={"error": "min", "cost": "min"},
        known={"cost": lambda params: table.cost[table.key(params)]},
        trials=TRIALS,
        seed=seed,
        sampler=sampler,
    )
    file.write_text(json.dumps(list(seen.items())))
    return list(seen.items())


def exact(
    worth: Callable[[frozenset[str]], float], players: tuple[str, ...]
) -> tuple[np.ndarray, dict[tuple[str, str], float]]:
    """Return Shapley values and interaction indices from every coalition."""
    n = len(players)
    known = {
        frozenset(c): worth(frozenset(c)) for k in range(n + 1) for c in combinations(players, k)
    }
    values = np.zeros(n)
    pairs = dict.fromkeys(combinations(players, 2), 0.0)
    for coalition, value in known.items():
        s = len(coalition)
        for place, player in enumerate(players):
            if player not in coalition:
                weight = factorial(s) * factorial(n - s - 1) / factorial(n)
                values[place] += weight * (known[coalition | {player}] - value)
        for a, b in pairs:
            if not coalition & {a, b}:
                weight = factorial(s) * factorial(n - s - 2) / factorial(n - 1)
                both = known[coalition | {a, b}] - known[coalition | {a}] - known[coalition | {b}]
                pairs[a, b] += weight * (both + value)
    return values, pairs


class Count:
    """What is counted over attributions of one kind."""

    def __init__(self) -> None:
        self.values: list[bool] = []
        self.pairs: list[bool] = []
        self.order: list[bool] = []
        self.settled: list[bool] = []
        self.wrong: list[bool] = []
        self.width: list[float] = []

    def add(
        self, found: Attribution, values: np.ndarray, pairs: Mapping[tuple[str, str], float]
    ) -> None:
        """Count one attribution."""
        estimates = [found.of([name]) for name in found.choices]
        for each, truth in zip(estimates, values, strict=True):
            low, high = each.interval()
            self.values.append(low <= truth <= high)
            self.width.append((high - low) / 2)
        for pair, each in found.interactions.items():
            low, high = each.interval()
            self.pairs.append(low <= pairs[pair] <= high)
        for each, p, truth in zip(estimates, holm([e.p for e in estimates]), values, strict=True):
            if p < 0.05:
                self.wrong.append(each.value * truth < 0)
        if len(values) < 4:
            return
        is_right = [*np.argsort(-abs(found.mean))[:3]] == [*np.argsort(-abs(values))[:3]]
        self.order.append(is_right)
        if order_is_settled(found):
            self.settled.append(is_right)

    def row(self, name: str) -> str:
        """Return the counts as a line."""

        def share(which: list[bool]) -> str:
            return f"{100 * np.mean(which):5.1f} % of {len(which):<6}" if which else "-" + " " * 15

        return (
            f"{name:35} {share(self.values)} {share(self.pairs)} {share(self.order)} "
            f"{share(self.settled)} {share(self.wrong)} {np.median(self.width):.3f}"
        )


HEAD = f"{'':35} {'values':16} {'interactions':16} {'order of 3':16} {'settled':16} wrong sign"


def on_table(table: Table, sampler: str, repeats: int, cache: Path) -> None:
    accuracy = {kind: Count() for kind in ("a random trial", "the median trial", "any network")}
    latency, seen, plain, further = Count(), Count(), Count(), Count()
    began, every = time.perf_counter(), sorted(table.keys)
    for seed in range(repeats):
        done = trials(table, sampler, seed, cache)
        keys, y = [key for key, _ in done], np.array([value for _, value in done])
        rng = np.random.default_rng(seed)
        target = keys[int(y.argmax())]
        bases = (
            keys[int(rng.integers(len(keys)))],
            keys[int(np.argsort(y)[len(y) // 2])],
            every[int(rng.integers(len(every)))],
        )
        configurations = [table.params(key) for key in keys]
        for (_, count), base in zip(accuracy.items(), bases, strict=True):
            path = ConfigurationPath(table.space, table.params(base), table.params(target))
            if not path.players:
                continue
            found = attribute(path, configurations, y, tame_collapse=True)
            worth = _worth(table, path, table.truth)
            truth = exact(worth, path.players)
            count.add(found, *truth)
            if _lowest(worth, path.players) >= np.quantile(y, 0.05):
                seen.add(found, *truth)
            if base == bases[2]:
                plain.add(found, *truth)
                further.add(_with_more(table, path, configurations, y, rng), *truth)
            if table.log_ms and base == bases[2]:
                noisy = [table.log_ms[key] + 0.02 * rng.standard_normal() for key in keys]
                found = attribute(path, configurations, noisy)
                latency.add(found, *exact(_worth(table, path, table.log_ms), path.players))
    spent = (time.perf_counter() - began) / repeats
    print(f"\n{table.name}: {TRIALS} trials by {sampler}, {repeats} repeats, {spent:.1f} s each")
    print(f"{HEAD}  half width")
    for name, count in accuracy.items():
        print(count.row(f"accuracy, against {name}"))
    print(seen.row("accuracy, seen"))
    print(further.row(f"accuracy, with {MORE} more"))
    ratio = np.median(further.width) / np.median(plain.width)
    print(f"half width with {MORE} more trainings: {ratio:.2f} of that without")
    if latency.values:
        print(latency.row("log latency, against any network"))


def _worth(
    table: Table, path: ConfigurationPath, values: Mapping[str, float]
) -> Callable[[frozenset[str]], float]:
    return lambda chosen: values[table.key(path.mixture(chosen))]


def _with_more(
    table: Table,
    path: ConfigurationPath,
    configurations: list[Params],
    y: np.ndarray,
    rng: np.random.Generator,
) -> Attribution:
    """Return the attribution after further trainings, chosen in four rounds as a run does."""
    observed = {table.key(params): [value] for params, value in zip(configurations, y, strict=True)}
    for _ in range(4):
        known = _observed(table, observed)
        fitted = fit_path(path, *known, tame_collapse=True)
        if order_is_settled(attribute(path, *known, tame_collapse=True, pairs=())):
            break
        for chosen in most_informative(fitted, -(-MORE // 4), path.coalitions()):
            key = table.key(path.mixture(chosen))
            observed.setdefault(key, []).append(table.trained(key, rng))
    return attribute(path, *_observed(table, observed), tame_collapse=True)


def _observed(
    table: Table, observed: Mapping[str, list[float]]
) -> tuple[list[Params], list[float], list[int]]:
    return (
        [table.params(key) for key in observed],
        [float(np.mean(each)) for each in observed.values()],
        [len(each) for each in observed.values()],
    )


def _lowest(worth: Callable[[frozenset[str]], float], players: tuple[str, ...]) -> float:
    sizes = range(len(players) + 1)
    return min(worth(frozenset(c)) for size in sizes for c in combinations(players, size))


def planted(repeats: int) -> None:
    space = flat_space({f"p{i}": ["low", "high"] for i in range(6)}, "planted")
    ends: list[Params] = [dict.fromkeys(space.parameters, end) for end in ("low", "high")]
    path = ConfigurationPath(space, *ends)

    def value(params: Mapping[str, object]) -> float:
        up = {name for name, each in params.items() if each == "high"}
        return 1.0 * ("p0" in up) + 0.3 * ("p1" in up) + 0.7 * ({"p2", "p3"} <= up)

    truth, pairs = exact(lambda chosen: value(path.mixture(chosen)), path.players)
    print(f"\nplanted: effects 1.0, 0.3, 0, an interaction 0.7, noise 0.5; {repeats} repeats")
    print(
        "trials  values cover        found: 1.0   0.3   0 | interaction covers  found  others found"
    )
    for number in (60, 100, 200):
        cover, found, both, both_found, others = [], np.zeros(6), [], [], []
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            drawn = _evolved(space, value, number, rng)
            done = attribute(path, *drawn, tame_collapse=True)
            estimates = [done.of([name]) for name in done.choices]
            for each, wanted in zip(estimates, truth, strict=True):
                cover.append(each.interval()[0] <= wanted <= each.interval()[1])
            found += np.array(holm([each.p for each in estimates])) < 0.05
            adjusted = holm([each.p for each in done.interactions.values()])
            for (pair, each), p in zip(done.interactions.items(), adjusted, strict=True):
                if pairs[pair] > 0.1:
                    both.append(each.interval()[0] <= 0.7 <= each.interval()[1])
                    both_found.append(p < 0.05)
                else:
                    others.append(p < 0.05)
        share = found / repeats
        print(
            f"{number:6} {100 * np.mean(cover):5.1f} % of {len(cover):<6}   {share[0]:.3f} "
            f"{share[1]:.3f} {share[4:].mean():.3f} | {100 * np.mean(both):5.1f} %       "
            f"{np.mean(both_found):.3f}  {np.mean(others):.4f}",
            flush=True,
        )


def _evolved(
    space: SearchSpace, value: Callable[[Params], float], number: int, rng: np.random.Generator
) -> tuple[list[Params], np.ndarray]:
    """Return trials of which the second half are mutations of the best so far."""
    found = [space.sample(rng) for _ in range(number // 2)]
    values = [value(each) + 0.5 * rng.standard_normal() for each in found]
    while len(found) < number:
        best = np.argsort(values)[-8:]
        found.append(space.mutate(found[int(rng.choice(best))], rng))
        values.append(value(found[-1]) + 0.5 * rng.standard_normal())
    return found, np.array(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", type=Path, nargs="*")
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--sampler", default="evolution")
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    versions = f"numpy {np.__version__}, scipy {scipy.__version__}"
    print(f"{platform.machine()}, python {platform.python_version()}, {versions}")
    with tempfile.TemporaryDirectory() as folder:
        cache = options.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        if not options.tables:
            planted(options.repeats)
        for table in load_tables(options.tables):
            on_table(Table(table), options.sampler, options.repeats, cache)


if __name__ == "__main__":
    main()

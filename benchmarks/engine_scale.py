"""What asking and telling costs as a study grows, on SQLite, in batches of 4.

    python benchmarks/engine_scale.py [--sizes 100 1000 10000] [--batches 6]

A study on SQLite is filled with N finished trials (random ones, written in bulk); then batches
of 4 proposals are asked for, and their results recorded, by the default sampler of
`archsearch.search`, two objectives, one known. Printed: milliseconds a trial (ask, suggest, tell),
and the rival, Optuna's multivariate TPE, in the same study. Then front and hypervolume of 10^5
random points.
"""

import argparse
import platform
import resource
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from archsearch.analysis import hypervolume, nondominated
from archsearch.search.samplers.surrogate.model_sampler import ModelSampler
from archsearch.search.study_store import suggest
from archsearch.space import Params, SearchSpace, flat_space

DIRECTIONS: list[Literal["minimize", "maximize"]] = ["minimize", "minimize"]


def cost(params: Params) -> float:
    """Return the known objective."""
    return 1.0 + sum(int(str(value)[1:]) * (i + 1) for i, value in enumerate(params.values()))


def values_of(params: Params, rng: np.random.Generator) -> tuple[float, float]:
    """Return made-up objectives."""
    return 50.0 / cost(params) ** 0.5 + rng.normal(0, 0.1), cost(params)


def filled(space: SearchSpace, storage: str, size: int) -> optuna.Study:
    """Return a study with ``size`` finished trials."""
    study = optuna.create_study(storage=storage, study_name=f"n{size}", directions=DIRECTIONS)
    rng = np.random.default_rng(size)
    distributions: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(list(parameter.values))
        for name, parameter in space.parameters.items()
    }
    trials = []
    for _ in range(size):
        params = space.sample(rng)
        trials.append(
            optuna.trial.create_trial(
                params=params, distributions=distributions, values=values_of(params, rng)
            )
        )
    study.add_trials(trials)
    return study


def per_trial_ms(
    study: optuna.Study, space: SearchSpace, batches: int, rng: np.random.Generator
) -> list[float]:
    """Return milliseconds a trial of each batch; the first, which reads the study in, apart."""
    times = []
    for _ in range(batches + 1):
        began = time.perf_counter()
        asked = []
        for _ in range(4):
            trial = study.ask()
            asked.append((trial, space.walk(partial(suggest, trial))))
        for trial, params in asked:
            study.tell(trial, values_of(params, rng))
        times.append(250 * (time.perf_counter() - began))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--batches", type=int, default=6)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print(
        f"{platform.processor() or platform.machine()}, python {platform.python_version()}, "
        f"optuna {optuna.__version__}; batches of 4, n = {options.batches}"
    )
    space = flat_space({f"p{i}": [f"v{j}" for j in range(4)] for i in range(12)})
    goals = {100: 100, 1000: 200, 10_000: 500}
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{Path(folder) / 'study.db'}"
        for size in options.sizes:
            study = filled(space, storage, size)
            rng = np.random.default_rng(0)
            rivals = {
                "ours": ModelSampler(space, known={1: cost}),
                "TPE multivariate": optuna.samplers.TPESampler(multivariate=True, seed=0),
            }
            for name, sampler in rivals.items():
                study.sampler = sampler
                first, *times = per_trial_ms(study, space, options.batches, rng)
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                print(
                    f"{size:6} trials  {name:17} {statistics.median(times):7.1f} ms a trial "
                    f"({min(times):.1f} - {max(times):.1f}), first batch {first:.1f}; "
                    f"goal {goals.get(size, '-')} ms; peak {memory:.0f} MiB",
                    flush=True,
                )
    points = np.random.default_rng(0).random((100_000, 2))
    began = time.perf_counter()
    front = nondominated(points)
    middle = time.perf_counter()
    volume = hypervolume(points, (1.0, 1.0))
    ended = time.perf_counter()
    print(
        f"10^5 points: front of {front.sum()} in {middle - began:.3f} s, hypervolume {volume:.4f} "
        f"in {ended - middle:.3f} s (goal: under 1 s)"
    )


if __name__ == "__main__":
    main()

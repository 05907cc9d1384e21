"""The front against families of known networks, with intervals that are counted."""

import numpy as np
import pytest

from archsearch.analysis import Versus, family_gains
from archsearch.record import BaselineRecord, SeedResult, TrialRecord
from archsearch.report import baseline_table, family_table
from archsearch.report.figures import draw_front
from tests.report.synthetic_run import random_arch, synthetic_run

IMAGES = 2000
ARCH = random_arch(np.random.default_rng(0))
BASE = synthetic_run(60, seed=1, num_val=IMAGES)


def latency(ms):
    known = next(trial.latency for trial in BASE.trials if trial.latency is not None)
    return known.model_copy(
        update={"median_ms": ms, "interval_ms": (0.95 * ms, 1.05 * ms)} if known else {}
    )


def seeds(accuracies):
    return tuple(SeedResult(seed=1 + at, accuracy=each) for at, each in enumerate(accuracies))


def trial(number, ms, accuracies):
    return TrialRecord(
        number=number,
        digest=f"{number}",
        arch=ARCH,
        state="complete",
        latency=latency(ms),
        final_latency=latency(ms),
        accuracy=max(accuracies),
        other_seeds=seeds(accuracies),
    )


def size(name, ms, accuracies):
    first, *others = accuracies
    return BaselineRecord(
        name=name, latency=latency(ms), accuracy=first, seed=0, other_seeds=seeds(others)
    )


def run_of(trials, baselines):
    numbers = tuple(each.number for each in trials)
    return BASE.model_copy(
        update={"trials": tuple(trials), "front": numbers, "baselines": tuple(baselines)}
    )


def test_each_size_meets_the_best_that_is_no_slower():
    run = run_of(
        [trial(0, 1.0, [0.6, 0.6]), trial(1, 3.0, [0.8, 0.8])],
        [
            size("zoo:edgevit/2", 2.0, [0.55, 0.55, 0.55]),
            size("zoo:edgevit/1", 0.5, [0.3, 0.3, 0.3]),
            size("zoo:edgevit/3", 4.0, [0.7, 0.7, 0.7]),
            size("zoo:edgevit/4", 5.0, [0.75, 0.75, 0.75]),
            size("zoo:edgevit_xxs", 4.0, [0.9]),
            size("zoo:sepvit/1", 0.1, [0.1]),
            BaselineRecord(name="zoo:sepvit/2", reason="failed"),
        ],
    )
    edgevit, sepvit = family_gains(run)
    assert [each.name[-1] for each in edgevit.sizes] == ["1", "2", "3", "4"]
    assert [each and each.trial.number for each in edgevit.against] == [None, 0, 1, 1]
    assert edgevit.compared == 3
    assert edgevit.gain == pytest.approx((0.05 + 0.1 + 0.05) / 3)
    assert edgevit.least == pytest.approx(0.05)
    assert (sepvit.compared, sepvit.gain, sepvit.interval) == (0, None, None)
    values = family_table(run).values
    assert [each["verdict"] for each in values] == [
        "the front is more accurate",
        "faster than every point of the front",
    ]
    assert family_table(synthetic_run(3)) is None
    traces = {each.name: each for each in draw_front(run).figure.data}
    assert list(traces["edgevit"].x) == [0.5, 2.0, 4.0, 5.0]
    assert list(traces["baseline"].customdata) == ["edgevit_xxs"]
    (row,) = (each for each in baseline_table(run).values if each["name"] == "zoo:edgevit/3")
    assert row["seeds"] == {0: 0.7, 1: 0.7, 2: 0.7}


def test_the_interval_holds_the_true_gain():
    rng = np.random.default_rng(3)
    truth = {"edgevit/1": 0.70, "edgevit/2": 0.74, "edgevit/3": 0.77}
    ours, spread, held = {0: 0.75, 1: 0.79}, 0.008, 0
    true_gain = np.mean([0.75 - 0.70, 0.75 - 0.74, 0.79 - 0.77])

    def draw(mean, count):
        return rng.binomial(IMAGES, mean + spread * rng.standard_normal(count)) / IMAGES

    repeats = 150
    for _ in range(repeats):
        run = run_of(
            [trial(number, 2.0 + number, draw(mean, 2)) for number, mean in ours.items()],
            [
                size(f"zoo:{name}", ms, draw(mean, 3))
                for (name, mean), ms in zip(truth.items(), (2.1, 2.5, 3.5), strict=True)
            ],
        )
        (found,) = family_gains(run)
        assert isinstance(found.against[0], Versus)
        low, high = found.interval
        held += low <= true_gain <= high
    assert held / repeats >= 0.92

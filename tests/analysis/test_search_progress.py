import numpy as np
import pytest

from archsearch.analysis import Reference, hypervolume, objectives, pareto_front, progress
from tests.analysis.made_records import trial

REFERENCE = Reference(0.1, 5.0)


def random_trials(count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    states = rng.choice(["complete", "complete", "pruned", "failed", "infeasible"], count)
    return [
        trial(
            number,
            float(rng.random()) if state == "complete" else None,
            float(rng.uniform(0.5, 6)),
            state=str(state),
            curve=() if state == "infeasible" else (0.1,) * int(rng.integers(1, 4)),
            finished_s=float(rng.uniform(0, 100)),
        )
        for number, state in enumerate(states)
    ]


def test_every_prefix_equals_the_front_of_that_prefix():
    trials = random_trials(80)
    found = progress(trials, REFERENCE, budget_ms=5.0)
    by_number = {each.number: each for each in trials}
    for end in range(1, len(found.numbers) + 1):
        prefix = [by_number[number] for number in found.numbers[:end]]
        front = pareto_front(prefix, 5.0)
        volume = hypervolume(objectives(front), REFERENCE, (True, False)) / REFERENCE.area
        assert found.hypervolume[end - 1] == pytest.approx(volume)
        top = max((each.accuracy for each in front), default=np.nan)
        assert found.best_accuracy[end - 1] == pytest.approx(top, nan_ok=True)


def test_only_trained_trials_count_and_time_runs_forward():
    trials = random_trials(80, seed=1)
    found = progress(trials, REFERENCE, budget_ms=5.0)
    trained = [each for each in trials if each.state != "infeasible"]
    assert len(found.numbers) == len(trained)
    assert (np.diff(found.seconds) >= 0).all()
    assert (np.diff(found.hypervolume) >= 0).all()
    assert found.epochs[-1] == sum(len(each.curve) for each in trained)
    assert found.trials.tolist() == list(range(1, len(trained) + 1))


def test_unknown_ends_come_last():
    trials = [trial(0, 0.5, 1.0), trial(1, 0.6, 2.0, finished_s=3.0), trial(2, 0.7, 2.0)]
    found = progress(trials, REFERENCE)
    assert found.numbers.tolist() == [1, 0, 2]
    assert np.isnan(found.seconds[1:]).all()


def test_no_trials():
    found = progress([], Reference(0.1, 0.0))
    assert found.hypervolume.shape == (0,)

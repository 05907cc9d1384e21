"""The list of the best against Optuna's own, and against a slow twin with constraints."""

import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection
from optuna.trial import create_trial

from archsearch.dashboard.package import best_trials

UP, DOWN = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE


def trials(rng: np.random.Generator, count: int, objectives: int) -> list:
    made = []
    for number in range(count):
        state = "COMPLETE" if rng.random() < 0.8 else "PRUNED"
        values = rng.integers(0, 9, objectives).astype(float).tolist()
        trial = create_trial(
            state=optuna.trial.TrialState[state],
            values=values if state == "COMPLETE" else None,
            constraints={"a": float(rng.normal(-0.5)), "b": -1.0},
        )
        trial.number = number
        made.append(trial)
    return made


@pytest.mark.parametrize("directions", [(UP, DOWN), (DOWN, DOWN, UP), (UP, UP, UP, DOWN)])
def test_equal_to_a_slow_twin(directions):
    rng = np.random.default_rng(len(directions))
    made = trials(rng, 120, len(directions))
    known = [t for t in made if t.values and max(t.constraints.values()) <= 0]

    def loss(trial) -> np.ndarray:
        signs = [-1 if each is UP else 1 for each in directions]
        return np.array(trial.values) * signs

    expected = [
        t.number
        for t in known
        if not any((loss(o) <= loss(t)).all() and (loss(o) < loss(t)).any() for o in known)
    ]
    assert [t.number for t in best_trials(made, directions)] == expected


def test_none_are_best_of_none():
    assert best_trials([], (UP, DOWN)) == []


def test_ten_thousand_in_three_objectives():
    rng = np.random.default_rng(0)
    points = np.abs(rng.normal(size=(10_000, 3)))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    made = [create_trial(values=point.tolist()) for point in points]
    # points on a sphere are all optimal
    assert len(best_trials(made, (UP, UP, UP))) == 10_000

"""What is said of choices: none where chance explains all, those that were planted by name."""

import numpy as np
import pytest

from archsearch.report.figures.choices import draw_choices
from archsearch.report.importance_findings import (
    MEASURES,
    NOTHING,
    accuracy_verdict,
    clear_choices,
    measure_line,
    run_marginals,
    verdicts,
)
from tests.report.synthetic_run import synthetic_run


def made(effect: float, seed: int, count: int = 40, width: float = 0.0):
    """Return a run whose accuracies know of one choice at most, and latencies of another."""
    rng = np.random.default_rng(seed)
    run = synthetic_run(count, seed=seed)
    trials = []
    for trial in run.trials:
        choices = {"mixer": str(rng.choice(["a", "b"])), "width": int(rng.choice([16, 32])),
                   "stem": str(rng.choice(["x", "y", "z"]))}  # fmt: skip
        ms = float(np.exp(0.1 * rng.normal() + width * (choices["width"] == 16)))
        accuracy = float(0.8 + effect * (choices["mixer"] == "b") + 0.01 * rng.normal())
        update = {"median_ms": ms, "interval_ms": (0.9 * ms, 1.1 * ms)}
        trials.append(
            trial.model_copy(
                update={
                    "state": "complete",
                    "choices": choices,
                    "accuracy": accuracy,
                    "latency": trial.latency.model_copy(update=update),
                    "final_latency": None,
                }
            )
        )
    return run.model_copy(update={"trials": tuple(trials), "front": (), "budget_ms": None})


def test_chance_names_a_winner_no_more_often_than_it_may():
    named = [bool(clear_choices(run_marginals(made(0.0, seed)))) for seed in range(60)]
    assert sum(named) <= 7
    quiet = next(seed for seed, each in enumerate(named) if not each)
    said = accuracy_verdict(run_marginals(made(0.0, quiet)))
    assert said.startswith(NOTHING)
    assert not any(name in said for name in ("mixer", "width", "stem"))


@pytest.mark.parametrize("seed", range(3))
def test_what_was_planted_is_named_with_its_interval(seed):
    accuracy, latency = verdicts(run_marginals(made(0.04, seed, width=0.5)))
    assert accuracy.startswith("More accurate at equal latency: mixer = b (+")
    assert " points, +" in accuracy
    assert latency.startswith("Faster: width = 32 (-")


def test_the_figure_names_no_winner_where_there_is_none():
    seed = next(s for s in range(20) if not clear_choices(run_marginals(made(0.0, s))))
    drawing = draw_choices(made(0.0, seed))
    assert drawing.title.startswith(NOTHING)
    planted = draw_choices(made(0.04, seed))
    assert "mixer = b" in planted.title


def test_too_few_trials_say_so():
    assert "Too few trials" in accuracy_verdict(run_marginals(made(0.04, 0, count=5)))
    assert len(verdicts(run_marginals(made(0.04, 0, count=0)))) == 2


def test_every_measure_is_one_line():
    for name in MEASURES:
        assert "\n" not in measure_line(name)
        assert measure_line(name).startswith(name)

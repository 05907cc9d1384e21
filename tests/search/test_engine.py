"""`archsearch.search` on made-up evaluators."""

import logging
import random
import time

import optuna
import pytest

import archsearch
from archsearch.analysis import hypervolume
from archsearch.errors import InputError, RunError
from archsearch.search.function_search import search
from archsearch.space import flat_space, load_space

SPACE = flat_space({**{f"c{i}": ["a", "b", "c"] for i in range(5)}, "n": {"int": [1, 4]}})
BOTH = {"error": "min", "cost": "min"}


def cost(params):
    return params["n"] + sum("abc".index(params[f"c{i}"]) for i in range(5))


def evaluate(params):
    error = sum((i + 1) * (2 - "abc".index(params[f"c{i}"])) for i in range(5)) / params["n"]
    return {"error": error, "cost": cost(params)}


def keys(result):
    return [tuple(sorted(trial.params.items())) for trial in result.trials]


def exact():
    points = [tuple(evaluate(params).values()) for params in SPACE.enumerate()]
    return hypervolume(points, (30.0, 15.0))


def test_it_ends_with_as_many_trials_as_wanted():
    result = search(SPACE, evaluate, objectives=BOTH, trials=25)
    assert len(result.trials) == len(set(keys(result))) == 25
    assert result.stopped == "25 trials"
    assert all(trial.values == evaluate(trial.params) for trial in result.trials)


@pytest.mark.parametrize("known", [None, {"cost": cost}], ids=["learnt", "known"])
def test_ours_finds_most_of_the_front_and_more_than_random(known):
    reference = {"error": 30.0, "cost": 15.0}
    found = {
        sampler: search(
            SPACE, evaluate, objectives=BOTH, known=known, trials=60, sampler=sampler, seed=1
        ).hypervolume(reference)
        / exact()
        for sampler in ("model", "random")
    }
    assert found["model"] > 0.99
    assert found["model"] > found["random"]


def test_one_seed_gives_the_same_trials_however_fast_the_workers_are():
    def slowly(params):
        time.sleep(random.random() * 0.01)
        return evaluate(params)

    runs = [search(SPACE, slowly, objectives=BOTH, trials=40, workers=4, seed=3) for _ in range(3)]
    assert keys(runs[0]) == keys(runs[1]) == keys(runs[2])
    assert [trial.number for trial in runs[0].trials] == list(range(40))
    assert keys(search(SPACE, slowly, objectives=BOTH, trials=40, workers=4, seed=4)) != keys(
        runs[0]
    )


def test_maximising_is_minimising_the_negative():
    def turned(params):
        values = evaluate(params)
        return {"gain": -values["error"], "cost": values["cost"]}

    result = search(SPACE, turned, objectives={"gain": "max", "cost": "min"}, trials=50)
    gains = [trial.values["gain"] for trial in result.front]
    assert gains == sorted(gains)
    assert result.best.values["gain"] == max(gains) > -3.0


def test_what_a_known_constraint_forbids_is_never_evaluated():
    seen = []

    def watched(params):
        seen.append(params)
        return {"error": evaluate(params)["error"]}

    result = search(
        SPACE,
        watched,
        objectives={"error": "min"},
        constraints={"cost": 6},
        known={"cost": cost},
        trials=60,
    )
    assert len(seen) == 60
    assert all(cost(params) <= 6 for params in seen)
    best = min(evaluate(p)["error"] for p in SPACE.enumerate() if cost(p) <= 6)
    assert result.best.values["error"] == best


def test_a_constraint_that_must_be_evaluated_is_learnt():
    def three(params):
        return {**evaluate(params), "memory": 10.0 * cost(params)}

    result = search(
        SPACE, three, objectives={"error": "min"}, constraints={"memory": 60}, trials=80
    )
    assert result.best.values["memory"] <= 60
    late = [trial.feasible for trial in result.trials[40:]]
    early = [trial.feasible for trial in result.trials[:16]]
    assert sum(late) / len(late) > sum(early) / len(early)
    violations = result.study.trials[0].constraints
    assert violations["memory"] == pytest.approx(result.trials[0].values["memory"] / 60 - 1)


def test_a_used_up_space_ends_the_search():
    small = flat_space({"a": [1, 2, 3], "b": ["x", "y"]})
    for sampler in ("model", "evolution", "random"):
        result = search(
            small, lambda p: {"v": p["a"]}, objectives={"v": "min"}, trials=50, sampler=sampler
        )
        assert len(result.trials) == 6
        assert "every configuration" in result.stopped


def test_it_stops_when_nothing_is_gained():
    result = search(SPACE, evaluate, objectives=BOTH, trials=500, patience=25, seed=2)
    assert "no gain in hypervolume for 25 trials" in result.stopped
    assert len(result.trials) < 500


def test_it_stops_in_time():
    result = search(
        SPACE, lambda p: time.sleep(0.02) or evaluate(p), objectives=BOTH, time_limit_s=0.2
    )
    assert "time limit" in result.stopped
    assert 1 <= len(result.trials) < 30


def test_it_goes_on_from_what_it_knows(tmp_path):
    options = {"objectives": BOTH, "storage": f"sqlite:///{tmp_path}/study.db", "seed": 5}
    first = search(SPACE, evaluate, trials=20, **options)
    seen = []
    whole = search(SPACE, lambda p: seen.append(p) or evaluate(p), trials=35, **options)
    assert len(seen) == 15
    assert keys(whole)[:20] == keys(first)
    assert len(set(keys(whole))) == 35


def test_an_interrupted_trial_is_evaluated_later(tmp_path):
    options = {"objectives": BOTH, "storage": f"sqlite:///{tmp_path}/study.db"}

    def interrupted(params):
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append(params)
        return evaluate(params)

    calls = []
    with pytest.raises(KeyboardInterrupt):
        search(SPACE, interrupted, trials=20, **options)
    result = search(SPACE, evaluate, trials=20, **options)
    assert len(result.trials) == len(set(keys(result))) == 20
    states = {trial.state for trial in result.study.trials}
    assert optuna.trial.TrialState.RUNNING not in states


def test_architectures_are_evaluated_as_such():
    space = load_space("tiny")
    result = search(
        space,
        lambda arch: {"width": sum(stage.width for stage in arch.stages)},
        objectives={"width": "min"},
        trials=12,
    )
    assert len(result.trials) == 12


def test_one_failure_fails_one_trial_and_is_reported(caplog):
    def sometimes(params):
        if params["c0"] == "b":
            raise ValueError("no b here")
        return {"error": float("nan") if params["c0"] == "c" else 1.0, "cost": 1.0}

    with caplog.at_level(logging.ERROR):
        result = search(SPACE, sometimes, objectives=BOTH, trials=20)
    assert len(result.trials) == 20
    reasons = {trial.failure for trial in result.trials}
    assert reasons == {"", "ValueError: no b here", "error: not a number"}
    assert caplog.text.count("Traceback") == 1


def test_a_run_whose_first_trials_all_fail_stops():
    def never(params):
        raise ValueError("broken")

    with pytest.raises(RunError, match=r"first 5 candidates all failed.*ValueError: broken"):
        search(SPACE, never, objectives=BOTH, trials=20)


def test_what_the_evaluator_must_return():
    with pytest.raises(InputError, match=r"cots.*did you mean 'cost'"):
        search(SPACE, evaluate, objectives={"error": "min", "cots": "min"})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"objectives": {}}, "at least one objective"),
        ({"objectives": {"error": "minimise"}}, "must be 'min' or 'max'"),
        ({"trials": 0}, "trials: must be at least 1"),
        ({"workers": 0}, "workers: must be at least 1"),
        ({"sampler": "modell"}, "did you mean 'model'"),
        ({"constraints": {"cost": float("nan")}}, "finite upper limit"),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(InputError, match=message):
        search(SPACE, evaluate, **{"objectives": BOTH, **wrong})


def test_all_wrong_arguments_are_reported_at_once():
    with pytest.raises(InputError) as caught:
        search(SPACE, evaluate, objectives={"error": "up"}, trials=0, workers=-1)
    assert len(caught.value.problems) == 3


def test_the_package_itself_can_be_called():
    result = archsearch.search(SPACE, evaluate, objectives=BOTH, trials=3)
    assert len(result.trials) == 3


def test_a_limit_that_nothing_keeps_is_reported_with_the_lowest_there_is():
    with pytest.raises(InputError, match=r"constraints.cost: no configuration of space is so low"):
        search(
            SPACE,
            evaluate,
            objectives={"error": "min"},
            constraints={"cost": 0},
            known={"cost": cost},
        )


def test_limits_that_contradict_each_other_are_reported():
    def rest(params):
        return 14 - cost(params)

    with pytest.raises(InputError, match=r"contradict each other.*cost <= 5, rest <= 5"):
        search(
            SPACE,
            evaluate,
            objectives={"error": "min"},
            constraints={"cost": 5, "rest": 5},
            known={"cost": cost, "rest": rest},
        )


def test_an_evaluator_that_returns_no_mapping():
    with pytest.raises(InputError, match="evaluate: must return a mapping of names to values"):
        search(SPACE, lambda params: 0.3, objectives={"error": "min"}, trials=3)


def test_values_that_are_no_finite_numbers_fail_their_trial():
    bad = {"a": float("inf"), "b": None, "c": "many"}
    result = search(
        SPACE,
        lambda params: {"error": bad[params["c0"]] if params["n"] == 4 else 1.0, "note": "text"},
        objectives={"error": "min"},
        trials=40,
    )
    failed = [trial for trial in result.trials if trial.params["n"] == 4]
    assert failed
    assert {trial.failure for trial in failed} == {"error: not a number"}
    assert all(trial.values == {"error": 1.0} for trial in result.trials if not trial.failure)


@pytest.mark.parametrize("fewer", [4, 6, 9])
def test_fewer_trials_than_were_begun_are_not_exceeded(tmp_path, fewer):
    options = {"storage": f"sqlite:///{tmp_path}/study.db", "workers": 4}
    calls = []

    def interrupted(params):
        calls.append(params)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return evaluate(params)

    with pytest.raises(KeyboardInterrupt):
        search(SPACE, interrupted, objectives=BOTH, trials=12, **options)
    result = search(SPACE, evaluate, objectives=BOTH, trials=fewer, **options)
    assert len(result.trials) <= max(fewer, 5)
    assert len(search(SPACE, evaluate, objectives=BOTH, trials=12, **options).trials) == 12

"""`archsearch.search` with rungs, on made-up learning curves."""

import random
import time
import zlib
from collections import Counter

import optuna
import pytest
from optuna.trial import TrialState

from archsearch.errors import InputError
from archsearch.search.function_search import search
from archsearch.search.samplers.registry import SAMPLERS
from archsearch.space import flat_space

SPACE = flat_space({**{f"c{i}": ["a", "b", "c"] for i in range(5)}, "n": {"int": [1, 4]}})
BOTH = {"error": "min", "cost": "min"}
RUNGS = (1, 3, 9)


def cost(params):
    return params["n"] + sum("abc".index(params[f"c{i}"]) for i in range(5))


def error(params):
    return sum((i + 1) * (2 - "abc".index(params[f"c{i}"])) for i in range(5)) / params["n"]


def evaluate(params, fidelity, state):
    """Learn slowly: what is far from learnt is a little out of order."""
    wobble = zlib.crc32(repr(sorted(params.items())).encode()) % 7 / fidelity / 10
    begun = state["epochs"] if state else 0
    assert begun < fidelity
    value = error(params) + 30 / fidelity + wobble
    return {"error": value, "cost": cost(params)}, {"epochs": fidelity}


def run(**options):
    options = {"objectives": BOTH, "fidelities": RUNGS, "trials": 30, **options}
    return search(SPACE, options.pop("evaluate", evaluate), **options)


def identity(trial):
    return (trial.candidate, trial.fidelity, tuple(sorted(trial.params.items())))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_works_with_rungs(sampler):
    result = run(sampler=sampler, trials=12)
    begun = [trial for trial in result.trials if trial.fidelity == 1]
    assert len(begun) == len({identity(trial)[2] for trial in begun}) == 12
    assert len({identity(trial) for trial in result.trials}) == len(result.trials)
    assert result.stopped == "12 trials"


def test_candidates_climb_rung_by_rung_and_only_some():
    result = run(trials=45, workers=3)
    reached = Counter(trial.fidelity for trial in result.trials)
    assert reached[1] == 45 > reached[3] > reached[9] >= 4
    climbed = {}
    for trial in result.trials:
        below = climbed.get(trial.candidate)
        assert RUNGS.index(trial.fidelity) == (0 if below is None else RUNGS.index(below) + 1)
        climbed[trial.candidate] = trial.fidelity
        assert trial.origin == "promoted" or trial.fidelity == 1
    assert result.spent == reached[1] + 2 * reached[3] + 6 * reached[9]


def test_front_and_hypervolume_are_those_of_the_last_rung():
    result = run(trials=45)
    assert {trial.fidelity for trial in result.front} == {9}
    assert result.best.fidelity == 9
    assert all(trial.fidelity == 9 for trial in result.evaluated)
    complete = [t for t in result.study.trials if t.state == TrialState.COMPLETE]
    assert len(complete) == len(result.evaluated)
    assert {t.user_attrs["fidelity"] for t in complete} == {9}
    others = [t for t in result.study.trials if t.state != TrialState.COMPLETE]
    assert {t.state for t in others} == {TrialState.PRUNED}


def test_one_seed_gives_the_same_trials_however_fast_the_workers_are():
    def slowly(params, fidelity, state):
        time.sleep(random.random() * 0.01)
        return evaluate(params, fidelity, state)

    runs = [run(evaluate=slowly, workers=4, seed=3) for _ in range(3)]
    first, second, third = ([identity(trial) for trial in each.trials] for each in runs)
    assert first == second == third
    assert [identity(trial) for trial in run(workers=4, seed=4).trials] != first


def test_a_paused_candidate_gets_its_own_state_back():
    seen = {}

    def stateful(params, fidelity, state):
        key = tuple(params.values())
        assert state is seen.get(key)
        seen[key] = object()
        return {"error": error(params) + 1 / fidelity, "cost": cost(params)}, seen[key]

    assert {trial.fidelity for trial in run(evaluate=stateful).trials} == set(RUNGS)


def test_values_alone_may_be_returned():
    states = []

    def stateless(params, fidelity, state):
        states.append(state)
        return {"error": error(params) + 1 / fidelity, "cost": cost(params)}

    result = run(evaluate=stateless, trials=12)
    assert len(result.trials) == len(states)
    assert set(states) == {None}


def test_paused_candidates_are_promoted_in_a_later_session(tmp_path):
    options = {"storage": f"sqlite:///{tmp_path}/study.db", "seed": 5, "promote": 1 / 3}
    first = run(trials=9, **options)
    begun = {trial.candidate for trial in first.trials}
    finished = {identity(trial) for trial in first.trials}
    again = []

    def watched(params, fidelity, state):
        again.append((fidelity, state))
        return evaluate(params, fidelity, state)

    whole = run(trials=30, evaluate=watched, **options)
    assert finished < {identity(trial) for trial in whole.trials}
    assert len({identity(trial) for trial in whole.trials}) == len(whole.trials)
    late = [t for t in whole.trials if identity(t) not in finished and t.candidate in begun]
    assert late, "nothing that was paused was promoted"
    # the state was plain data, so it outlived the session
    assert all(state is None if fidelity == 1 else state for fidelity, state in again)


def test_an_interrupted_search_goes_on(tmp_path):
    options = {"storage": f"sqlite:///{tmp_path}/study.db"}
    calls = []

    def interrupted(params, fidelity, state):
        calls.append(params)
        if len(calls) == 16:
            raise KeyboardInterrupt
        return evaluate(params, fidelity, state)

    with pytest.raises(KeyboardInterrupt):
        run(evaluate=interrupted, workers=2, **options)
    result = run(workers=2, **options)
    assert len({identity(trial) for trial in result.trials}) == len(result.trials)
    assert sum(trial.fidelity == 1 for trial in result.trials) == 30
    states = {trial.state for trial in result.study.trials}
    assert not states & {TrialState.RUNNING, TrialState.WAITING}


def test_other_rungs_are_another_search(tmp_path):
    options = {"storage": f"sqlite:///{tmp_path}/study.db"}
    run(trials=5, **options)
    with pytest.raises(InputError, match="was started with"):
        run(trials=9, fidelities=(1, 9), **options)
    with pytest.raises(InputError, match="was started with"):
        search(SPACE, lambda p: {"error": 1.0, "cost": 1.0}, objectives=BOTH, **options)


def test_a_failure_at_a_higher_rung_takes_nobody_else_down():
    def fragile(params, fidelity, state):
        if fidelity == 3 and params["n"] == 4:
            raise ValueError("too long")
        return evaluate(params, fidelity, state)

    result = run(evaluate=fragile, trials=40, seed=1)
    failed = {trial.candidate for trial in result.trials if trial.failure}
    assert failed
    assert not failed & {trial.candidate for trial in result.evaluated}
    assert result.evaluated


def test_rank_correlations_between_rungs():
    def ordered(params, fidelity, state):
        return {"error": error(params) * fidelity, "cost": cost(params)}

    (first, second) = run(evaluate=ordered, trials=60).rank_correlations()
    assert (first.early, first.late, second.early) == (1, 9, 3)
    assert first.tau == second.tau == pytest.approx(1.0)
    assert first.n >= 5


def test_patience_counts_configurations_after_the_first_full_result():
    result = run(trials=90, patience=8, seed=2)
    assert "no gain in hypervolume for 8 trials" in result.stopped
    assert result.evaluated


def curve_of(params, fidelity, state):
    begun = state or 0
    return {"error": [error(params) + 30 / e for e in range(begun + 1, fidelity + 1)]}, fidelity


def test_a_function_may_return_every_epoch(tmp_path):
    options = {
        "objectives": BOTH,
        "known": {"cost": cost},
        "fidelities": range(1, 11),
        "storage": f"sqlite:///{tmp_path}/study.db",
    }
    first = search(SPACE, curve_of, trials=8, **options)
    assert first.fidelities == (2, 10)
    whole = search(SPACE, curve_of, trials=20, **options)
    assert Counter(trial.fidelity for trial in whole.trials)[2] == 20
    assert 4 <= len(whole.evaluated) < 20
    for trial in whole.trials:
        assert trial.values["error"] == pytest.approx(error(trial.params) + 30 / trial.fidelity)
    kept = [trial.user_attrs["curves"]["error"] for trial in whole.study.trials]
    assert Counter(map(len, kept))[10] == len(whole.evaluated)
    assert all(curve == sorted(curve, reverse=True) for curve in kept)


def test_an_interruption_changes_no_proposal(tmp_path):
    """What the model has chosen before it plays no part: not the curves, not its settings."""
    calls = []

    def interrupted(params, fidelity, state):
        calls.append(params)
        if len(calls) in (25, 47):
            raise KeyboardInterrupt
        return curve_of(params, fidelity, state)

    options = {"objectives": BOTH, "known": {"cost": cost}, "fidelities": range(1, 11)}
    whole = search(SPACE, curve_of, trials=40, **options)
    storage = f"sqlite:///{tmp_path}/study.db"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(SPACE, interrupted, trials=40, storage=storage, **options)
    again = search(SPACE, interrupted, trials=40, storage=storage, **options)
    assert list(map(identity, again.trials)) == list(map(identity, whole.trials))


@pytest.mark.parametrize("returned", [{"error": 1.0}, {"error": [1.0]}, {"error": [1.0] * 3}])
def test_other_numbers_of_epochs_are_refused(returned):
    with pytest.raises(InputError, match="one value for each of the 2 epochs since the pause"):
        search(
            SPACE,
            lambda params, fidelity, state: returned,
            objectives=BOTH,
            known={"cost": cost},
            fidelities=range(1, 11),
            trials=2,
        )


def test_constraints_hold_at_every_rung():
    result = run(constraints={"cost": 7}, known={"cost": cost}, trials=40)
    assert all(trial.values["cost"] <= 7 for trial in result.trials)


def test_low_rungs_save_epochs():
    """Half of the epochs of a search without rungs, and not much worse."""

    def whole(params):
        values, _ = evaluate(params, 9, None)
        return values

    reference = {"error": 34.0, "cost": 15.0}
    full = search(SPACE, whole, objectives=BOTH, known={"cost": cost}, trials=40)
    short = run(trials=45, known={"cost": cost})
    assert short.spent < 9 * 40 * 0.5
    assert short.hypervolume(reference) > 0.95 * full.hypervolume(reference)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fidelities": (1,)}, "must be two or more"),
        ({"fidelities": (3, 1)}, "must increase"),
        ({"fidelities": (0, 1)}, "must be positive"),
        ({"promote": 1.5}, "must be between 0 and 1"),
        ({"fidelities": range(2, 9)}, "fidelities: must be all epochs from 1 on"),
        ({"fidelities": (), "promote": 0.5}, "promote: needs rungs"),
        ({"evaluate": lambda params: {}}, "evaluate: must take configuration, fidelity and state"),
    ],
)
def test_wrong_arguments(wrong, message):
    with pytest.raises(InputError, match=message):
        run(**wrong)


def test_an_evaluator_of_rungs_needs_rungs():
    with pytest.raises(InputError, match=r"give fidelities=\(1, 3, 9\)"):
        search(SPACE, evaluate, objectives=BOTH)


def test_plain_optuna_sees_a_normal_study():
    study = run(trials=20).study
    assert study.best_trials
    assert all(isinstance(trial, optuna.trial.FrozenTrial) for trial in study.best_trials)

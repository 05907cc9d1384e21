"""A run goes on in a wider space with everything it knows."""

import copy

import pytest
from optuna.trial import TrialState

from archsearch.errors import InputError
from archsearch.run.space_widening import narrowing_problems, widen
from archsearch.search.storage import storage_at
from archsearch.search.study_store import StudyStore
from archsearch.space import SearchSpace, space_from
from archsearch.yaml_source import YamlSource
from tests.run.conftest import Bench, FakeExecutor


def changed(space: SearchSpace, **stages: object) -> SearchSpace:
    data = copy.deepcopy(space.to_dict())
    data["stages"][1].update(stages)
    return space_from(YamlSource("wider", data), "wider")


@pytest.fixture
def wider(bench: Bench) -> SearchSpace:
    return changed(bench.space, width={"choice": [16, 32, 48]}, depth={"choice": [1, 2, 3]})


def test_a_wider_space_contains_the_narrower_one(bench: Bench, wider: SearchSpace) -> None:
    assert narrowing_problems(bench.space, wider) == []
    assert narrowing_problems(bench.space, bench.space) == []


def test_lost_values_are_named(bench: Bench, wider: SearchSpace) -> None:
    problems = narrowing_problems(wider, bench.space)
    assert {problem.key for problem in problems} == {"stages.1.width", "stages.1.depth"}
    assert problems[0].rule.endswith(("lacks some: [48]", "lacks some: [3]"))


def test_a_lost_constant_is_seen_from_samples(bench: Bench) -> None:
    (problem,) = narrowing_problems(bench.space, changed(bench.space, head_dim=8))
    assert "must contain the space that the run was started in" in problem.rule


def test_a_value_that_was_fixed_may_become_a_choice(bench: Bench) -> None:
    wider = changed(bench.space, head_dim={"choice": [16, 8]})
    assert narrowing_problems(bench.space, wider) == []


def test_the_run_goes_on_and_trains_nothing_again(bench: Bench, wider: SearchSpace) -> None:
    bench.loop(trials=8, budget_ms=4.0).run()
    before = bench.opened.records()
    trained = set(bench.executor.trained)
    attributes = bench.opened.study.user_attrs
    numbers = [trial.number for trial in bench.opened.study.trials]
    constraints = [trial.constraints for trial in bench.opened.study.trials]
    widen(bench.folder, bench.folder.own_storage, bench.folder.name, bench.space, wider)

    bench.space = wider
    store = StudyStore(bench.folder.storage, bench.folder.name, wider)
    assert store.records() == before
    assert store.study.user_attrs == attributes
    assert [trial.number for trial in store.study.trials] == numbers
    assert [trial.constraints for trial in store.study.trials] == constraints
    bench.loop(trials=20, budget_ms=4.0, sampler="model").run()
    assert len(bench.executor.trained) == 12
    assert not trained & set(bench.executor.trained)
    found = {record.digest for record in bench.opened.records()}
    assert {record.digest for record in before} <= found
    widths = {record.arch.stages[1].width for record in bench.opened.records()}
    assert 48 in widths, "the new values are searched too"


def test_what_was_interrupted_starts_again_in_the_wider_space(
    bench: Bench, wider: SearchSpace
) -> None:
    with pytest.raises(KeyboardInterrupt):
        bench.loop(FakeExecutor(stop_after=4), trials=9).run()
    running = [t for t in bench.opened.study.trials if t.state == TrialState.RUNNING]
    assert running
    widen(bench.folder, bench.folder.own_storage, bench.folder.name, bench.space, wider)
    bench.space = wider
    bench.loop(trials=9).run()
    assert bench.listener.lines[0].startswith("resuming: ")
    assert all(trial.state.is_finished() for trial in bench.opened.study.trials)


def test_a_storage_elsewhere_is_refused(bench: Bench, wider: SearchSpace) -> None:
    with pytest.raises(InputError, match="own SQLite file"):
        widen(bench.folder, storage_at("sqlite:///elsewhere.db"), "own", bench.space, wider)

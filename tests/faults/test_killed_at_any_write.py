"""A search that is killed at any write, and goes on, ends with the trials of one that is not."""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from optuna.storages import RDBStorage

from archsearch.run.budgets import Budgets
from archsearch.run.run_folder import RunFolder
from archsearch.search.function_search import search
from archsearch.search.samplers.registry import SAMPLERS
from archsearch.space import flat_space, load_space
from tests.run.conftest import Bench, FakeExecutor, InheritingExecutor

WRITES = (
    "create_new_trial",
    "set_trial_param",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "set_trial_state_values",
)


#: kills are at random places, several in each
ATTEMPTS = 2


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(write: int | None) -> Iterator[Callable[[], int]]:
    """Raise in place of one write to the study; yield how many writes there were."""
    count = 0
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_create_new_trial" if n == "create_new_trial" else n for n in WRITES):
            inner = getattr(RDBStorage, name)

            def counted(*given: object, inner: Callable[..., object] = inner, **named: object):
                nonlocal count
                count += 1
                if write is not None and count >= write:
                    raise Killed
                return inner(*given, **named)

            patch.setattr(RDBStorage, name, counted)
        yield lambda: count


class InOrder(FakeExecutor):
    """Trains one at a time, one epoch a call, as the in-process executor does."""

    num_workers = 1


#: what a run is asked for
RUNS = {
    "default": {},
    "rungs": {"rungs": (1, 2)},
    "budgets": {"budgets": Budgets(latency_ms=4.2, macs=600_000)},
    "rungs and a budget": {"rungs": (1,), "budgets": Budgets(latency_ms=4.6)},
    "inherits": {"inherit": "run"},
    "inherits among rungs": {"inherit": "run", "rungs": (1,)},
    **{f"sampler {name}": {"sampler": name} for name in SAMPLERS if name != "model"},
}


def told(folder: RunFolder) -> list[tuple[object, ...]]:
    """Return what must be equal: everything but times."""
    import optuna

    study = optuna.load_study(study_name=folder.name, storage=folder.storage)
    return [
        (
            trial.number,
            trial.state,
            tuple(sorted(trial.params.items())),
            tuple(trial.values or ()),
            trial.user_attrs.get("origin"),
            trial.user_attrs.get("rung"),
            [each["accuracy"] for each in (trial.user_attrs.get("record") or {}).get("curve", [])],
            (trial.user_attrs.get("record") or {}).get("inherited"),
        )
        for trial in study.get_trials(deepcopy=False)
    ]


def run(folder: Path, options: dict[str, object], write: int | None = None) -> tuple[bool, int]:
    """Run, or go on; return whether it ended, and the number of writes."""
    run_folder = RunFolder(folder)
    if not run_folder.exists():
        run_folder.create({"identity": {}})
    executor = InheritingExecutor() if "inherit" in options else InOrder()
    session = Bench(run_folder, load_space("tiny")).loop(executor, trials=10, **options)
    with killed_at(write) as count:
        try:
            session.run()
        except Killed:
            return False, count()
    return True, count()


@pytest.mark.parametrize(
    "case",
    [
        case if case in ("default", "inherits") else pytest.param(case, marks=pytest.mark.slow)
        for case in RUNS
    ],
)
def test_a_run_killed_at_any_write_is_the_run_that_was_not(tmp_path: Path, case: str) -> None:
    whole, writes = run(tmp_path / "whole", RUNS[case])
    assert whole
    expected = told(RunFolder(tmp_path / "whole"))
    assert any(trial[-1] for trial in expected) == ("inherit" in RUNS[case])
    rng = random.Random(case)
    for attempt in range(ATTEMPTS):
        folder = tmp_path / f"killed{attempt}"
        kills = 0
        while not run(folder, RUNS[case], 1 + int(rng.random() * writes / 2))[0]:
            kills += 1
            assert kills < 200
        assert kills
        assert told(RunFolder(folder)) == expected


SPACES = {
    "small": flat_space({**{f"c{i}": [0, 1, 2] for i in range(5)}, "n": {"int": [1, 4]}}),
    # too large to list
    "large": flat_space({"c0": {"int": [0, 60]}, "c1": {"int": [0, 60]}, "n": {"int": [1, 60]}}),
}


def cost(params):
    return sum(params.values())


@pytest.mark.parametrize(
    ("sampler", "workers", "rungs", "size"),
    [
        ("model", 3, (1, 3, 9), "small"),
        ("model", 1, (), "large"),
        *(
            pytest.param(sampler, workers, rungs, "small", marks=pytest.mark.slow)
            for sampler, workers, rungs in itertools.product(
                ["model", "tpe", "random"], [1, 3], [(), (1, 3, 9)]
            )
        ),
    ],
)
def test_a_search_killed_at_any_write_loses_no_evaluation(
    tmp_path: Path, rungs: tuple[int, ...], workers: int, sampler: str, size: str
) -> None:
    lock = threading.Lock()
    calls: list[tuple[object, ...]] = []

    def evaluate(params, fidelity=9, state=None):
        with lock:
            calls.append((*params.items(), fidelity))
        time.sleep(0.001 * (hash(tuple(params.items())) % 5))
        error = sum(abs(value - 7 * i) for i, value in enumerate(params.values())) + 9 / fidelity
        values = {"error": error, "cost": cost(params)}
        return (values, {"done": fidelity}) if rungs else values

    def go(url: str):
        given = evaluate if rungs else lambda params: evaluate(params)
        return search(
            SPACES[size],
            given,
            objectives={"error": "min", "cost": "min"},
            known={"cost": cost},
            fidelities=rungs,
            trials=14,
            workers=workers,
            sampler=sampler,
            storage=url,
        )

    def identity(result):
        return [
            (t.number, t.fidelity, t.candidate, tuple(sorted(t.params.items())), dict(t.values))
            for t in result.trials
        ]

    with killed_at(None) as count:
        expected = identity(go(f"sqlite:///{tmp_path}/whole.db"))
    writes, whole = count(), sorted(map(str, calls))
    rng = random.Random(f"{rungs} {workers}")
    for attempt in range(ATTEMPTS):
        calls.clear()
        kills = 0
        while True:
            with killed_at(1 + int(rng.random() * writes / 2)):
                try:
                    result = go(f"sqlite:///{tmp_path}/killed{attempt}.db")
                    break
                except Killed:
                    kills += 1
            time.sleep(0.01)  # threads of the killed session end
        assert kills
        assert identity(result) == expected
        # only what was in the air is done again: at most the workers' evaluations a kill
        assert len(calls) <= len(whole) + kills * workers

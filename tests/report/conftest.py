import pytest

from archsearch.record import RunRecord
from tests.report.synthetic_run import synthetic_run

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&<b>x</b>\u2028{trial}"


@pytest.fixture(scope="session")
def usual() -> RunRecord:
    """A run like the main one: every state occurs."""
    run = synthetic_run(150, baselines=True)
    assert {trial.state for trial in run.trials} == {"complete", "pruned", "infeasible", "failed"}
    return run


@pytest.fixture(scope="session")
def hostile() -> RunRecord:
    """A run whose every string tries to leave its place on a page."""
    run = synthetic_run(30)
    trials = [
        trial.model_copy(update={"reason": HOSTILE, "origin": HOSTILE, "checkpoint": HOSTILE})
        for trial in run.trials
    ]
    where = run.environment.model_copy(
        update={"device": HOSTILE, "cpu": HOSTILE, "system": HOSTILE, "archsearch": HOSTILE}
    )
    return run.model_copy(
        update={
            "name": HOSTILE,
            "trials": tuple(trials),
            "notes": (HOSTILE,),
            "config": {"data": {"val": 360}, HOSTILE: HOSTILE},
            "environment": where,
            "time_by_cause": {HOSTILE: 3.0, "training": 1.0},
        }
    )


RUNS = {
    "usual": lambda: synthetic_run(150),
    "three trials": lambda: synthetic_run(3),
    "nothing trained": lambda: synthetic_run(1),
    "no trials": lambda: synthetic_run(0),
    "no budget": lambda: synthetic_run(40, budget_ms=None),
    "images unknown": lambda: synthetic_run(40, num_val=None),
    "large images": lambda: synthetic_run(20, budget_ms=100.0, image_size=224),
    "just begun": lambda: synthetic_run(5).model_copy(
        update={"time_by_cause": {}, "notes": (), "config": {}, "wall_s": 0.0}
    ),
}


@pytest.fixture(scope="session", params=RUNS)
def any_run(request: pytest.FixtureRequest) -> RunRecord:
    """Every kind of run that a report must cope with."""
    return RUNS[request.param]()

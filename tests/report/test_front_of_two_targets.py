"""A front over two latency targets, in every form it is written in."""

from archsearch.record import Aims, TrialRecord
from archsearch.report import front_points, front_table, headline
from archsearch.report.front_columns import FRONT_COLUMNS, columns_of
from tests.analysis.made_records import latency, trial
from tests.report.synthetic_run import synthetic_run

NAME = "onnxruntime_ms"


def with_target(number: int, first: float, second: float, accuracy: float) -> TrialRecord:
    made = trial(number, latency_ms=first, accuracy=accuracy)
    return made.model_copy(update={"more_latencies": {NAME: latency(second)}})


def test_each_form_has_the_latency_of_both_targets() -> None:
    run = synthetic_run(5).model_copy(
        update={
            "trials": (
                with_target(0, 1.0, 3.0, 0.5),
                with_target(1, 2.0, 1.0, 0.5),
                with_target(2, 2.0, 3.0, 0.5),
            ),
            "front": (),
            "aims": Aims(
                objectives=("accuracy", "latency_ms", NAME),
                budgets_ms={"latency_ms": 5.0, NAME: 4.0},
            ),
        }
    )
    table = front_table(run)
    points = front_points(run)
    assert [(p["trial"], p["latency_ms"], p[NAME]) for p in points] == [
        (0, 1.0, 3.0),
        (1, 2.0, 1.0),
    ]
    for text in (table.markdown(), table.latex(), table.csv()):
        assert "onnxruntime" in text
    assert any("accuracy, latency_ms, onnxruntime_ms" in note for note in table.notes)
    assert "within 5 ms and 4 ms at onnxruntime" in headline(run)


def test_a_front_of_one_target_has_the_usual_columns() -> None:
    assert columns_of(synthetic_run(5)) == FRONT_COLUMNS

"""Further latency targets and chosen objectives in a run, against the slow rule."""

import itertools

import pytest

from archsearch.analysis import pareto_front
from archsearch.arch import Arch
from archsearch.errors import BudgetUnreachableError, InputError
from archsearch.record import TrialRecord
from archsearch.run import screening
from archsearch.run.config_settings import configured
from archsearch.run.final.front_evaluation import confirm_front
from archsearch.run.latency.latency_target import FurtherTarget
from tests.run.conftest import Bench, FakeMeasurer, Recorder, latency_of

NAME = "onnxruntime_ms"


def onnx_of(arch: Arch) -> float:
    """Return a latency that prefers other networks than the first target does."""
    return 0.5 + sum(
        stage.depth * (0.2 if stage.width > 20 else 0.6)
        + (0.3 if stage.blocks[0].attention.type == "window" else 0.0)
        for stage in arch.stages
    )


def target(budget_ms: float | None = None) -> dict[str, FurtherTarget]:
    return {"onnxruntime": FurtherTarget(runtime="onnxruntime", budget_ms=budget_ms)}


def undominated(records: list[TrialRecord], names: tuple[str, ...]) -> set[int]:
    """Return the front by its definition."""

    def point(record: TrialRecord) -> list[float]:
        values = [record.value(name) or 0.0 for name in names]
        return [-v if name == "accuracy" else v for name, v in zip(names, values, strict=True)]

    points = {record.number: point(record) for record in records}
    beaten = {
        a
        for a, b in itertools.permutations(points, 2)
        if all(q <= p for p, q in zip(points[a], points[b], strict=True)) and points[a] != points[b]
    }
    return set(points) - beaten


def test_two_targets_with_a_budget_each(bench: Bench) -> None:
    further = {NAME: FakeMeasurer(onnx_of)}
    session = bench.loop(
        trials=10, budget_ms=6.0, sampler="model", targets=target(2.2), further=further
    )
    session.run()
    records = bench.opened.records()
    for record in records:
        over = latency_of(record.arch) > 6.0 or onnx_of(record.arch) > 2.2
        assert (record.state == "infeasible") == over
        assert (record.digest in bench.executor.trained) == (not over)
        measured = record.more_latencies.get(NAME)
        if latency_of(record.arch) > 6.0:
            assert measured is None, "what is over one budget is not measured at the next target"
        else:
            assert measured is not None
            assert measured.median_ms == onnx_of(record.arch)
    complete = [record for record in records if record.state == "complete"]
    assert len(complete) >= 10
    assert any(onnx_of(r.arch) > 2.2 for r in records if r.state == "infeasible")
    aims = session.config.aims
    assert aims.objectives == ("accuracy", "latency_ms", NAME)
    found = {record.number for record in pareto_front(complete, aims)}
    assert found == undominated(complete, aims.objectives)
    study = bench.opened.study
    assert len(study.directions) == 3
    ended = [trial for trial in study.trials if trial.state.is_finished()]
    assert all(set(trial.constraints) == {"latency_ms", NAME} for trial in ended)


def test_objectives_may_be_sizes(bench: Bench) -> None:
    session = bench.loop(trials=8, sampler="model", objectives=("params", "accuracy"))
    session.run()
    complete = bench.opened.records()
    names = session.config.aims.objectives
    assert names == ("accuracy", "params")
    found = {record.number for record in pareto_front(complete, session.config.aims)}
    assert found == undominated(complete, names)
    assert [t.values for t in bench.opened.study.trials] == [
        [record.accuracy, record.params] for record in complete
    ]


def test_the_front_is_confirmed_at_every_target(bench: Bench) -> None:
    further = {NAME: FakeMeasurer(onnx_of)}
    session = bench.loop(trials=6, targets=target(), further=further)
    session.run()
    again = {NAME: FakeMeasurer(lambda arch: 2 * onnx_of(arch))}
    done = confirm_front(
        bench.opened.records(), bench.measurer, session.config.aims, Recorder(), further=again
    )
    assert done.front
    for record in done.front:
        assert record.is_confirmed
        assert record.value(NAME) == 2 * onnx_of(record.arch)


def test_a_budget_of_a_further_target_that_nothing_keeps(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screening, "_FASTEST_MOST", 4)
    session = bench.loop(trials=4, targets=target(0.01), further={NAME: FakeMeasurer(onnx_of)})
    with pytest.raises(BudgetUnreachableError, match=r"\(onnxruntime_ms\).*budget_ms of onnx"):
        session.run()
    assert bench.executor.trained == []


def test_a_target_has_from_the_first_one_what_it_leaves_open() -> None:
    config = configured(
        {
            "space": "tiny",
            "latency": {"threads": 2, "device": "cpu", "runtime": "compiled"},
            "targets": ["onnxruntime:budget_ms=3", "eager:name=one_thread,threads=1"],
        },
        [],
    )
    first, second = config.targets.values()
    assert (first.runtime, first.threads, first.device, first.budget_ms) == (
        "onnxruntime",
        2,
        "cpu",
        3,
    )
    assert (second.runtime, second.threads, second.budget_ms) == ("eager", 1, None)
    assert list(config.directions) == ["accuracy", "latency_ms", NAME, "one_thread_ms"]
    assert config.limits == {NAME: 3}
    assert type(config).model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"targets": ["onnxruntime:budget_ms=-1"]}, "greater than 0"),
        ({"targets": ["onnxruntime:treads=2"]}, "did you mean 'threads'"),
        ({"targets": ["onnxruntime:x"]}, "KEY=VALUE"),
        ({"targets": ["eager", "eager:threads=2"]}, "another name"),
        ({"targets": ["nothing"]}, "must be one of"),
        ({"targets": {"latency": {}}}, "other than latency"),
        ({"targets": {"there": {"elsewhere": True}}}, "only the first target"),
        ({"objectives": "accuracy"}, "at least one more"),
        ({"objectives": "params,macs"}, "must be accuracy"),
        ({"objectives": "accuracy,latency"}, "must be of accuracy, latency_ms"),
        ({"objectives": "accuracy,macs,macs"}, "differ"),
    ],
)
def test_wrong_targets_and_objectives(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        configured({"space": "tiny", **given}, [])

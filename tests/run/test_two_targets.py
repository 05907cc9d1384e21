"""Two latency targets at once: accuracy and the predictions of two tables as objectives."""

import numpy as np
import pytest

from archsearch import load_space, search
from archsearch.analysis import nondominated
from archsearch.arch import Arch
from archsearch.cost import GATE, LatencyTable, TableKey, current_environment
from archsearch.cost.network_parts import count_parts

OBJECTIVES = {"accuracy": "max", "eager_ms": "min", "onnx_ms": "min"}
TRIALS = 24
LIMIT_MS = 1.6
SPACE = load_space("tiny")


def accuracy_of(arch: Arch) -> float:
    return sum(
        stage.depth * (stage.width / 64) ** 0.5 + 0.3 * stage.blocks[0].attention.type.count("_")
        for stage in arch.stages
    )


def evaluate(arch: Arch) -> dict[str, float]:
    return {"accuracy": accuracy_of(arch)}


def table_of(runtime: str, each: float, attention: float, sample: list[Arch]) -> LatencyTable:
    """Return a table of a made-up device: a time for each part, and more for attention."""
    protocol = GATE.model_copy(update={"runtime": runtime})
    table = LatencyTable(TableKey.of(current_environment(), protocol, threads=1))
    keys = {key for arch in sample for key in count_parts(arch)}
    slow = "attention sparse" if runtime == "eager" else "attention window"
    table.add_parts({key: each + attention * key.startswith(slow) for key in sorted(keys)})
    return table


@pytest.fixture(scope="module")
def tables() -> dict[str, LatencyTable]:
    sample = [SPACE.arch(params) for params in SPACE.enumerate()]
    return {
        "eager_ms": table_of("eager", 0.1, 0.5, sample),
        "onnx_ms": table_of("onnxruntime", 0.05, 0.4, sample),
    }


def searched(tables, function=evaluate):
    known = {
        "eager_ms": lambda arch: tables["eager_ms"].predict(arch).ms,
        "onnx_ms": lambda arch: tables["onnx_ms"].predict(arch).ms,
    }
    return search(
        SPACE,
        function,
        objectives=OBJECTIVES,
        known=known,
        constraints={"eager_ms": LIMIT_MS},
        trials=TRIALS,
        seed=0,
    )


def test_three_objectives_of_which_two_are_known(tables) -> None:
    trained: list[Arch] = []

    def watched(arch: Arch) -> dict[str, float]:
        trained.append(arch)
        return evaluate(arch)

    result = searched(tables, function=watched)
    assert len({arch.digest for arch in trained}) == len(trained) == TRIALS
    for arch, trial in zip(trained, result.trials, strict=True):
        for name, table in tables.items():
            assert trial.values[name] == table.predict(arch).ms
        assert trial.values["eager_ms"] <= LIMIT_MS
    # the front is that of all three objectives, by the slow rule
    points = np.array([[v["accuracy"], -v["eager_ms"], -v["onnx_ms"]] for v in values_of(result)])
    beaten = [any((q >= p).all() and (q > p).any() for q in points) for p in points]
    wanted = {t.number for t, out in zip(result.trials, beaten, strict=True) if not out}
    assert {trial.number for trial in result.front} == wanted
    # which keeps what neither target alone would
    pairs = [nondominated(points[:, [0, k]], True) for k in (1, 2)]
    assert (~np.array(beaten) & ~pairs[0]).any()
    assert (~np.array(beaten) & ~pairs[1]).any()


def values_of(result) -> list[dict[str, float]]:
    return [trial.values for trial in result.trials]

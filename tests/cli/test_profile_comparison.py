"""``archsearch profile --compare``; the probe is made up, everything else is real."""

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from archsearch.cli.app import main
from archsearch.cost import Comparison, Levels
from archsearch.cost.measured_network import Target
from archsearch.record import LatencyResult
from tests.run.conftest import result

MODEL = """
from torch import nn
def small(): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2)), (3, 8, 8)
def large(): return nn.Sequential(nn.Conv2d(3, 8, 3)), (3, 16, 16)
def none(): return None
"""


class MadeProbe:
    """In place of the probe: each network takes as long as the test says."""

    takes_ms: ClassVar[dict[str, float]] = {}
    #: deviation of each process's log ratios to the first network
    deviations: ClassVar[tuple[float, ...]] = (0.0,)
    asked: ClassVar[list[Any]] = []

    def __init__(self, device: str, threads: int) -> None:
        self.processes = 0
        self.asked.append((device, threads))

    def __enter__(self) -> "MadeProbe":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def close(self) -> None:
        self.processes += 1

    def prepare(self, target: Target, protocol: object, input_shape: object) -> None:
        pass

    def compare(self, targets: Sequence[Target], protocol: Any, input_shapes: Any) -> Comparison:
        self.asked.append((list(input_shapes), protocol))
        times = [self.takes_ms[str(target)] for target in targets]
        logs = [math.log(ms) for ms in times]
        shift = self.deviations[self.processes % len(self.deviations)]
        logs = [logs[0], *(each + shift for each in logs[1:])]
        mean = sum(logs) / len(logs)
        levels = Levels(tuple(each - mean for each in logs), (0.001,) * len(logs), 40)
        results: tuple[LatencyResult, ...] = tuple(result(ms) for ms in times)
        return Comparison(results, (levels,))


@pytest.fixture(autouse=True)
def folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.py").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("archsearch.cli.profile_comparison.Probe", MadeProbe)
    MadeProbe.takes_ms = {"m.py:small": 1.0, "m.py:large": 1.25, "timm:resnet10t": 1.003}
    MadeProbe.deviations = (0.0, 0.004, -0.004)
    MadeProbe.asked = []


def ended(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["profile", *words])
    return int(caught.value.code or 0)


def test_ratios_of_every_pair(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["m.py:small", "m.py:large", "timm:resnet10t"]
    assert ended(names[0], "--compare", *names[1:], "--json", "--threads", "2") == 0
    found = json.loads(capsys.readouterr().out)
    assert MadeProbe.asked[0] == ("cpu", 2)
    assert [each["name"] for each in found["networks"]] == names
    assert [each["input_shape"] for each in found["networks"]][:2] == [[3, 8, 8], [3, 16, 16]]
    assert found["networks"][0]["params"] == 3 * 4 * 9 + 4 + 4 * 36 * 2 + 2
    pairs = {(each["name"], each["base"]): each for each in found["ratios"]}
    assert set(pairs) == {(names[1], names[0]), (names[2], names[0]), (names[2], names[1])}
    assert pairs[names[1], names[0]]["ratio"] == pytest.approx(1.25, rel=0.01)
    assert pairs[names[1], names[0]]["verdict"] == "25 % slower"
    assert pairs[names[2], names[0]]["verdict"] == "cannot be told apart"
    assert pairs[names[2], names[1]]["verdict"] == "20 % faster"
    low, high = pairs[names[2], names[0]]["ratio_interval"]
    assert low < 1 < high
    assert 3 <= found["passes"] <= 5
    # latencies stand to one another as the ratios say
    times = {each["name"]: each["latency_ms"] for each in found["networks"]}
    for (name, base), each in pairs.items():
        assert times[name] / times[base] == pytest.approx(each["ratio"])


def test_tables_say_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("m.py:small", "m.py:large", "--compare", "--batch", "4") == 0
    shown = capsys.readouterr().out
    assert "25 % slower" in shown
    assert "passes, each by a fresh process" in shown
    assert "inputs of different sizes" in shown
    assert MadeProbe.asked[1][1].batch_size == 4
    assert ended("m.py:small", "m.py:large", "--compare", "--csv") == 0
    tables = capsys.readouterr().out.split("\n\n")[0]
    assert next(csv.DictReader(io.StringIO(tables)))["name"] == "m.py:small"


def test_one_size_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended("timm:resnet10t", "m.py:large", "--compare", "--image-size", "32") == 0
    assert "different sizes" not in capsys.readouterr().out
    assert MadeProbe.asked[1][0] == [(3, 32, 32), (3, 32, 32)]


def test_many_networks_are_compared_with_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["m.py:small", *["m.py:large"] * 6]
    assert ended(*names, "--compare", "--json") == 0
    found = json.loads(capsys.readouterr().out)["ratios"]
    assert [each["base"] for each in found] == ["m.py:small"] * 6


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        ("m.py:small --compare", ["--compare: needs two networks or more"]),
        ("m.py:small m.py:large", ["takes one network without --compare"]),
        ("m.py:small m.py:large --compare --no-latency", ["--no-latency: cannot go with"]),
        (
            "zoo:nothing --compare m.py:small timm:nothing nowhere m.py:none",
            [
                "'nothing'",
                "timm has no model 'nothing'",
                "nowhere: is no run",
                "must return a network",
            ],
        ),
        (
            "m.py:none --compare timm:nothing m.py:small",
            ["must return a network", "timm has no model 'nothing'"],
        ),
        ("m.py:small --compare timm:resnet10t --fuse", ["m.py:small does not", "resnet10t does"]),
    ],
)
def test_all_that_is_wrong_is_said(
    words: str, sentences: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(*words.split()) == 2
    told = capsys.readouterr().err
    assert all(sentence in told for sentence in sentences), told
    assert not MadeProbe.asked or MadeProbe.asked == [("cpu", 1)]

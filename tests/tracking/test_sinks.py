"""Every tool that results can be logged to holds what was logged, once, also after a resume.

A new tool passes by being registered and by having a reader here.
"""

import json
import logging
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from archsearch.errors import InputError
from archsearch.tracking import SINKS, Entry, Point, Table, Tracker, check_sinks
from archsearch.tracking import registry as registry_module
from archsearch.tracking.registry import SinkKind

#: tool -> {entry: {name of a value: [(step, value), ...]}}
Curves = dict[str, dict[str, list[tuple[int, float]]]]

TRIAL = Entry(
    "trial-0001",
    "search",
    config={"stages.0.depth": 2, "attention": "window", "learning_rate": 1e-3, "flip": True},
    points=(
        Point(1, {"train/loss": 2.25, "val/accuracy": 0.5}),
        Point(2, {"train/loss": 1.5, "val/accuracy": 0.75}),
    ),
    results={"accuracy": 0.75, "latency_ms": 3.5, "latency_verdict": "steady", "state": "complete"},
)
SEARCH = Entry("search", config={"seed": 0})
TABLE = Table(("trial", "accuracy", "verdict"), ((1, 0.75, "steady"), (4, 0.875, None)))


@pytest.fixture(params=["plain", "50%25 [ä] b"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    found = tmp_path / request.param
    found.mkdir()
    return found


@pytest.fixture(params=sorted(SINKS))
def tool(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(SINKS[request.param].package)
    return str(request.param)


def log(folder: Path, tool: str, *entries: Entry) -> None:
    warnings: list[str] = []
    with Tracker(folder, [tool], warnings.append) as tracker:
        for entry in entries:
            tracker.log(entry)
    assert warnings == []


@pytest.mark.filterwarnings("ignore")
def test_curves_results_and_configuration_come_back(folder: Path, tool: str) -> None:
    page = folder / "report.html"
    page.write_text("<p>a page</p>", encoding="utf-8")
    front = Entry("front", "search", table=TABLE, files=(page,))
    log(folder, tool, replace(SEARCH, is_open=True), TRIAL, front)
    read = READERS[tool](folder)
    assert read.curves["trial-0001"]["train/loss"] == [(1, 2.25), (2, 1.5)]
    assert read.curves["trial-0001"]["val/accuracy"] == [(1, 0.5), (2, 0.75)]
    assert read.results["trial-0001"]["accuracy"] == 0.75
    assert read.results["trial-0001"]["latency_ms"] == 3.5
    assert "steady" in str(read.results["trial-0001"]["latency_verdict"])
    assert read.config["trial-0001"]["attention"] == "window"
    assert float(read.config["trial-0001"]["stages.0.depth"]) == 2
    assert "0.875" in read.table
    if read.keeps_files:
        assert "a page" in read.files


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_run_adds_only_what_is_new(folder: Path, tool: str) -> None:
    begun = replace(TRIAL, points=TRIAL.points[:1], is_open=True, results={})
    log(folder, tool, begun)
    log(folder, tool, TRIAL)
    log(folder, tool, TRIAL)
    tested = replace(TRIAL, results={**TRIAL.results, "test_accuracy": 0.625})
    log(folder, tool, tested)
    log(folder, tool, tested)
    read = READERS[tool](folder)
    assert read.curves["trial-0001"]["train/loss"] == [(1, 2.25), (2, 1.5)]
    assert read.results["trial-0001"]["test_accuracy"] == 0.625


class _Read:
    """What a tool holds."""

    def __init__(self) -> None:
        self.curves: Curves = defaultdict(lambda: defaultdict(list))
        self.results: dict[str, dict[str, Any]] = defaultdict(dict)
        self.config: dict[str, dict[str, Any]] = defaultdict(dict)
        self.table = ""
        self.files = ""
        self.keeps_files = True


def _tensorboard(folder: Path) -> _Read:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    read = _Read()
    read.keeps_files = False
    for path in (folder / "tensorboard").iterdir():
        events = EventAccumulator(str(path), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            values = [(event.step, event.value) for event in events.Scalars(tag)]
            if tag.startswith("result/"):
                read.results[path.name][tag.removeprefix("result/")] = values[-1][1]
            else:
                # two files of one second may be read in either order
                read.curves[path.name][tag] = sorted(values)
        for tag in events.Tags()["tensors"]:
            text = events.Tensors(tag)[-1].tensor_proto.string_val[0].decode()
            name = tag.removesuffix("/text_summary")
            if name == "table":
                read.table = text
            else:
                read.results[path.name][name.removeprefix("result/")] = text
        content = events.summary_metadata.get("_hparams_/session_start_info")
        if content is not None:
            data = HParamsPluginData.FromString(content.plugin_data.content)
            for name, value in data.session_start_info.hparams.items():
                kind = value.WhichOneof("kind")
                read.config[path.name][name] = getattr(value, kind)
    return read


def _wandb(folder: Path) -> _Read:
    from wandb.proto import wandb_internal_pb2 as pb

    read = _Read()
    for path in sorted((folder / "wandb").glob("offline-run-*/run-*.wandb")):
        key = ""
        for data in _records(path.read_bytes()):
            record = pb.Record.FromString(data)
            if record.HasField("run"):
                key = record.run.display_name.rpartition("/")[2]
                for item in record.run.config.update:
                    read.config[key][item.key] = json.loads(item.value_json)
            elif record.HasField("history"):
                items = {
                    "/".join(item.nested_key) or item.key: json.loads(item.value_json)
                    for item in record.history.item
                }
                for name, value in items.items():
                    if isinstance(value, int | float) and not name.startswith("_"):
                        read.curves[key][name].append((items["_step"], value))
            elif record.HasField("summary"):
                for item in record.summary.update:
                    name = "/".join(item.nested_key) or item.key
                    read.results[key][name] = json.loads(item.value_json)
        media = path.parent / "files" / "media"
        read.table += "".join(each.read_text() for each in media.rglob("*.json"))
        read.files += "".join(each.read_text() for each in media.rglob("*.html"))
    return read


def _records(log: bytes) -> Iterator[bytes]:
    """Yield the records of a log in the format of LevelDB, after W&B's header of 7 bytes."""
    block, header, at, parts = 32768, 7, 7, b""
    while at + header <= len(log):
        left = block - at % block
        if left < header:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", log, at + 4)
        if kind == 0:
            return
        parts += log[at + header : at + header + length]
        at += header + length
        if kind in (1, 4):  # the whole of a record, or its last part
            yield parts
            parts = b""


def _mlflow(folder: Path) -> _Read:
    from mlflow.tracking import MlflowClient

    read = _Read()
    client = MlflowClient(tracking_uri=f"sqlite:///{quote(str(folder / 'mlflow.db'))}")
    (experiment,) = (e for e in client.search_experiments() if e.name == folder.name)
    runs = client.search_runs([experiment.experiment_id])
    ids = {run.info.run_id: run.data.tags["archsearch.key"] for run in runs}
    assert len(set(ids.values())) == len(ids), "one run for each entry"
    for run in runs:
        key = ids[run.info.run_id]
        parent = run.data.tags.get("mlflow.parentRunId")
        assert parent is None or ids[parent] == "search"
        read.config[key] = dict(run.data.params)
        read.results[key] = {**run.data.tags, **run.data.metrics}
        for name in run.data.metrics:
            history = client.get_metric_history(run.info.run_id, name)
            read.curves[key][name] = sorted((each.step, each.value) for each in history)
        for path in (folder / "mlartifacts").rglob("*"):
            if path.suffix == ".json":
                read.table += path.read_text()
            elif path.suffix == ".html":
                read.files += path.read_text()
    return read


READERS: dict[str, Any] = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}


def test_every_tool_has_a_reader() -> None:
    assert set(READERS) == set(SINKS)


class _Broken:
    """Fails after ``good`` entries."""

    def __init__(self, good: int) -> None:
        self.good = good
        self.written: list[tuple[str, int, int]] = []

    def write(self, entry: Entry, done: int, version: int) -> None:
        if len(self.written) >= self.good:
            raise OSError(28, "No space left on device")
        self.written.append((entry.key, done, version))

    def close(self) -> None:
        self.written.append(("closed", 0, 0))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[_Broken]:
    made: list[_Broken] = []

    def opened(folder: Path, group: str) -> _Broken:
        made.append(_Broken(1 if len(made) == 0 else 99))
        return made[-1]

    monkeypatch.setitem(SINKS, "broken", SinkKind("json", opened))
    return made


def entries(count: int) -> list[Entry]:
    return [replace(TRIAL, key=f"trial-{number}") for number in range(count)]


def test_a_tool_that_fails_warns_once_and_gets_the_rest_later(
    broken: list[_Broken], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    warnings: list[str] = []
    caplog.set_level(logging.CRITICAL, "archsearch")
    with Tracker(tmp_path, ["broken"], warnings.append) as tracker:
        for entry in entries(4):
            tracker.log(entry)
    (line,) = warnings
    assert line.startswith("logging to broken failed ([Errno 28] No space left on device)")
    assert broken[0].written == [("trial-0", 0, 0)]
    with Tracker(tmp_path, ["broken"], warnings.append) as tracker:
        for entry in entries(4):
            tracker.log(entry)
    assert len(warnings) == 1
    assert [key for key, _, _ in broken[1].written] == ["trial-1", "trial-2", "trial-3", "closed"]


def test_a_tool_that_hangs_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class Hanging(_Broken):
        def write(self, entry: Entry, done: int, version: int) -> None:
            release.wait(30)

    monkeypatch.setitem(SINKS, "hangs", SinkKind("json", lambda folder, group: Hanging(1)))
    warnings: list[str] = []
    began = time.monotonic()
    with Tracker(tmp_path, ["hangs"], warnings.append, close_s=0.2) as tracker:
        tracker.log(TRIAL)
    assert time.monotonic() - began < 10
    assert "logging did not end within" in warnings[0]
    release.set()


def test_nothing_is_written_without_a_tool(tmp_path: Path) -> None:
    with Tracker(tmp_path, [], lambda line: None) as tracker:
        tracker.log(TRIAL)
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_cannot_be_read_is_begun_again(broken: list[_Broken], tmp_path: Path) -> None:
    (tmp_path / "logged.json").write_text("{")
    log(tmp_path, "broken", TRIAL)
    assert broken[0].written[0] == ("trial-0001", 0, 0)


def test_unknown_and_missing_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_sinks([]) == ()
    monkeypatch.setattr(registry_module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError) as caught:
        check_sinks(["tensorbord", "wandb", "mlflow"])
    assert [str(each) for each in caught.value.problems] == [
        "--log: must be one of tensorboard, wandb, mlflow, but got 'tensorbord'; "
        "did you mean 'tensorboard'?",
        "--log: needs the package wandb; run pip install 'archsearch[wandb]'",
        "--log: needs the package mlflow; run pip install 'archsearch[mlflow]'",
    ]

"""What doctor finds on machines that are made up, and that a broken part ends nothing."""

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from archsearch.cli.app import main
from archsearch.doctor import CHECKS, Finding, examine, hardware, software, storage
from archsearch.doctor import checks as examine_module
from archsearch.doctor.checks import ray_findings
from archsearch.doctor.import_check import Answer, Question
from archsearch.machine import MachineLimits

GIB = 2**30


def made(cores: float = 4, memory: float = 16, shared: float | None = 8) -> MachineLimits:
    free = None if shared is None else int(shared * GIB)
    return MachineLimits(
        cores, "affinity", int(memory * GIB), "all of the machine", free, "/dev/shm"
    )


@pytest.mark.parametrize(
    ("limits", "levels"),
    [
        (made(), ["ok", "ok", "ok"]),
        (made(cores=1), ["note", "ok", "ok"]),
        (made(cores=0.5), ["note", "ok", "ok"]),
        (made(memory=1), ["ok", "problem", "ok"]),
        (made(shared=0.0625), ["ok", "ok", "note"]),
        (made(shared=None), ["ok", "ok"]),
    ],
)
def test_limits(limits: MachineLimits, levels: list[str]) -> None:
    assert [each.level for each in hardware.limits(limits)] == levels


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("flags", "level", "shown"),
    [
        ("fpu avx avx2 avx512f avx512_bf16 amx_bf16", "ok", "avx2, avx512f, avx512_bf16, amx_bf16"),
        ("fpu sse2 avx", "note", "none of note"),
        ("fp asimd bf16", "ok", "asimd, bf16"),
    ],
)
def test_instructions(flags: str, level: str, shown: str, tmp_path: Path) -> None:
    text = f"processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: {flags}\n"
    (found,) = hardware.instructions(machine(tmp_path, {"proc/cpuinfo": text}))
    assert (found.level, found.value) == (level, f"Some CPU: {shown}")


CPU = "sys/devices/system/cpu"


@pytest.mark.parametrize(
    ("files", "level", "value"),
    [
        ({}, "ok", "scaling is not shown here, as on most virtual machines"),
        ({f"{CPU}/cpu0/cpufreq/scaling_governor": "performance\n"}, "ok", "governor performance"),
        (
            {
                f"{CPU}/cpu0/cpufreq/scaling_governor": "powersave\n",
                f"{CPU}/intel_pstate/no_turbo": "0\n",
            },
            "note",
            "governor powersave, turbo on",
        ),
        ({f"{CPU}/cpufreq/boost": "0\n"}, "ok", "turbo off"),
    ],
)
def test_clock(files: dict[str, str], level: str, value: str, tmp_path: Path) -> None:
    (found,) = hardware.clock(machine(tmp_path, files))
    assert (found.level, found.value) == (level, value)


def test_allocator(tmp_path: Path) -> None:
    (found,) = hardware.allocator(tmp_path, "glibc")
    assert found.level == "ok"
    (found,) = hardware.allocator(tmp_path, "musl")
    assert found.level == "note"
    preloaded = machine(tmp_path, {"proc/self/maps": "7f /usr/lib/libjemalloc.so.2\n"})
    (found,) = hardware.allocator(preloaded, "glibc")
    assert (found.level, found.value) == ("note", "jemalloc")


def test_steal_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat_file = "cpu  {} 0 0 {} 0 0 0 {} 0 0\n"
    machine(tmp_path, {"proc/stat": stat_file.format(0, 0, 0)})

    def later(seconds: float) -> None:
        machine(tmp_path, {"proc/stat": stat_file.format(50, 40, 10)})

    monkeypatch.setattr(time, "sleep", later)
    found = {each.name: each for each in hardware.neighbours(tmp_path)}
    assert found["steal time"].value == "10.0 % over 1 s"
    assert found["steal time"].level == "note"


@pytest.mark.parametrize(
    ("percents", "level"), [([], "ok"), ([9, 9, 9], "ok"), ([90], "note"), ([15] * 3, "note")]
)
def test_busy_is_what_others_take_now_not_the_load_of_the_last_minute(
    percents: list[float], level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        SimpleNamespace(pid=-1 - at, info={"name": "other"}, cpu_percent=lambda _, p=percent: p)
        for at, percent in enumerate(percents)
    ]
    monkeypatch.setattr(hardware.psutil, "process_iter", lambda names: others)
    monkeypatch.setattr(hardware.os, "getloadavg", lambda: (7.0, 7.0, 7.0), raising=False)
    found = {each.name: each for each in hardware.neighbours(watch_s=0.01, cores=2)}
    assert found["load"].level == level
    assert f"others keep {sum(percents) / 100:.1f} of 2 cores busy" in found["load"].value


@pytest.mark.parametrize(
    ("free_gib", "level", "means"),
    [
        (100, "ok", ""),
        (0.5, "note", "weights and data may fill the disk"),
        (0.1, "problem", "the disk is full"),
    ],
)
def test_a_folder_is_tried_and_left_as_it_was(
    free_gib: float, level: str, means: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=int(free_gib * GIB))
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda place: usage)
    monkeypatch.setattr(storage, "_file_system", lambda place: "ext4")
    wanted = tmp_path / "runs" / "deep"
    (found,) = storage.folder("runs", wanted)
    assert (found.level, found.means) == (level, means)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (found,) = storage.folder("runs", file / "runs")
    assert found.level == "problem"
    (found,) = storage.folder("cache", file / "cache", is_needed=False)
    assert found.level == "note"
    monkeypatch.setattr(storage, "_locks_work", lambda path: False)
    (found,) = storage.folder("runs", tmp_path)
    assert found.level == "problem"
    assert "spoil" in found.means
    monkeypatch.undo()
    monkeypatch.setattr(storage, "_file_system", lambda place: "nfs4")
    (found,) = storage.folder("runs", tmp_path)
    assert found.level == "note"
    assert found.means.startswith("a network file system")
    usage = type("Usage", (), {"free": 10})()
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda place: usage)
    (found,) = storage.folder("runs", tmp_path)
    assert (found.level, found.means) == ("problem", "the disk is full")


TORCH: dict[str, Any] = {"cpu": "AVX512", "bf16": True, "cuda": [], "built": None, "threads": 2}


@pytest.mark.parametrize(
    ("answer", "gpus", "levels"),
    [
        (Answer(TORCH), 0, ["ok", "ok"]),
        (Answer(TORCH), 1, ["ok", "note"]),
        (Answer({**TORCH, "built": "12.6"}), 1, ["ok", "note"]),
        (Answer({**TORCH, "built": "12.6", "cuda": ["L4"]}), 1, ["ok", "ok"]),
        (Answer({**TORCH, "cpu": "DEFAULT"}), 0, ["note", "ok"]),
        (Answer(error="ImportError: libtorch"), 0, ["problem"]),
        (Answer(is_late=True), 0, ["note"]),
    ],
)
def test_torch(answer: Answer, gpus: int, levels: list[str], tmp_path: Path) -> None:
    for index in range(gpus):
        (tmp_path / str(index)).mkdir()
    assert [each.level for each in software.torch_findings(answer, tmp_path)] == levels


def test_ray_and_runtimes() -> None:
    fine = Answer({"seconds": 3.0, "store": GIB})
    assert ray_findings(fine, 10)[0] == Finding("start", "in 3.0 s, object store 1.0 GiB")
    assert ray_findings(Answer(error="RuntimeError: x"), 10)[0].level == "problem"
    assert ray_findings(Answer(is_late=True), 10)[0].level == "note"
    (found,) = software.runtime_findings("onnxruntime", Answer(error="ImportError: bad ELF"))
    assert found.level == "note"
    assert found.value == "ImportError: bad ELF"


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("print('{\"a\": 1}')", lambda answer: answer.data == {"a": 1}),
        ("raise ImportError('no such symbol')", lambda a: a.error == "ImportError: no such symbol"),
        ("import os; os.abort()", lambda answer: answer.error != "" and answer.data is None),
        ("print('x')", lambda answer: answer.error == "printed nothing that can be read"),
        ("import time; time.sleep(60)", lambda answer: answer.is_late),
    ],
)
def test_questions_to_broken_programs(code: str, check: Any) -> None:
    limit_s = 0.5 if "sleep" in code else 60
    assert check(Question(code).answer(time.monotonic() + limit_s))


def test_every_check_runs_and_one_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine_module.software, "RUNTIMES", {"json": "1 / 0"})
    monkeypatch.setattr(examine_module.software, "TORCH", "raise ImportError('broken')")
    monkeypatch.setattr(examine_module, "_RAY", "import os; os.abort()")

    def fail(examination: object) -> list[Finding]:
        raise OSError("unreadable")

    monkeypatch.setitem(CHECKS, "limits", fail)
    found = dict(examine(tmp_path, limit_s=60))
    assert list(found) == list(CHECKS)
    assert found["limits"] == [
        Finding("check", "OSError: unreadable", "note", "its finding is unknown")
    ]
    assert found["devices"][0].level == "problem"
    assert found["ray"][0].level == "problem"
    assert found["runtimes"][0].value == "ZeroDivisionError: division by zero"
    for findings in found.values():
        for each in findings:
            assert each.level == "ok" or each.means, f"{each.name} says what would go wrong"


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("note", 0), ("problem", 1)])
def test_the_command(
    level: Any, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module("archsearch.cli.doctor")
    finding = Finding("disk [red]", "full", level, "nothing can be written", "make room")
    monkeypatch.setattr(module, "examine", lambda runs_dir: iter([("storage", [finding])]))
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert (ended.value.code or 0) == code
    printed = capsys.readouterr().out
    assert "disk [red]" in printed
    assert "nothing can be written; make room" in printed
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])
    assert (ended.value.code or 0) == code
    data = json.loads(capsys.readouterr().out)
    assert data["problems"] == code
    assert data["findings"]["storage"][0]["level"] == level


def test_doctor_works_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['ray'] = None; "
        "import archsearch.cli.doctor"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)

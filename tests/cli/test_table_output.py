"""Every table as data, and output that a pipe can take."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from archsearch.cli import console
from archsearch.cli.app import main
from archsearch.report.plain_table import csv_text
from archsearch.run import RunFolder
from tests.dashboard.conftest import write_run
from tests.report.synthetic_run import synthetic_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "usual"
    return write_run(RunFolder(path), synthetic_run(20, name="usual"))


def printed(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert not ended.value.code
    return capsys.readouterr().out


def piped(capsys, monkeypatch, *arguments: str) -> str:
    """Return what a pipe gets under the present $COLUMNS, without a process that loads torch."""
    fresh = console._results()
    for name in ("_width", "soft_wrap"):
        monkeypatch.setattr(console.out, name, getattr(fresh, name))
    return printed(capsys, *arguments)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_front(folder, capsys):
    data = json.loads(printed(capsys, "front", str(folder.path), "--json"))
    table = rows(printed(capsys, "front", str(folder.path), "--csv"))
    assert [int(each["trial"]) for each in table] == [each["trial"] for each in data]
    assert float(table[0]["latency_interval_ms_low"]) == data[0]["latency_interval_ms"][0]
    assert "arch" not in table[0]


def test_space_zoo_and_profile(capsys):
    spaces = rows(printed(capsys, "space", "tiny", "--csv"))
    assert {each["parameter"] for each in spaces} >= {"stages.1.depth", "stages.1.width"}
    zoo = rows(printed(capsys, "zoo", "edgevit_xxs", "--csv"))
    assert [each["model"] for each in zoo] == ["edgevit_xxs"]
    assert 4.0e6 < int(zoo[0]["params"]) < 4.2e6
    parts = rows(printed(capsys, "profile", "zoo:edgevit_xxs", "--no-latency", "--csv"))
    whole = json.loads(printed(capsys, "profile", "zoo:edgevit_xxs", "--no-latency", "--json"))
    assert [each["name"] for each in parts] == [each["name"] for each in whole["units"]]


@pytest.mark.parametrize("command", [("front", "x"), ("space", "tiny"), ("zoo",)])
def test_one_format_at_a_time(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--json", "--csv"])
    assert ended.value.code == 2
    assert "--csv: cannot go with --json; choose one" in capsys.readouterr().err


def test_flattening():
    text = csv_text([{"a": {"b": 1}, "c": [1.5, 2]}, {"d": ["x", "y", "z"], "e": 'say "hi", you'}])
    assert rows(text) == [
        {"a.b": "1", "c_low": "1.5", "c_high": "2", "d": "", "e": ""},
        {"a.b": "", "c_low": "", "c_high": "", "d": "x; y; z", "e": 'say "hi", you'},
    ]


def test_a_pipe_gets_no_control_codes_and_whole_rows(folder):
    command = [sys.executable, "-m", "archsearch", "front", str(folder.path)]
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120, env=environment
    )
    assert "\x1b" not in done.stdout + done.stderr
    # on a busy machine, standard error says what is waited for
    assert all(line.endswith(" so far") for line in done.stderr.splitlines())
    run = synthetic_run(20, name="usual")
    table = done.stdout.splitlines()[3 : 3 + len(run.front)]
    assert [int(line.split()[0]) for line in table] == list(run.front)


def test_quiet_and_verbose_are_options_of_all_commands(folder, capsys):
    assert printed(capsys, "--quiet", "front", str(folder.path)) == printed(
        capsys, "front", str(folder.path)
    )
    assert printed(capsys, "--verbose", "zoo", "edgevit_xxs", "--csv")


def test_a_run_of_a_newer_version(folder, capsys, tmp_path):
    copy = tmp_path / "newer"
    copy.mkdir()
    text = (
        (folder.path / "config.yaml").read_text().replace("archsearch: 0.1.0", "archsearch: 9.2.0")
    )
    (copy / "config.yaml").write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["front", str(copy)])
    assert ended.value.code == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "written by a newer version than this one" in error
    assert "'9.2.0'" in error
    assert "pip install --upgrade archsearch" in error


@pytest.mark.parametrize(
    "command", ["run", "front", "report", "ablate", "importance", "space", "zoo", "profile"]
)
def test_every_command_that_prints_a_table_takes_the_same_options(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    said = printed(capsys, command, "--help")
    for option in ("--format", "--json", "--csv"):
        assert option in said, f"{command} lacks {option}"
    assert "table, md, latex, csv, json" in " ".join(said.split())


@pytest.mark.parametrize("kind", ["md", "latex", "csv", "json"])
@pytest.mark.parametrize("command", [("front", "{run}"), ("space", "tiny"), ("zoo", "deit_tiny")])
def test_every_format_is_of_the_same_rows(folder, capsys, command, kind):
    words = [word.format(run=folder.path) for word in command]
    text = printed(capsys, *words, "--format", kind)
    plain = printed(capsys, *words)
    name = next(line.split()[0] for line in plain.splitlines() if "─" in plain.splitlines()[
        plain.splitlines().index(line) - 1])  # fmt: skip
    assert name.replace("_", "\\_" if kind == "latex" else "_") in text


#: models whose lines are long; to count all takes seconds
ZOO = ("lightvit_tiny", "localvit_tnt", "sepvit_lite")


@pytest.mark.parametrize(
    ("columns", "width"), [("", 120), ("90", 90), ("200", 200), ("0", 120), ("many", 120)]
)
@pytest.mark.parametrize("command", ["front", "space", "zoo"])
def test_a_table_in_a_pipe_has_a_sane_width(folder, capsys, monkeypatch, command, columns, width):
    words = {"front": (str(folder.path),), "space": ("tiny",), "zoo": ZOO}[command]
    if command != "front" and columns not in ("", "90"):
        pytest.skip("one command is enough")
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    said = piped(capsys, monkeypatch, command, *words)
    in_table = False
    for each in said.splitlines():
        # a table begins with the rule below its head; text around it is not broken in a pipe
        # and ends where a command is suggested
        in_row = bool(each.strip()) and not each.strip().startswith("archsearch ")
        in_table = each.startswith("─") or (in_table and in_row)
        if in_table:
            assert len(each) <= width
    assert in_table or "─" in said


@pytest.mark.parametrize("kind", ["csv", "md", "json", "latex"])
def test_data_has_every_column_at_any_width(folder, capsys, monkeypatch, kind):
    texts = []
    for width in ("40", "500"):
        monkeypatch.setenv("COLUMNS", width)
        texts.append(printed(capsys, "front", str(folder.path), "--format", kind))
    assert texts[0] == texts[1]


def test_a_narrow_pipe_drops_no_value(folder, capsys, monkeypatch):
    words = []
    for columns in ("120", "500"):
        monkeypatch.setenv("COLUMNS", columns)
        words.append(set(piped(capsys, monkeypatch, "front", str(folder.path)).split()))
    missing = {word for word in words[1] - words[0] if not word.startswith("─")}
    # a word longer than its column goes on in the next line
    assert all(any(word.startswith(part) for part in words[0]) for word in missing)

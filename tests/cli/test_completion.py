"""What a shell is offered: the right words, quickly, and never an error."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from archsearch.cli import completion
from archsearch.cli.app import COMMANDS, build_app
from archsearch.cli.command_signature import parameters_of, stand_in
from archsearch.cli.completion import completer_of, rejoined
from archsearch.cost.protocol import LatencyProtocol
from archsearch.data import DATA_NAMES
from archsearch.export import Format
from archsearch.report.plain_table import FORMATS
from archsearch.resources import resource_names
from archsearch.run.execution_options import Execution
from archsearch.search import SAMPLERS
from archsearch.zoo import names as zoo_names


def offered(line: str, folder: Path | None = None, **environment: str) -> list[str]:
    """Return what bash is offered for the last word of ``line``."""
    words = line.split(" ")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'archsearch'; "
            "from archsearch.cli.app import main; main(); "
            "print(*(set(sys.modules) & {'torch', 'ray', 'timm', 'yaml'}), file=sys.stderr)",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=folder,
        env=os.environ
        | {
            "_ARCHSEARCH_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            **environment,
        },
    )
    loaded = set(done.stderr.split())
    assert loaded <= {"yaml"}, f"{loaded} takes seconds"
    return done.stdout.split()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_stand_in_has_the_parameters_of_the_command(command: str) -> None:
    function = importlib.import_module(f"archsearch.cli.{command}").command

    def shape(target: Any) -> list[tuple[Any, ...]]:
        app = typer.Typer(add_completion=False)
        app.command()(target)
        # shells sort options by themselves
        return sorted(
            (
                each.name,
                sorted(each.opts),
                sorted(each.secondary_opts),
                each.nargs,
                each.param_type_name,
            )
            for each in typer.main.get_command(app).params
        )

    assert shape(stand_in(command, completer_of)) == shape(function)
    helps = {each.name: each.help for each in parameters_of(command)}
    assert sum(map(bool, helps.values())) >= len(helps) - 1
    for declared, _ in getattr(function, "config_options", []):
        assert helps[declared.option.parameter].startswith(declared.option.help)


def test_every_completer_is_that_of_a_parameter() -> None:
    known = {(command, each.name) for command in COMMANDS for each in parameters_of(command)}
    for command, parameter in completion._COMPLETERS:
        assert any(parameter == name and command in ("", owner) for owner, name in known)


def test_the_words_are_those_that_the_commands_take() -> None:
    fields = LatencyProtocol.model_fields
    assert set(completion.RUNTIMES) == set(get_args(fields["runtime"].annotation))
    assert set(completion.DTYPES) == set(get_args(fields["dtype"].annotation))
    assert set(completion.SAMPLERS) == set(SAMPLERS)
    assert set(completion.EXECUTORS) == set(get_args(Execution.model_fields["executor"].annotation))
    assert completion.TABLES == FORMATS
    assert [word.rstrip(":") for word in completion.DATA] == [
        name.partition(":")[0] for name in DATA_NAMES
    ]


CONTEXT: Any = typer.main.get_command(build_app(None)).make_context(
    "archsearch", ["--help"], resilient_parsing=True
)


def words(command: str, parameter: str, incomplete: str = "", **params: Any) -> list[str]:
    completer = completer_of(command, parameter)
    assert completer is not None
    CONTEXT.params = params
    return [word for word, _ in completer(CONTEXT, incomplete)]


def test_fixed_and_shipped_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert words("export", "form") == [each.value for each in Format]
    assert set(resource_names("spaces")) < set(words("run", "space"))
    assert "digits_5ms" in words("run", "space")
    assert "localvit_placement" not in words("run", "space")
    assert "localvit_placement" in words("ablate", "study")
    assert words("zoo", "names") == zoo_names()
    assert words("train", "recipe") == resource_names("recipes")
    assert words("profile", "targets", "zoo:lightvit_t") == ["zoo:lightvit_tiny"]
    assert words("ablate", "scale", "s", study="localvit_placement") == ["small"]
    assert words("train", "device", "cu")[0] == "cuda"


def test_runs_and_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "elsewhere" / "mine"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("{}")
    (run / "front.json").write_text(json.dumps([{"trial": 7, "accuracy": 0.9}]))
    assert words("front", "run", runs_dir="elsewhere") == ["mine", "elsewhere/"]
    assert words("export", "trial", source="mine", runs_dir="elsewhere") == ["best", "knee", "7"]
    assert words("export", "trial", source=str(run)) == ["best", "knee", "7"]
    (run / "front.json").write_text("{")
    assert words("export", "trial", source=str(run)) == ["best", "knee"]


def test_a_folder_that_cannot_be_read_offers_nothing(tmp_path: Path) -> None:
    assert words("train", "data", f"folder:{tmp_path}/nowhere/") == []
    assert words("run", "recipe", f"{tmp_path}/nowhere/x") == []


@pytest.mark.parametrize(
    ("line", "index", "expected"),
    [
        ("archsearch run ti", 2, (["archsearch", "run", "ti"], 2, "")),
        ("archsearch profile zoo : li", 4, (["archsearch", "profile", "zoo:li"], 2, "zoo:")),
        ("archsearch profile zoo :", 3, (["archsearch", "profile", "zoo:"], 2, "zoo:")),
        ("archsearch run x --device = cu", 5, (["archsearch", "run", "x", "--device=cu"], 3, "")),
        ("archsearch train zoo : a --rec", 5, (["archsearch", "train", "zoo:a", "--rec"], 3, "")),
        ("archsearch run tiny", 3, (["archsearch", "run", "tiny"], 3, "")),
    ],
)
def test_what_bash_splits(line: str, index: int, expected: Any) -> None:
    assert rejoined(line.split(), index) == expected


def test_bash(tmp_path: Path) -> None:
    assert offered("archsearch tra") == ["train"]
    assert offered("archsearch run lightw", tmp_path) == ["lightweight"]
    assert offered("archsearch run tiny --samp", tmp_path) == ["--sampler"]
    assert offered("archsearch nothing --x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts(shell: str) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'archsearch'; from archsearch.cli.app import main; main()",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env=os.environ | {"_ARCHSEARCH_COMPLETE": f"source_{shell}"},
    )
    assert f"_ARCHSEARCH_COMPLETE=complete_{shell}" in done.stdout
    assert done.stderr == ""

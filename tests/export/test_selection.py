"""From the words of a command line to what is exported."""

import sys

import pytest

from archsearch import zoo
from archsearch.cli.app import main
from archsearch.errors import InputError
from archsearch.export import select, selection
from archsearch.export.selection import identifier
from archsearch.run.run_folder import RunFolder
from tests.export.export_archs import ARCHS
from tests.report.synthetic_run import synthetic_run


@pytest.fixture
def run(monkeypatch, tmp_path):
    each = synthetic_run(12, seed=1)
    monkeypatch.setattr(selection, "load_run", lambda *_: each)
    monkeypatch.setattr(selection, "find_run", lambda *_: RunFolder(tmp_path / each.name))
    return each


def test_zoo():
    chosen = select("zoo:lightvit_tiny")
    assert chosen.arch == zoo.arch("lightvit_tiny")
    assert (chosen.origin.name, chosen.weights) == ("lightvit_tiny", None)
    with pytest.raises(InputError, match="did you mean 'lightvit_tiny'"):
        select("zoo:lightvit_tni")


def test_file(tmp_path):
    ARCHS["edgevit"].save(tmp_path / "mine.yaml")
    chosen = select(str(tmp_path / "mine.yaml"))
    assert (chosen.arch, chosen.origin.name) == (ARCHS["edgevit"], "mine")


def test_run_and_its_weights(run, tmp_path):
    chosen = select(run.name, "best")
    assert chosen.origin.trial.number in run.front
    assert chosen.weights is None
    kept = RunFolder(tmp_path / run.name).checkpoint(chosen.origin.trial.digest)
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert select(run.name, "best").weights == kept
    assert select(run.name, "knee").origin.trial.number in run.front
    with pytest.raises(InputError, match="must be a trial of run"):
        select(run.name, "99")


@pytest.mark.parametrize(
    ("name", "word"),
    [("my-run.v2", "my_run_v2"), ("5ms", "model_5ms"), ("", "model"), ("LightViT", "lightvit")],
)
def test_identifier(name, word):
    assert identifier(name) == word
    assert word.isidentifier()


def test_command_prints_the_file(capsys, tmp_path, monkeypatch):
    ARCHS["self_attention"].save(tmp_path / "mine.yaml")
    arguments = ["export", str(tmp_path / "mine.yaml")]
    with pytest.raises(SystemExit, match="0"):
        main(arguments)
    printed = capsys.readouterr().out
    assert "def create_model(" in printed
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "-o", str(tmp_path / "mine.py"), "--no-latency"])
    assert (tmp_path / "mine.py").read_text() == printed
    assert (tmp_path / "mine.md").exists()
    assert "bit-equal" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main([*arguments, "-o", str(tmp_path / "mine.py")])
    assert "use --force to replace it" in capsys.readouterr().err.replace("\n", " ")
    assert "archsearch.export" in sys.modules

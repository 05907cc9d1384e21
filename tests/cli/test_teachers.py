"""Teachers on the command line: a search, its resumption, an ablation, and everything shown."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage
from archsearch.cli.app import main
from archsearch.model import build_model
from archsearch.run import load_run
from tests.brief_measurements import make_brief

BLOCK = Block(attention=SelfAttention(), ffn=Mlp())
SMALL = Arch(
    image_size=16,
    in_channels=1,
    num_classes=10,
    stages=(Stage(depth=1, width=16, num_heads=2, blocks=(BLOCK,)),),
)
IMAGES = ["--data", "digits", "--limit", "120"]
SEARCH = [
    "run",
    "tiny",
    *IMAGES,
    *("--image-size", "16", "--epochs", "2", "--rungs", "none", "--sampler", "random"),
    *("--executor", "inline", "--calibration", "0", "--front-seeds", "1"),
]
STUDY = """\
question: does the width matter?
cost: seconds
published: ""
base: {arch: small.yaml}
variants:
  wide: {overrides: {width: 24}}
image_size: 16
limit: 120
recipe: {epochs: 1, warmup_epochs: 0, batch_size: 60, teacher: {source: taught, weight: 0.5}}
seeds: 2
"""


def call(*words: object, code: int = 0) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert (ended.value.code or 0) == code


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a trained teacher, a search with it and one without, exported."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "400")
        make_brief(patch)
        SMALL.save("small.yaml")
        Path("study.yaml").write_text(STUDY)
        call("train", "small.yaml", *IMAGES, "--epochs", 3, "-o", "taught")
        taught = ["--teacher", "taught", "--teacher-features", "0.5"]
        call(*SEARCH, *taught, "--trials", 3, "--name", "with", "--baseline", "timm:test_vit")
        call(*SEARCH, "--trials", 2, "--name", "without")
        yield folder


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("COLUMNS", "400")
    make_brief(monkeypatch)


WORDS = "taught (soft targets 0.9 at temperature 4, features 0.5)"


def test_a_run_records_its_teacher(home: Path) -> None:
    config = yaml.safe_load((home / "runs" / "with" / "config.yaml").read_text())
    teacher = config["recipe"]["teacher"]
    assert config["identity"]["recipe"]["teacher"] == teacher
    assert (teacher["source"], teacher["weight"], teacher["feature_weight"]) == ("taught", 0.9, 0.5)
    assert teacher["num_classes"] == 10
    assert len(teacher["digest"]) == 64
    trainings = [json.loads(path.read_text()) for path in home.glob("runs/with/trainings/*.json")]
    assert trainings
    assert all(each["recipe"]["teacher"]["digest"] == teacher["digest"] for each in trainings)
    assert str(home) not in (home / "runs" / "with" / "config.yaml").read_text()
    without = (home / "runs" / "without" / "config.yaml").read_text()
    assert "teacher" not in without


def test_nothing_shows_a_front_without_its_teacher(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("front", "with")
    shown = flat(capsys.readouterr().out)
    assert f"trained with teacher {WORDS}" in shown
    assert f"Candidates learned from the teacher {WORDS}." in shown
    assert f"They learned from the teacher of the candidates too: {WORDS}." in shown
    rows = json.loads(Path("runs/with/front.json").read_text())
    assert all(row["teacher"] == WORDS for row in rows)
    assert WORDS in Path("runs/with/report.html").read_text()
    call("front", "without")
    assert "teacher" not in capsys.readouterr().out
    assert "teacher" not in Path("runs/without/front.json").read_text()


def test_a_comparison_tells_a_run_with_a_teacher_from_one_without(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("report", "runs/with", "runs/without", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert [row["run"] for row in shown["runs"]] == [
        "with, with teacher taught",
        "without, without teacher",
    ]
    assert any(key.startswith("recipe.teacher.") for key in shown["differences"])
    call("report", "runs/with", "runs/without", "--output", "comparison.html")
    words = "a difference between them is not that of the searches alone"
    assert words in flat(capsys.readouterr().out)
    assert words in Path("comparison.html").read_text()


def test_an_export_needs_no_teacher_and_names_it(home: Path) -> None:
    call("export", "with", "--format", "python", "-o", "away.py", "--no-latency", "--force")
    card = Path("away.md").read_text()
    assert f"It learned from a teacher too, {WORDS}" in card
    assert "licence not known" in card
    assert "Teacher" in Path("away.py").read_text()
    weights = load_file("away.safetensors")
    networks = [build_model(trial.arch).state_dict() for trial in load_run("with").trials]
    assert any(set(weights) == set(own) for own in networks)


@pytest.mark.slow
def test_a_resumed_run_without_the_teacher_s_file_equals_a_whole_one(
    home: Path, tmp_path: Path
) -> None:
    taught = ["--teacher", "lent", "--teacher-features", "0.5", "--front-seeds", "0"]
    shutil.copytree("taught", "lent")
    for runs, trials in ((tmp_path / "whole", 3), (tmp_path / "cut", 1)):
        call(*SEARCH, *taught, "--trials", trials, "--name", "r", "--runs-dir", runs)
    table = tmp_path / "cut" / "r" / "teacher" / "logits.npy"
    written = table.stat().st_mtime_ns
    shutil.rmtree("lent")
    call(*SEARCH, *taught, "--trials", 3, "--name", "r", "--runs-dir", tmp_path / "cut")
    assert table.stat().st_mtime_ns == written
    whole, cut = (
        [
            (trial.digest, [(each.train_loss, each.accuracy) for each in trial.curve])
            for trial in load_run("r", tmp_path / runs).trials
        ]
        for runs in ("whole", "cut")
    )
    assert len(whole) == 3
    assert cut == whole


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on_without_its_teacher(tmp_path: Path) -> None:
    shutil.copytree("taught", "near")
    words = ["train", "small.yaml", *IMAGES, "--epochs", "8", "--set", "mixup=0.3"]
    words += ["--set", "cutmix=1.0", "--teacher", "near", "--teacher-features", "0.5", "-o"]
    call(*words, tmp_path / "whole")
    killed = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "-m", "archsearch", *words, str(killed)],
        env=environment,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (killed / "checkpoint.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (killed / "model.safetensors").exists()
    shutil.rmtree("near")
    call(*words, killed)
    weights = [each / "model.safetensors" for each in (killed, tmp_path / "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    result = json.loads((killed / "result.json").read_text())
    assert result["recipe"]["teacher"]["source"] == "near"
    assert result["recipe"]["teacher"]["weight"] == 0.9


def test_a_training_says_what_it_learned_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("train", "small.yaml", *IMAGES, "--epochs", 1, "--teacher", "taught", "-o", tmp_path / "t")
    printed = capsys.readouterr()
    assert "teacher taught (soft targets 0.9 at temperature 4)" in flat(printed.out)
    assert "teacher taught: asked about 96 images" in flat(printed.err)
    assert "% of the training images" in printed.err


def test_an_ablation_learns_from_the_teacher_of_its_study(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("ablate", "study.yaml", "--dry-run")
    line = "teacher: taught (soft targets 0.5 at temperature 4): "
    assert line in flat(capsys.readouterr().out)
    call("ablate", "study.yaml", "--executor", "inline", "--name", "ablated")
    shown = flat(capsys.readouterr().out)
    assert "all networks learned from the teacher taught (soft targets 0.5" in shown
    page = Path("runs/ablated/report.html").read_text()
    assert "All networks learned from the teacher taught" in page
    # other options win, and train anew
    call("ablate", "study.yaml", "--dry-run", "--teacher-weight", "0.25")
    assert "soft targets 0.25" in flat(capsys.readouterr().out)


def test_the_plan_of_a_run_names_the_teacher(capsys: pytest.CaptureFixture[str]) -> None:
    call(*SEARCH, "--trials", 1, "--name", "plan", "--dry-run", "--teacher", "taught")
    shown = flat(capsys.readouterr().out)
    assert "teacher: taught (soft targets 0.9 at temperature 4): " in shown
    assert "10 classes, licence not known, digest" in shown


WITH = ["--teacher", "taught", "--teacher-features", "0.5"]
RUN = [*SEARCH, "--trials", "1", "--name", "new"]
TRAIN = ["train", "small.yaml", *IMAGES, "-o", "new"]
ABLATE = ["ablate", "study.yaml", "--name", "new"]


@pytest.mark.parametrize("command", [RUN, TRAIN, ABLATE], ids=["run", "train", "ablate"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--teacher", "nothing"], "--teacher: is no file, folder or run (got 'nothing')"),
        (["--teacher", "taught", "--teacher-weight", "2"], "--teacher-weight: must be at most 1"),
        (
            ["--teacher", "taught", "--teacher-temperature", "0"],
            "--teacher-temperature: must be greater than 0",
        ),
        (
            ["--teacher", "taught", "--teacher-weight", "0"],
            "--teacher-weight: must be above 0 where no features are used",
        ),
        (["--teacher", "small.yaml"], "--teacher: has no weights"),
        (["--teacher", "notes.pth"], "notes.pth: is no whole checkpoint"),
    ],
)
def test_wrong_teachers_end_before_anything_is_written(
    command: list[str], options: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("notes.pth").write_text("no weights")
    shutil.copy("small.yaml", "notes.yaml")
    before = sorted(Path().rglob("*"))
    call(*command, *options, code=2)
    assert words in flat(capsys.readouterr().err)
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("command", [RUN, TRAIN], ids=["run", "train"])
def test_the_use_of_a_teacher_needs_a_teacher(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    call(*command, "--teacher-weight", "0.5", code=2)
    assert "--teacher: is required" in flat(capsys.readouterr().err)


@pytest.mark.parametrize(
    "options", [[], ["--teacher", "taught"], [*WITH, "--teacher-temperature", "2"]]
)
def test_a_run_goes_on_with_its_own_teacher_alone(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    call(*SEARCH, *options, "--trials", 3, "--name", "with", code=2)
    said = flat(capsys.readouterr().err)
    assert f"recipe.teacher: run 'with' was started with '{WORDS}" in said
    assert said.count("was started with") == 1


def test_a_teacher_that_fails_late_leaves_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    """Its answers for the first images are finite, and so it passes the first look."""
    Path("late.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    input_size, num_classes, calls = (1, 16, 16), 10, 0\n\n"
        "    def __init__(self, num_classes=10):\n        super().__init__()\n"
        "        self.last = nn.Linear(256, num_classes)\n\n    def forward(self, x):\n"
        "        return self.last(x.flatten(1)) / (len(x) < 20)\n\n\n"
        "def create_model(num_classes=10):\n    return Net(num_classes)\n"
    )
    last = nn.Linear(256, 10)
    save_file({f"last.{key}": each for key, each in last.state_dict().items()}, "late.safetensors")
    for command in (RUN, TRAIN, ABLATE):
        call(*command, "--teacher", "late.py", code=2)
        assert "must answer with finite numbers" in flat(capsys.readouterr().err)
        assert not Path("runs/new").exists()
        assert not Path("new").exists()

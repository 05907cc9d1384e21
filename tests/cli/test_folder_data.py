"""A folder of one's own images on the command line: what is said, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage
from archsearch.cli.app import main
from archsearch.cli.console import err, out
from archsearch.train import TrainingFolder

BLOCK = Block(attention=SelfAttention(), ffn=Mlp())
SMALL = Arch(
    image_size=16,
    in_channels=3,
    num_classes=2,
    stages=(Stage(depth=1, width=16, num_heads=1, blocks=(BLOCK,)),),
)
STUDY = """
question: Which?
cost: seconds
published: ""
base: {arch: small.yaml, overrides: {}}
variants: {wider: {overrides: {width: 32}}}
image_size: 16
recipe: {epochs: 1, warmup_epochs: 0, batch_size: 8}
seeds: 2
"""
COMMANDS = {
    "run": ["run", "tiny", "--image-size", "16", "--dry-run"],
    "train": ["train", "small.yaml", "--epochs", "1", "--output", "trained"],
    "ablate": ["ablate", "study.yaml", "--dry-run"],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(out, "width", 400)
    monkeypatch.setattr(err, "width", 400)
    SMALL.save(tmp_path / "small.yaml")
    (tmp_path / "study.yaml").write_text(STUDY)
    rng = np.random.default_rng(0)
    for split, count in (("train", 8), ("val", 4)):
        for label, name in enumerate(("dark", "[b]light[")):
            (tmp_path / "photos" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 100, (16, 16, 3)) + 120 * label
                path = tmp_path / "photos" / split / name / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path


def ended(words: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        main(words)
    code = caught.value.code
    assert code is None or isinstance(code, int)
    return code or 0


@pytest.mark.parametrize("command", COMMANDS)
def test_what_trains_and_what_validates_is_said(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended([*COMMANDS[command], "--data", "folder:photos"]) == 0
    printed = capsys.readouterr()
    assert (
        "data: folder:photos, 24 images of 2 classes at 16 px: 16 train (train/), 8 validate "
        "(val/); there is no test set, so every accuracy is that of the validation images\n"
    ) in printed.out + printed.err


@pytest.mark.parametrize("command", COMMANDS)
def test_too_few_steps_are_told(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = [*COMMANDS[command], *(["--epochs", "1"] if command == "run" else [])]
    assert ended([*words, "--data", "folder:photos"]) == 0
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    batch = 8 if command == "ablate" else 32
    steps = "2 steps" if command == "ablate" else "1 step"
    assert f"training: 16 images, batch {batch}, {steps} an epoch, 1 epoch: {steps} in all" in lines
    assert any("validation: 8 images distinguish two networks near 80 %" in line for line in lines)
    (warning,) = [line for line in lines if "are too few to learn much" in line]
    assert warning.startswith(f"warning: {steps} in all")
    assert "say --epochs" in warning
    fitted = [line for line in lines if line.startswith("fitted to 16 images: batch 32; as")]
    assert len(fitted) == (command != "ablate"), "a recipe of one's own is not fitted"


def test_a_training_of_an_earlier_version_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fitted no recipe: the same command finds batch and learning rate as they were."""
    whole = [*COMMANDS["train"][:-2], "--data", "folder:photos", "--epochs", "3", "--output"]
    as_shipped = ["--set", "recipe.batch_size=128"]
    assert ended([*whole, "old", *as_shipped]) == 0
    (folder / "old/result.json").unlink()
    assert ended([*whole, "old"]) == 0
    assert TrainingFolder(folder / "old").recipe.batch_size == 128
    assert (folder / "old/result.json").is_file()
    assert ended([*whole, "new"]) == 0
    assert TrainingFolder(folder / "new").recipe.batch_size == 32
    assert ended([*whole, "new"]) == 0
    capsys.readouterr()
    assert ended([*whole, "new", *as_shipped]) == 2
    assert "must be 32, as in the training in new" in " ".join(capsys.readouterr().err.split())


@pytest.fixture
def unproved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the proof of an export, which takes seconds: what its card says is the point."""
    monkeypatch.setattr("archsearch.export.python_file.prove_python", lambda *_: None)


@pytest.mark.usefixtures("unproved")
def test_a_training_without_test_images(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended([*COMMANDS["train"], "--data", "folder:photos"]) == 0
    assert "- (no test images)" in capsys.readouterr().out
    result = json.loads((folder / "trained/result.json").read_text())
    assert result["test"] is None
    assert result["val"]["n"] == 8
    # what is taken away speaks of the validation images alone
    assert ended(["export", "trained/model.yaml", "-o", "model.py", "--no-latency"]) == 0
    written = (folder / "model.py").read_text()
    assert "of 8 images (validation)" in written or "(validation)" in written
    assert "(test)" not in written


@pytest.mark.usefixtures("unproved")
def test_a_training_says_how_deep_values_became_bytes(folder: Path) -> None:
    for path in (folder / "photos").rglob("*.png"):
        with Image.open(path) as image:
            values = np.asarray(image)[..., 0].astype(np.uint16) * 16
        Image.fromarray(values).save(path)
    assert ended([*COMMANDS["train"], "--data", "folder:photos"]) == 0
    result = json.loads((folder / "trained/result.json").read_text())
    assert result["data"]["scale"] == {"integers": [0, 4095]}
    # what is passed on says so, too
    exported = ["export", "trained/model.yaml", "--format", "timm", "-o", "taken", "--no-latency"]
    assert ended(exported) == 0
    cards = [path.read_text() for path in folder.glob("**/*.md")]
    assert any("0 became black and 4095 white (integers)" in card for card in cards)


def _dead_link(photos: Path) -> None:
    (photos / "train/dark/gone.jpg").symlink_to("/nowhere")


def _one_colour(photos: Path) -> None:
    for path in (photos / "train/dark").iterdir():
        Image.new("RGB", (9, 9)).save(path)


def _broken(photos: Path) -> None:
    (photos / "val/dark/0.png").write_bytes(b"")


def _no_class(photos: Path) -> None:
    for path in (photos / "val/dark").iterdir():
        path.unlink()
    (photos / "val/dark").rmdir()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("damage", "words", "said"),
    [
        (_dead_link, [], "train/dark/gone.jpg: is a link to /nowhere, which does not exist"),
        (_one_colour, [], "all images of class 'dark' came out as one colour (0, 0, 0)"),
        (_broken, [], "val/dark/0.png: cannot be read as an image (the file is empty)"),
        (_no_class, [], "photos/val: must have every class of train/, but lacks dark"),
        (lambda photos: None, ["--limit", "3"], "use at least 4, better several times that"),
    ],
)
def test_refused(
    command: str,
    damage: object,
    words: list[str],
    said: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert callable(damage)
    damage(folder / "photos")
    before = sorted(folder.rglob("*"))
    assert ended([*COMMANDS[command], "--data", "folder:photos", *words]) == 2
    assert sorted(folder.rglob("*")) == before, "wrong input must leave nothing behind"
    assert said in capsys.readouterr().err

"""Rectangular images with four channels, from a folder to a script that knows no archsearch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archsearch import load_run
from archsearch.cli.app import main
from archsearch.cli.console import err, out
from tests.brief_measurements import COMMAND

RUN = "run tiny --data folder:camera --image-size 96x160 --channels 4 --name cam"
SEARCH = f"{RUN} --trials 2 --epochs 1 --executor inline --calibration 0 --front-seeds 0"

#: reads one image and classifies it, by the exported file or graph and its JSON alone
SCRIPT = """
import json, sys
import numpy as np
from PIL import Image

sys.modules["archsearch"] = None
folder, image = sys.argv[1:]
about = json.load(open(f"{folder}/net.json"))
channels, height, width = about["input_size"]
picture = Image.open(image)
assert picture.size == (width, height) and len(picture.getbands()) == channels
pixels = np.asarray(picture).transpose(2, 0, 1).astype(np.float32) / 255
mean, std = (np.array(about[key], np.float32)[:, None, None] for key in ("mean", "std"))
batch = ((pixels - mean) / std)[None]

import onnxruntime

session = onnxruntime.InferenceSession(f"{folder}/net.onnx", providers=["CPUExecutionProvider"])
graph = session.run(None, {session.get_inputs()[0].name: batch})[0]

import torch

sys.path.insert(0, folder)
from net import create_model

model = create_model(pretrained_path=f"{folder}/net.safetensors").eval()
with torch.no_grad():
    logits = model(torch.from_numpy(batch)).numpy()
assert abs(graph - logits).max() < 1e-4
try:
    model(torch.zeros(1, channels, width, height))
except ValueError as error:
    refused = str(error)
print(json.dumps({"logits": logits[0].tolist(), "refused": refused}))
"""


def ended(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


@pytest.fixture(autouse=True)
def camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of RGBA images; the fourth channel tells the classes, the colours do not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(out, "width", 400)
    monkeypatch.setattr(err, "width", 400)
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dry", "wet")):
        folder = tmp_path / "camera" / name
        folder.mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 120, (96, 160, 4), np.uint8)
            pixels[..., 3] = rng.integers(0, 60) + 130 * label
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path


@pytest.mark.slow
def test_from_a_folder_to_a_script(camera: Path) -> None:
    def archsearch(words: str) -> str:
        done = subprocess.run(
            [*COMMAND, *words.split()], capture_output=True, text=True, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    said = archsearch(SEARCH)
    assert "60 images of 2 classes at 96x160 px" in said
    run = load_run("runs/cam")
    assert {trial.arch.input_shape for trial in run.trials} == {(4, 96, 160)}
    assert run.config["data"]["image_size"] == [96, 160]
    assert len(run.config["data"]["mean"]) == 4
    # the page draws maps with rows and columns
    page = Path("runs/cam/report.html").read_text(encoding="utf-8")
    assert "[[96,160]," in page.replace(" ", "")
    assert "2 candidates" in archsearch(f"{SEARCH} --dry-run")

    # the run's images are read as in the run
    archsearch("train runs/cam --trial best --epochs 12 --set batch_size=8 --output trained")
    config = json.loads(Path("trained/config.json").read_text())
    assert (config["data"]["channels"], config["data"]["image_size"]) == (4, [96, 160])
    for form, file in (("python", "net.py"), ("onnx", "net.onnx"), ("hub", "hub")):
        archsearch(f"export trained --format {form} --output made/{file} --no-latency")
    hub = json.loads(Path("made/hub/config.json").read_text())
    assert hub["pretrained_cfg"]["input_size"] == [4, 96, 160]
    card = Path("made/net.md").read_text()
    assert "An image classifier for 96 x 160 pixels of 4 channels" in card

    Path("script.py").write_text(SCRIPT)
    right = 0
    for label, name in enumerate(("dry", "wet")):
        for number in (0, 1):
            image = f"camera/{name}/{number}.png"
            done = subprocess.run(
                [sys.executable, "-I", "script.py", "made", image], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            answer = json.loads(done.stdout)
            right += int(np.argmax(answer["logits"]) == label)
            assert answer["refused"] == "images must be 96 x 160, but got (160, 96)"
    assert right == 4


def test_the_plan(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(*RUN.split(), "--dry-run") == 0
    assert "at 96x160 px" in capsys.readouterr().out
    assert ended(*RUN.split(), "--dry-run", "--image-size", "96,160") == 0
    assert ended(*RUN.split(), "--dry-run", "--set", "space.stages.0.depth=2") == 0
    assert not Path("runs").exists()


@pytest.mark.parametrize("command", ["run tiny", "train zoo:deit_tiny", "calibrate tiny"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("96x", "has no width (got '96x')"),
        ("0x10", "height must be at least 1, but got '0x10'"),
        ("[96]", "must be two numbers, height and width, not 1, but got '[96]'"),
        ("[96, 160, 3]", "must be two numbers, height and width, not 3, but got '[96, 160, 3]'"),
        ("-5", "must be at least 1, but got -5"),
        ("-5x-6", "height and width must be at least 1, but got '-5x-6'"),
        ("wide", "must be a whole number, or height and width as two whole numbers"),
    ],
)
def test_wrong_sizes(
    command: str, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path().iterdir())
    assert ended(*command.split(), "--image-size", text) == 2
    message = capsys.readouterr().err
    assert f"error: --image-size: {said}" in message
    assert "Traceback" not in message
    assert ("180x320 as an option" in message) == (text != "-5")
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run tiny --channels 0", "--channels: must be at least 1, but got 0"),
        ("run tiny --channels 4", "--channels: must be 1 (grey) or 3 (colour), but got 4"),
        ("run tiny --data folder:camera --channels 5", "must have 5 channels like the data set"),
        ("train zoo:deit_tiny --channels 2 --data digits", "--channels: must be 1 (grey) or 3"),
    ],
)
def test_wrong_channels(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(*words.split()) == 2
    assert said in capsys.readouterr().err
    assert not Path("runs").exists()

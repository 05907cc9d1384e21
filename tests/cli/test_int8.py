"""From the command line: a search in int8, its export, and the file in a process of the runtime."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from archsearch import load_data, load_run
from archsearch.cli.app import main
from archsearch.data import DataSplits

PACKAGES = {
    "onnxruntime": ("onnxruntime", "onnxscript"),
    "openvino": ("openvino", "nncf"),
    "litert": ("litert_torch", "ai_edge_quantizer"),
}
FILES = {
    "onnxruntime": ("onnx", "model.onnx"),
    "openvino": ("openvino", "model.xml"),
    "litert": ("litert", "model.tflite"),
}
#: predicts the classes of images; knows numpy and the runtime alone
SCRIPTS = {
    "onnxruntime": """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
images = np.load(sys.argv[2])
print([int(session.run(["logits"], {"images": x[None]})[0].argmax()) for x in images])
""",
    "openvino": """
import sys, numpy as np, openvino
network = openvino.Core().compile_model(sys.argv[1], "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
images = np.load(sys.argv[2])
print([int(network([x[None]])[0].argmax()) for x in images])
""",
    "litert": """
import sys, numpy as np
from ai_edge_litert.interpreter import Interpreter
run = Interpreter(sys.argv[1]).get_signature_runner()
images = np.load(sys.argv[2])
print([int(run(images=x[None])["logits"].argmax()) for x in images])
""",
}


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return int(ended.value.code or 0)


def normalized(data: DataSplits, count: int) -> object:
    pixels = data.val.batch(np.arange(count)).astype("float32") / 255
    mean, std = (np.array(each, "float32")[:, None, None] for each in (data.mean, data.std))
    return (pixels - mean) / std


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("runtime", sorted(PACKAGES))
def test_a_search_in_int8_ships_what_it_promised(
    runtime: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = [each for each in PACKAGES[runtime] if importlib.util.find_spec(each) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    asked = ["--budget-ms", "50", "--data", "digits", "--limit", "600", "--epochs", "2"]
    asked += ["--trials", "2", "--executor", "inline", "--calibration", "0", "--front-seeds", "1"]
    asked += ["--runtime", runtime, "--dtype", "int8", "--runs-dir", str(tmp_path), "--name", "r"]
    assert run("run", "tiny", *asked) == 0
    printed = capsys.readouterr()
    assert "accuracies are those of the networks in int8" in printed.err + printed.out
    record = load_run(tmp_path / "r")
    front = [record.trials[number] for number in record.front]
    assert front
    for trial in front:
        found = trial.quantization
        assert found is not None
        assert found.calibration_images == 128
        assert trial.accuracy == found.accuracy
        assert trial.test_accuracy == found.test_accuracy
        # of the same weights in another runtime: one image may tip over
        assert found.float_accuracy == pytest.approx(trial.curve[-1].accuracy, abs=0.01)
        assert trial.known_latency is not None
        assert (trial.known_latency.runtime, trial.known_latency.dtype) == (runtime, "int8")
        assert [each.float_accuracy is None for each in trial.other_seeds] == [False]
    rows = json.loads((tmp_path / "r" / "front.json").read_text())
    assert [row["float_accuracy"] for row in rows] == [trial.float_accuracy for trial in front]
    assert [("int8 drop" in row["remarks"]) for row in rows] == [
        trial.loses_by_int8 for trial in front
    ]
    assert "float32 %" in (tmp_path / "r" / "report.html").read_text()

    form, name = FILES[runtime]
    file = tmp_path / "shipped" / name
    best = ("export", str(tmp_path / "r"), "--format", form, "--dtype", "int8")
    assert run(*best, "-o", str(file)) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "calibrated on 128 training images" in said
    assert "predict the same class for" in said
    assert f"{runtime}, int8" in said
    assert "budget 50 ms" in said

    data = load_data("digits", image_size=32, limit=600)
    images = tmp_path / "images.npy"
    np.save(images, normalized(data, 60))
    command = [sys.executable, "-I", "-c", SCRIPTS[runtime], str(file), str(images)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    classes = json.loads(done.stdout)
    right = sum(c == label for c, label in zip(classes, data.val.labels.tolist(), strict=False))
    most_accurate = max(trial.accuracy or 0.0 for trial in front)
    # the first 60 of the 120 images, with some room for chance
    assert right / 60 == pytest.approx(most_accurate, abs=0.25)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("profile", "zoo:edgevit_xxs", "--dtype", "int8"), "must be a runtime with int8"),
        (
            (
                "export",
                "zoo:edgevit_xxs",
                "--format",
                "onnx",
                "--dtype",
                "int8",
                "--initial-weights",
            ),
            "must name the images to calibrate int8 with",
        ),
        (
            ("export", "zoo:edgevit_xxs", "--format", "onnx", "--dtype", "int4"),
            "must be float32 or int8",
        ),
        (
            ("run", "tiny", "--budget-ms", "5", "--dtype", "int8", "--dry-run"),
            "must be a runtime with int8",
        ),
    ],
)
def test_what_int8_cannot_do_is_refused(
    words: tuple[str, ...],
    error: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 2
    assert error in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


def test_only_graphs_of_runtimes_take_int8(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["export", "zoo:edgevit_xxs", "--format", "pt2", "--dtype", "int8"]
    assert run(*words, "--initial-weights", "--data", "digits") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "int8 is for onnx, openvino, litert" in said
    # both problems at once: digits are grey, and of ten classes
    assert "must have images as the network takes them" in said

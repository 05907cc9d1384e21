"""From a training to every format: together in one folder, from a Python file, as a hub folder."""

import json
import os
import shutil
import subprocess
import sys

import onnxruntime
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage
from archsearch.cli.app import main
from archsearch.errors import InputError
from archsearch.export import (
    Format,
    export_model,
    export_python,
    onnx_pt2,
    python_file,
    select,
)
from archsearch.model import build_model
from archsearch.train.weight_files import save_weights

BLOCK = Block(attention=SelfAttention(), ffn=Mlp())
SMALL = Arch(
    image_size=16,
    in_channels=1,
    num_classes=10,
    stages=(Stage(depth=1, width=16, num_heads=2, blocks=(BLOCK,)),),
)
FILES = {
    Format.PYTHON: "model.py",
    Format.ONNX: "model.onnx",
    Format.PT2: "model.pt2",
    Format.YAML: "model.yaml",
}


def run(*words, code=0):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert (ended.value.code or 0) == code


def flat(text):
    return " ".join(text.split())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("trainings")
    SMALL.save(place / "small.yaml")
    export_python(SMALL, place / "small.py")
    for kind in ("yaml", "py"):
        options = ("--data", "digits", "--limit", "100", "--epochs", "1")
        run("train", place / f"small.{kind}", *options, "--output", place / kind)
    return place


def logits_of(path, images):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    return torch.from_numpy(logits), session.get_modelmeta().custom_metadata_map


# from an architecture: also in `test_formats_share_one_folder`
@pytest.mark.parametrize("kind", [pytest.param("yaml", marks=pytest.mark.slow), "py"])
def test_a_training_becomes_an_onnx_file_that_says_what_it_wants(folders, kind, capsys):
    run("export", folders / kind, "--format", "onnx", "--no-latency")
    assert str(folders / kind / "model.onnx") in capsys.readouterr().out
    model = build_model(SMALL).eval()
    model.load_state_dict(load_file(folders / kind / "model.safetensors"))
    images = torch.randn(3, 1, 16, 16)
    logits, about = logits_of(folders / kind / "model.onnx", images)
    torch.testing.assert_close(logits, model(images).detach(), rtol=1e-4, atol=1e-4)
    config = {key: json.loads(text) for key, text in about.items()}
    result = json.loads((folders / kind / "result.json").read_text())
    assert config["label_names"] == [str(digit) for digit in range(10)]
    assert config["input_size"] == [1, 16, 16]
    assert config["mean"] == pytest.approx(result["data"]["mean"], abs=1e-4)
    assert config["std"] == pytest.approx(result["data"]["std"], abs=1e-4)
    assert json.loads((folders / kind / "model.json").read_text()) == config


def test_formats_share_one_folder(folders, tmp_path):
    chosen = select(str(folders / "yaml"))
    for form, name in FILES.items():
        export_model(
            chosen.network,
            form,
            tmp_path / "new" / name,
            origin=chosen.origin,
            weights=chosen.weights,
        )
    there = {path.name for path in (tmp_path / "new").iterdir()}
    assert there == {*FILES.values(), "model.safetensors", "model.json", "model.md"}
    card = (tmp_path / "new" / "model.md").read_text()
    for name in FILES.values():
        assert card.count(f"## Loading {name}") == 1
    assert card.count("# yaml\n") == 1
    assert str(folders) not in card
    # the same again is the same; another network is not written over it
    with pytest.raises(InputError, match="already exists"):
        export_model(SMALL, Format.ONNX, tmp_path / "new" / "model.onnx", weights=chosen.weights)
    other = tmp_path / "other.safetensors"
    save_weights(build_model(SMALL, seed=9), other)
    before = {path: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    with pytest.raises(InputError, match="belongs to another network"):
        export_model(SMALL, Format.YAML, tmp_path / "new" / "model.yml", weights=other)
    assert not (tmp_path / "new" / "model.yml").exists()
    for path, data in before.items():
        assert path.read_bytes() == data


def test_a_file_goes_on_from_its_own_folder(folders, tmp_path):
    """As people do who exported to Python first: train that, export that."""
    chosen = select(str(folders / "yaml"))
    export_model(
        chosen.network,
        Format.PYTHON,
        tmp_path / "model.py",
        origin=chosen.origin,
        weights=chosen.weights,
    )
    run(
        "export",
        tmp_path / "model.py",
        "--format",
        "onnx",
        "-o",
        tmp_path / "model.onnx",
        "--no-latency",
    )
    _, about = logits_of(tmp_path / "model.onnx", torch.zeros(1, 1, 16, 16))
    assert json.loads(about["label_names"]) == [str(digit) for digit in range(10)]
    card = (tmp_path / "model.md").read_text()
    assert "## Loading model.py" in card
    assert "## Loading model.onnx" in card


@pytest.mark.parametrize("form", ["timm", "yaml"])
def test_formats_that_need_the_architecture(folders, capsys, form, tmp_path):
    run("export", folders / "py", "--format", form, "-o", tmp_path / "x.py", code=2)
    assert "must be python, a graph (onnx, openvino, litert, pt2) or hub for" in flat(
        capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_has_not_ended(folders, tmp_path, capsys):
    shutil.copytree(folders / "yaml", tmp_path / "begun")
    (tmp_path / "begun" / "result.json").unlink()
    run("export", tmp_path / "begun", "--format", "onnx", code=2)
    assert "has not ended" in flat(capsys.readouterr().err)


HUB_SCRIPT = """
import sys, json, torch
sys.modules["archsearch"] = None
{snippet}
config = json.load(open("config.json"))
print(json.dumps([net(images).tolist(), config["label_names"]]))
"""


@pytest.mark.parametrize("kind", [pytest.param("yaml", marks=pytest.mark.slow), "py"])
def test_hub_folder_loads_by_the_words_of_its_card(folders, kind, tmp_path):
    hub = tmp_path / "hub"
    run("export", folders / kind, "--format", "hub", "-o", hub, "--no-latency")
    assert {path.name for path in hub.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "model.py",
    }
    card = (hub / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == ("apache-2.0" if kind == "yaml" else "unknown")
    assert front["pipeline_tag"] == "image-classification"
    assert "archsearch" in front["tags"]
    accuracy = json.loads((folders / kind / "result.json").read_text())["test"]["accuracy"]
    values = front["model-index"][0]["results"][0]["metrics"]
    assert values[0]["value"] == pytest.approx(accuracy, abs=1e-6)
    config = json.loads((hub / "config.json").read_text())
    assert config["num_classes"] == 10
    assert config["pretrained_cfg"]["input_size"] == [1, 16, 16]
    assert config["label_names"] == [str(digit) for digit in range(10)]
    # the words of the card, in a process of their own where archsearch cannot be imported
    (snippet,) = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    setup = "torch.manual_seed(0); images = torch.randn(2, 1, 16, 16)\n"
    done = subprocess.run(
        [sys.executable, "-c", HUB_SCRIPT.format(snippet=setup + snippet)],
        cwd=hub,
        # commands that ran in this process before keep their folder off the path
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONSAFEPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    got, names = json.loads(done.stdout)
    assert names == config["label_names"]
    model = build_model(SMALL).eval()
    model.load_state_dict(load_file(folders / kind / "model.safetensors"))
    torch.manual_seed(0)
    torch.testing.assert_close(torch.tensor(got), model(torch.randn(2, 1, 16, 16)).detach())


# those of w.pth are halves too
@pytest.mark.parametrize(
    "name", [pytest.param("half.safetensors", marks=pytest.mark.slow), "w.pth"]
)
def test_weights_of_every_kind_are_taken(tmp_path, name):
    state = build_model(SMALL, seed=4).state_dict()
    half = {key: value.half() for key, value in state.items()}
    save_file(half, tmp_path / "half.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in half.items()}}, tmp_path / "w.pth")
    output = tmp_path / f"{name}.onnx"
    export_model(SMALL, Format.ONNX, output, weights=tmp_path / name)
    model = build_model(SMALL).eval()
    model.load_state_dict(half)
    images = torch.randn(2, 1, 16, 16)
    torch.testing.assert_close(
        logits_of(output, images)[0], model(images).detach(), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_files_have_the_permissions_of_the_umask(tmp_path, monkeypatch, mask):
    # who may read a file does not depend on the proofs, which take seconds
    monkeypatch.setattr(python_file, "prove_python", lambda *_: None)
    monkeypatch.setattr(onnx_pt2, "run_isolated", lambda *_: [{}])
    monkeypatch.setattr(onnx_pt2, "_write_onnx", lambda _, __, file, ___: file.touch(0o600))
    monkeypatch.setattr(onnx_pt2, "_error", lambda *_: 0.0)
    before = os.umask(mask)
    try:
        save_weights(build_model(SMALL), tmp_path / "kept.safetensors")
        for form in (Format.PYTHON, Format.ONNX, Format.HUB):
            output = tmp_path / "out" / f"{form.value}.x"
            export_model(SMALL, form, output, weights=tmp_path / "kept.safetensors")
    finally:
        os.umask(before)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) == 12
    assert {path.stat().st_mode & 0o777 for path in files} == {0o666 & ~mask}


def test_a_missing_package_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"pip install 'archsearch\[onnx\]'"):
        export_model(SMALL, Format.ONNX, tmp_path / "model.onnx", initial_weights=True)
    assert list(tmp_path.iterdir()) == []

"""``archsearch train`` as people use it: killed, started again, and taken away."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage, load_arch
from archsearch.cli.app import main
from archsearch.export import export_python
from archsearch.model import build_model
from archsearch.train import save_weights

BLOCK = Block(attention=SelfAttention(), ffn=Mlp())
SMALL = Arch(
    image_size=16,
    in_channels=1,
    num_classes=10,
    stages=(Stage(depth=2, width=24, num_heads=2, blocks=(BLOCK,)),),
)
RECIPE = """
epochs: 8
batch_size: 32
warmup_epochs: 1
ema_decay: 0.9
drop_path: 0.1
augmentation: {translate: 1, mixup: 0.2, cutmix: 1.0, erase_probability: 0.25}
"""


@pytest.fixture
def words(tmp_path):
    SMALL.save(tmp_path / "small.yaml")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return [
        "train",
        str(tmp_path / "small.yaml"),
        *("--recipe", str(tmp_path / "recipe.yaml")),
        *("--limit", "400", "--seed", "5", "--output"),
    ]


def run(words, code=0):
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    assert (ended.value.code or 0) == code


@pytest.mark.parametrize(
    "start", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["new", "inherited"]
)
def test_killed_and_started_again_equals_uninterrupted(words, tmp_path, capsys, start):
    if start:
        donor = build_model(SMALL.model_copy(update={"num_classes": 5}), seed=9)
        save_weights(donor, tmp_path / "donor.safetensors")
        words = [*words[:-1], "--weights", str(tmp_path / "donor.safetensors"), words[-1]]
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-m", "archsearch", *words, str(tmp_path / "killed")],
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    checkpoint = tmp_path / "killed" / "checkpoint.pt"
    deadline = time.monotonic() + 120
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert checkpoint.is_file()
    assert not (tmp_path / "killed" / "model.safetensors").exists()

    run([*words, tmp_path / "killed"])
    assert "epoch 1/8" not in capsys.readouterr().err
    run([*words, tmp_path / "whole"])
    printed = capsys.readouterr()
    assert "epoch 1/8" in printed.err
    assert "test accuracy" in printed.out
    weights = [tmp_path / name / "model.safetensors" for name in ("killed", "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()

    # the same folder, another configuration
    run([*words, tmp_path / "whole", "--epochs", "9"], code=2)
    assert "--epochs: must be 8, as in the training in" in flat(capsys.readouterr().err)
    # taken away, with the weights beside the architecture
    arch = tmp_path / "whole" / "model.yaml"
    assert load_arch(arch) == SMALL.canonical()
    run(["export", arch, "-o", tmp_path / "away.py", "--no-latency"])
    assert (tmp_path / "away.safetensors").is_file()
    card = (tmp_path / "away.md").read_text()
    assert "8 epochs of 320 images of digits, seed 5." in card
    assert "minus the mean" in card
    assert "Classes in order: 0, 1, 2" in card
    assert "(test)" in (tmp_path / "away.py").read_text()


def test_an_exported_file_is_trained_and_profiled(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    export_python(SMALL, tmp_path / "small.py")
    run(["train", "small.py", "--limit", "100", "--epochs", "1"])
    assert (tmp_path / "trained" / "small-digits" / "model.py").is_file()
    assert (tmp_path / "trained" / "small-digits" / "model.safetensors").is_file()
    capsys.readouterr()
    run(["profile", "small.py", "--no-latency", "--no-parts"])
    from_file = capsys.readouterr().out
    SMALL.save(tmp_path / "small.yaml")
    run(["profile", "small.yaml", "--no-latency", "--no-parts"])
    from_arch = capsys.readouterr().out
    for line in from_file.splitlines()[:2]:
        # a user's file has fvcore's count beside ours
        assert " ".join(line.split()) in " ".join(from_arch.split())
    run(["profile", "small.yaml", "--no-latency", "--no-parts", "--fuse"])
    assert "params" in capsys.readouterr().out
    run(["profile", "small.py", "--no-latency", "--fuse"], code=2)
    assert "folds archsearch's own blocks" in flat(capsys.readouterr().err)
    run(["profile", "small.py:creat_model", "--no-latency"], code=2)
    assert "did you mean 'create_model'" in flat(capsys.readouterr().err)
    run(["profile", "nothing.py", "--no-latency"], code=2)
    assert "there is no such file" in flat(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipe", "lightvitt"], "did you mean 'lightvit'"),
        (["--epochs", "0"], "--epochs: must be at least 1"),
        (["--data", "digit"], "did you mean 'digits'"),
        (["--device", "cuda"], "no CUDA device can be used here"),
    ],
)
def test_errors(tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    SMALL.save(tmp_path / "small.yaml")
    run(["train", "small.yaml", *options], code=2)
    assert message in flat(capsys.readouterr().err)
    assert not (tmp_path / "trained").exists()


def flat(text):
    return " ".join(text.split())

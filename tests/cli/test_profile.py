"""``archsearch profile`` of networks as people have them: any input, no input, odd outputs."""

import json
from pathlib import Path

import pytest

from archsearch.cli.app import main

MODEL = """
import torch
from torch import nn
from my_layers_p import Block

class Net(nn.Module):
    def __init__(self, channels=1):
        super().__init__()
        self.stem, self.head = Block(channels), nn.Linear(8, 3)
    def forward(self, x):
        return self.head(self.stem(x).mean((2, 3)))

class Dictionary(Net):
    def forward(self, x):
        return {"logits": super().forward(x)}

class Looks(Net):
    def forward(self, x):
        return super().forward(x) if x.sum().item() > 0 else super().forward(x - 1)

def create_model(): return Net()
def colour(): return Net(3)
def sized():
    model = Net(2)
    model.input_size = (2, 24, 48)
    return model
def pair(): return Net(3), (3, 40, 40)
def dictionary(): return Dictionary(3), [3, 8, 8]
def looks(): return Looks(3), (3, 8, 8)
def flat(): return nn.Sequential(nn.Flatten(), nn.Linear(2 * 8 * 8, 3))
def lazy(): return nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(3))
def training(): return nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8)).train()
def printing():
    print("building the network ...")
    return Net(3), (3, 8, 8)
"""
FILES = {
    "model.py": MODEL,
    "my_layers_p.py": "from torch import nn\ndef Block(c): return nn.Conv2d(c, 8, 3, padding=1)\n",
    "random.py": "raise SystemExit('taken')\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


def profiled(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    with pytest.raises(SystemExit) as ended:
        main(["profile", *arguments, "--no-latency", "--json"])
    output = capsys.readouterr()
    assert ended.value.code == 0, output.err
    found: dict[str, object] = json.loads(output.out)
    return found


@pytest.mark.parametrize(
    ("arguments", "shape", "batch"),
    [
        ("model.py --input 1,1,32,32", [1, 32, 32], 1),
        ("model.py --input 4,1,32,16", [1, 32, 16], 4),
        ("model.py --input 1,32,32", [1, 32, 32], 1),
        ("model.py --input 1,32,32 --batch 3", [1, 32, 32], 3),
        ("model.py --input 2x1x9x9", [1, 9, 9], 2),
        ("model.py --input (1,1,9,9)", [1, 9, 9], 1),
        ("model.py --image-size 20", [1, 20, 20], 1),
        ("model.py:colour --image-size 20", [3, 20, 20], 1),
        ("model.py:sized", [2, 24, 48], 1),
        ("model.py:sized --image-size 16", [2, 16, 16], 1),
        ("model.py:sized --input 2,8,8", [2, 8, 8], 1),
        ("model.py:pair", [3, 40, 40], 1),
        ("model.py:dictionary", [3, 8, 8], 1),
        ("model.py:looks", [3, 8, 8], 1),
        ("model.py:flat --image-size 8", [2, 8, 8], 1),
        ("model.py:lazy --image-size 8", [3, 8, 8], 1),
        ("model.py:training --input 3,8,8", [3, 8, 8], 1),
        ("model.py:printing", [3, 8, 8], 1),
        ("timm:resnet10t --input 1,1,64,32", [1, 64, 32], 1),
        ("timm:vit_tiny_patch16_224 --image-size 96", [3, 96, 96], 1),
        ("zoo:lightvit_tiny --input 1,1,64,64", [1, 64, 64], 1),
        ("zoo:lightvit_tiny --input 1,4,64,96", [4, 64, 96], 1),
        ("zoo:edgevit_xxs --image-size 64x96", [3, 64, 96], 1),
        ("model.py:sized --image-size 16,20", [2, 16, 20], 1),
        ("timm:vit_tiny_patch16_224 --image-size 64x96", [3, 64, 96], 1),
        ("timm:resnet10t --image-size 64x96", [3, 64, 96], 1),
    ],
)
def test_the_input(
    arguments: str, shape: list[int], batch: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found = profiled(capsys, *arguments.split())
    assert (found["input_shape"], found["batch_size"]) == (shape, batch)
    assert found["params"]


def test_counts_follow_the_shape(capsys: pytest.CaptureFixture[str]) -> None:
    """One 3x3 convolution from 1 to 8 channels and a head of 8 x 3: by hand."""
    found = profiled(capsys, "model.py", "--input", "1,1,6,5")
    assert found["macs"] == 6 * 5 * 8 * 9 + 8 * 3
    assert found["params"] == 8 * 9 + 8 + 8 * 3 + 3


def test_memory_that_nothing_tells_is_left_open(capsys: pytest.CaptureFixture[str]) -> None:
    found = profiled(capsys, "model.py:looks")
    assert (found["inference_bytes"], found["training_bytes"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("model.py", "model.py: does not say what input it takes; give the shape"),
        ("model.py --input 3,32,32", "model.py:11: the network does not run on an input of 1 x 3"),
        ("model.py --input 3", "--input: must be the sizes B,C,H,W or C,H,W"),
        ("model.py --input 1,0,2,2", "--input: must be the sizes B,C,H,W or C,H,W"),
        ("model.py --input 2,1,8,8 --batch 3", "--batch: must be 2, the first number of --input"),
        ("resnet18", "resnet18: is no run, and neither zoo:NAME, timm:NAME nor a file"),
        ("lightvit_tiny", "lightvit_tiny: is no run"),
        ("model", "model: is no run"),
    ],
)
def test_what_cannot_be(
    arguments: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        main(["profile", *arguments.split(), "--no-latency"])
    assert ended.value.code == 2
    assert f"error: {sentence}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("resnet18", "timm:resnet18"),
        ("resnet1", "timm:resnet18"),
        ("lightvit_tiny", "zoo:lightvit_tiny"),
        ("lightvit_tni", "zoo:lightvit_tiny"),
        ("model", "model.py"),
    ],
)
def test_what_a_bare_name_may_mean(
    name: str, meant: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit):
        main(["profile", name])
    assert f"did you mean {meant}" in capsys.readouterr().err


def test_fvcore_stands_beside_our_count_of_networks_of_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = profiled(capsys, "timm:resnet18", "--no-latency", "--no-parts", "--json")
    by_fvcore = found["fvcore_by_operator"]
    assert isinstance(by_fvcore, dict)
    # convolutions and the head are the same products; batch norms and pooling are fvcore's alone
    assert by_fvcore["conv"] + by_fvcore["linear"] == found["macs"]
    assert set(by_fvcore) == {"conv", "linear", "batch_norm", "adaptive_avg_pool2d"}
    ours = profiled(capsys, "zoo:edgevit_xxs", "--no-latency", "--no-parts", "--json")
    assert ours["fvcore_by_operator"] is None


def test_what_fvcore_counts_otherwise_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["profile", "model.py:training", "--input", "3,8,8", "--no-latency"])
    output = " ".join(capsys.readouterr().out.split())
    # 1 x 1 convolution of 3 to 8 channels on 64 pixels, and 2 operations a value in the norm
    assert "MACs 1,536 " in output
    assert "MACs, fvcore 2,560; 1,024 of them for batch norm, which hold no MACs here" in output

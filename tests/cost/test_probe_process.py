"""The probe beside a user's files: they hide nothing, and what they print is no reply."""

import sys
from pathlib import Path

import pytest

from archsearch.cost import LatencyProtocol, Probe
from archsearch.errors import InputError

QUICK = LatencyProtocol(time_limit_s=0.3)
#: files that stand beside where the command is run: each would end the probe if it were imported
SHADOWS = ("random", "types", "json", "numpy", "torch", "platform", "logging", "archsearch", "timm",
           "queue", "statistics")  # fmt: skip
MODEL = """
import sys, os
from torch import nn
from parts_of_mine import Block

print("imported")
os.write(1, b"written to the standard output itself\\n")

class Chatty(nn.Module):
    input_size = (3, 8, 8)
    def __init__(self):
        super().__init__()
        self.block = Block()
    def forward(self, x):
        print("running", flush=True)
        sys.stdout.write("once more")
        return self.block(x)

def create_model():
    print("called")
    return Chatty()

def lazy():
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))
    model.input_size = (3, 8, 8)
    return model

def raises():
    raise RuntimeError("not today")

def leaves():
    sys.exit(3)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("place")
    for name in SHADOWS:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py was imported')\n")
    (folder / "parts_of_mine.py").write_text(
        "from torch import nn\ndef Block(): return nn.Conv2d(3, 4, 1)\n"
    )
    (folder / "model.py").write_text(MODEL)
    return folder


@pytest.fixture(scope="module")
def probe(place: Path):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        # as in a notebook or a script: the working directory stands first
        patch.setattr(sys, "path", ["", *sys.path])
        with Probe() as started:
            started.calibrate()
            yield started


@pytest.mark.parametrize("target", ["model.py", "model.py:lazy", "model:create_model"])
def test_a_users_network_is_measured(probe: Probe, target: str) -> None:
    assert probe.measure(target, QUICK).median_ms > 0


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("model.py:raises", r"model\.py:\d+: raises\(\) raises RuntimeError: not today"),
        ("model.py:leaves", r"model\.py:\d+: leaves\(\) calls sys\.exit\(3\)"),
    ],
)
def test_what_a_user_did_is_no_failure_of_the_probe(
    probe: Probe, target: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        probe.measure(target, QUICK)
    assert probe.measure("model.py", QUICK).median_ms > 0
    assert probe.starts == 1

"""A block that cannot be quantised is found, left in float, and named; the rest is int8."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from archsearch.cost.runtimes.inference import block_of
from archsearch.cost.runtimes.operator_place import block_names
from archsearch.cost.runtimes.registry import INT8_RUNTIMES
from archsearch.data import ArraySplit, DataSplits
from archsearch.deployment import Int8Judge, quantize_file
from archsearch.errors import TrialError
from archsearch.train.inputs import Normalization

NEEDS = {
    "onnxruntime": ("onnxruntime", "onnxscript"),
    "openvino": ("openvino", "nncf"),
    "litert": ("litert_torch", "ai_edge_quantizer"),
}
WIDTH = 16


class Outlier(nn.Module):
    """A linear layer one of whose inputs is thousands of times as large as the others.

    All inputs share one scale in int8, so that the others become zero.
    """

    def __init__(self):
        super().__init__()
        scale = torch.ones(WIDTH)
        scale[0] = 5000.0
        self.register_buffer("scale", scale)
        self.linear = nn.Linear(WIDTH, WIDTH)
        with torch.no_grad():
            self.linear.weight[:, 0] = 0

    def forward(self, x):
        return self.linear(x * self.scale)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3 * 8 * 8, WIDTH)
        self.fragile = Outlier()
        self.head = nn.Linear(WIDTH, 4)

    def forward(self, x):
        return self.head(torch.relu(self.fragile(torch.relu(self.first(x.flatten(1))))))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return Network().eval()


@pytest.fixture(scope="module")
def data(model):
    """Images whose classes are what the float network says: it is always right."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (360, 3, 8, 8), np.uint8)
    blank = ArraySplit(pixels, np.zeros(len(pixels), np.int64))
    fit = {"num_classes": 4, "in_channels": 3, "image_size": 8, "name": "made"}
    shades = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "class_names": tuple("abcd")}
    whole = DataSplits(train=blank, val=blank, test=None, **fit, **shades)
    images = Normalization(whole, torch.device("cpu"))(torch.from_numpy(pixels))
    with torch.no_grad():
        labels = model(images).argmax(1).numpy()
    cut = [ArraySplit(pixels[part], labels[part]) for part in (slice(60), slice(60, 360))]
    return DataSplits(train=cut[0], val=cut[1], test=None, **fit, **shades)


@pytest.fixture(params=sorted(NEEDS))
def runtime(request):
    missing = [name for name in NEEDS[request.param] if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    return request.param


@pytest.mark.filterwarnings("ignore")  # of the converters
def test_the_block_that_hurts_stays_in_float(runtime, model, data, tmp_path):
    chosen, any_batch = INT8_RUNTIMES[runtime], INT8_RUNTIMES[runtime].takes_any_batch
    file, output = (tmp_path / f"{name}{chosen.ending}" for name in ("float", "int8"))
    with torch.no_grad():
        images = torch.zeros(2 if any_batch else 1, 3, 8, 8)
        chosen.convert(model, images, file, any_batch=any_batch)
    units = block_names(model)
    assert units == ["first", "fragile", "head"]

    careless = quantize_file(runtime, file, data, output, units, any_batch=any_batch).result
    assert careless.float_accuracy == 1.0
    assert careless.is_large
    assert careless.accuracy == careless.agreement < 0.9
    assert careless.float_blocks == ()

    careful = quantize_file(
        runtime, file, data, output, units, any_batch=any_batch, keeps_accuracy=True
    ).result
    assert careful.float_blocks[0] == "fragile"
    assert not careful.is_float
    assert not careful.is_large
    assert careful.accuracy >= 0.995


@pytest.mark.slow
def test_the_judge_says_what_cannot_be_quantised(runtime, data):
    class Local(nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x[:, 0]).real[:, :4]

    holder = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(192, 4))
    with Int8Judge(runtime, data) as judge:
        found = judge.judge(holder).result
        assert found.calibration_images == 60
        assert found.runtime == runtime
        with pytest.raises((TrialError, ValueError)):
            judge.judge(Local())
    assert block_of("2", block_names(holder)) == "2"

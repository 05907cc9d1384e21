"""Operators of LiteRT's files find their modules, and those outside XNNPACK are found."""

import torch
from torch import nn

from archsearch.cost.runtimes.inference import Fallback
from archsearch.cost.runtimes.litert import _outside_xnnpack
from archsearch.cost.runtimes.litert_graph import _converters_names, module_of


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x)


class _Whole(nn.Module):
    """Two lists of the same class, whose members the converter calls alike."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Part(), nn.ReLU())
        self.firsts = nn.ModuleList([Part(), Part()])
        self.seconds = nn.ModuleList([Part()])
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.stem(x)
        for part in (*self.firsts, *self.seconds):
            x = part(x)
        return self.head(x)


def test_modules_have_the_converters_names():
    here = Part.__module__
    found = _converters_names(_Whole().eval(), torch.zeros(1, 4))
    whole, linear = f"{here}._Whole", "torch.nn.modules.linear.Linear_linear"
    container = "torch.nn.modules.container.Sequential_stem"
    assert found[f"{whole}/{container}/{here}.Part_0/{linear}"] == "stem.0.linear"
    assert found[f"{whole}/{here}.Part_1"] == "firsts.1"
    assert found[f"{whole}/{here}.Part_1/{linear}"] == "firsts.1.linear"
    # of firsts.0 and seconds.0
    assert found[f"{whole}/{here}.Part_0"] == ""
    assert found[f"{whole}/torch.nn.modules.linear.Linear_head"] == "head"
    assert found["serving_default_output_0_output"] == "head"


def test_a_tensor_names_its_module():
    assert module_of("stages.0.blocks.1.ffn/FULLY_CONNECTED;12") == "stages.0.blocks.1.ffn"
    assert module_of("/ADD;3") == module_of("images") == ""


class Interpreter:
    """a -> CONV -> b -> ADD -> c -> SLICE -> d -> MUL -> e; two delegates take all but SLICE."""

    def get_tensor_details(self):
        names = ("images", "x/CONV_2D;0", "x/ADD;1", "y.z/SLICE;2", "y/MUL;3", "weight")
        return [{"index": index, "name": name} for index, name in enumerate(names)]

    def _get_ops_details(self):
        rows = [
            ("CONV_2D", [0, 5], [1]),
            ("ADD", [1, 1], [2]),
            ("SLICE", [2], [3]),
            ("MUL", [3, 3], [4]),
            ("DELEGATE", [0, 5], [2]),
            ("DELEGATE", [3], [4]),
        ]
        return [
            {"index": index, "op_name": kind, "inputs": inputs, "outputs": outputs}
            for index, (kind, inputs, outputs) in enumerate(rows)
        ]


def test_what_no_delegate_takes_runs_outside_xnnpack():
    expected = (Fallback("SLICE", "y.z", "run outside XNNPACK"),)
    assert _outside_xnnpack(Interpreter()) == expected

"""Counts against closed forms, fvcore and published figures."""

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from archsearch.cost import count_macs, count_macs_fvcore, count_params
from archsearch.cost.operator_macs import MAC_HANDLES, ZERO_MAC_NAMES


class _Call(nn.Module):
    """A function of the input as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def _attend(x, **options):
    query = x.flatten(2).transpose(1, 2)[:, None]  # (B, 1, N, C)
    return F.scaled_dot_product_attention(query, query, query, **options)


CLOSED_FORMS = {
    "linear": (lambda: nn.Linear(6, 5), (2, 3, 4, 6), 2 * 3 * 4 * 6 * 5),
    "linear without bias": (lambda: nn.Linear(6, 5, bias=False), (2, 3, 4, 6), 24 * 6 * 5),
    "conv": (lambda: nn.Conv2d(3, 8, 3, padding=1), (2, 3, 7, 9), 2 * 7 * 9 * 8 * 3 * 9),
    "strided conv": (lambda: nn.Conv2d(3, 8, 2, stride=2), (1, 3, 8, 8), 4 * 4 * 8 * 3 * 4),
    "depthwise conv": (lambda: nn.Conv2d(6, 6, 5, padding=2, groups=6), (1, 6, 8, 8), 64 * 6 * 25),
    "grouped conv": (lambda: nn.Conv2d(6, 9, 1, groups=3), (1, 6, 4, 4), 16 * 9 * 2),
    "conv1d": (lambda: _Call(nn.Conv1d(3, 4, 3)), (2, 3, 10), 2 * 8 * 4 * 3 * 3),
    "transposed conv": (
        lambda: nn.ConvTranspose2d(6, 4, 2, stride=2),
        (1, 6, 5, 5),
        25 * 6 * 4 * 4,
    ),
    "depthwise transposed conv": (
        lambda: nn.ConvTranspose2d(6, 6, 3, stride=3, groups=6),
        (2, 6, 4, 4),
        2 * 16 * 6 * 9,
    ),
    "matmul": (lambda: _Call(lambda x: x @ x.transpose(2, 3)), (2, 3, 4, 5), 6 * 4 * 4 * 5),
    "broadcast matmul": (
        lambda: _Call(lambda x: x @ torch.zeros(5, 7)),
        (2, 3, 4, 5),
        24 * 5 * 7,
    ),
    "einsum": (
        lambda: _Call(lambda x: torch.einsum("bchw,bdhw->bcd", x, x)),
        (2, 3, 4, 5),
        2 * 3 * 3 * 20,
    ),
    "baddbmm": (
        lambda: _Call(lambda x: torch.baddbmm(torch.zeros(1), x, x.transpose(1, 2))),
        (2, 3, 4),
        2 * 9 * 4,
    ),
    "attention": (lambda: _Call(_attend), (2, 8, 3, 3), 2 * 2 * 9 * 9 * 8),
    "attention with a bias": (
        lambda: _Call(lambda x: _attend(x, attn_mask=torch.zeros(1, 1, 9, 9))),
        (2, 8, 3, 3),
        2 * 2 * 9 * 9 * 8,
    ),
    "attention with a boolean mask": (
        lambda: _Call(lambda x: _attend(x, attn_mask=torch.ones(9, 9, dtype=torch.bool))),
        (2, 8, 3, 3),
        2 * 2 * 9 * 9 * 8,
    ),
    "causal attention": (
        lambda: _Call(lambda x: _attend(x, is_causal=True)),
        (2, 8, 3, 3),
        2 * 2 * 9 * 9 * 8,
    ),
    "multi-head attention module": (
        lambda: _Call(_with_self(nn.MultiheadAttention(8, 2, batch_first=True))),
        (2, 9, 8),
        2 * 9 * 8 * 8 * 4 + 2 * 2 * 9 * 9 * 8,
    ),
    "nothing": (
        lambda: nn.Sequential(nn.BatchNorm2d(3), nn.GELU(), nn.AvgPool2d(2), nn.Softmax(1)),
        (1, 3, 4, 4),
        0,
    ),
}


def _with_self(attention):
    return lambda x: attention(x, x, x)[0]


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_macs_equal_the_closed_form(name):
    build, shape, expected = CLOSED_FORMS[name]
    counted = count_macs(build(), shape)
    assert counted.total == expected
    assert counted.unsupported == {}


def test_one_attention_layer_of_deit_tiny():
    # qkv, scores, weighted values and projection at 197 tokens of 192 channels
    block = timm.create_model("deit_tiny_patch16_224").blocks[0].attn
    tokens, width = 197, 192
    expected = tokens * width * 3 * width + 2 * tokens * tokens * width + tokens * width * width
    assert expected == pytest.approx(43.95e6, rel=1e-4)
    assert count_macs(block, (1, tokens, width)).total == expected


@pytest.mark.parametrize(
    ("name", "published_g"),
    [("resnet18", 1.81), ("mobilenetv2_100", 0.300), ("deit_tiny_patch16_224", 1.26)],
)
def test_published_figures(name, published_g):
    model = timm.create_model(name)
    assert count_macs(model, (1, 3, 224, 224)).total / 1e9 == pytest.approx(published_g, rel=0.01)


@pytest.mark.parametrize("name", ["deit_tiny_patch16_224", "pvt_v2_b0", "poolformer_s12"])
def test_fvcore_agrees_but_for_normalisation(name):
    model = timm.create_model(name)
    shape = (1, 3, 224, 224)
    ours, theirs = count_macs(model, shape).total, count_macs_fvcore(model, shape)
    assert ours <= theirs <= 1.03 * ours


def test_fvcore_figure_of_deit_tiny():
    model = timm.create_model("deit_tiny_patch16_224")
    without_attention = 1_079_579_328  # fvcore 0.1.5 as it comes
    attention = 12 * 2 * 197 * 197 * 192
    assert count_macs_fvcore(model, (1, 3, 224, 224)) == without_attention + attention


def test_unknown_operators_are_listed():
    counted = count_macs(_Call(lambda x: torch.cdist(x, x)), (2, 30, 4))
    assert counted.total == 0
    assert counted.unsupported == {"_euclidean_dist": 1}


def test_recurrent_networks_are_not_taken_for_free():
    recurrent = nn.LSTM(4, 4)
    counted = count_macs(_Call(lambda x: recurrent(x)[0]), (2, 3, 4))
    assert counted.unsupported or counted.total > 0


def test_macs_by_module_add_up():
    model = timm.create_model("deit_tiny_patch16_224", depth=2)
    names = ["patch_embed", "blocks.0", "blocks.0.attn", "blocks.1", "norm", "head"]
    counted = count_macs(model, (1, 3, 224, 224), modules=names)
    parts = sum(macs for name, macs in counted.by_module.items() if name != "blocks.0.attn")
    assert parts == counted.total
    assert counted.by_module["blocks.0.attn"] < counted.by_module["blocks.0"]
    assert counted.by_module["norm"] == 0


def test_counting_leaves_the_model_as_it_was():
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout())
    model[2].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count_macs(model, (1, 3, 4, 4))
    assert [module.training for module in model] == [True, True, False]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model[0]._forward_hooks


def test_macs_grow_with_the_batch():
    model = timm.create_model("mobilenetv3_small_050")
    one, four = (count_macs(model, (batch, 3, 64, 64)).total for batch in (1, 4))
    assert four == 4 * one


def test_meta_device_counts_alike():
    with torch.device("meta"):
        model = timm.create_model("deit_tiny_patch16_224", depth=1)
    real = timm.create_model("deit_tiny_patch16_224", depth=1)
    shape = (1, 3, 224, 224)
    assert count_macs(model, shape).total == count_macs(real, shape).total


def test_shared_parameters_count_once():
    layer = nn.Linear(3, 4)
    assert count_params(nn.Sequential(layer, layer)) == 16
    layer.bias.requires_grad_(False)
    assert count_params(layer, trainable_only=True) == 12


def test_an_operator_is_on_one_list():
    assert not {packet.__name__ for packet in MAC_HANDLES} & ZERO_MAC_NAMES

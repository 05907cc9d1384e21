"""Stems, positions, merges, gates, extra tokens and heads against their definitions."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archsearch import blocks


def test_conv_stem_of_stride_8_has_the_strides_of_the_paper():
    stem = blocks.ConvStem(3, 64, 8)
    convolutions = [layer for layer in stem.layers if isinstance(layer, nn.Conv2d)]
    assert [conv.stride[0] for conv in convolutions] == [2, 1, 1, 2]
    assert [conv.groups for conv in convolutions] == [1, 32, 32, 32]
    assert stem.proj.stride == (2, 2)


@pytest.mark.parametrize("stride", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("side", [16, 17, 31])
def test_conv_stem_divides_and_rounds_up(stride, side):
    assert blocks.ConvStem(3, 8, stride)(torch.zeros(1, 3, side, side)).shape[2] == -(
        -side // stride
    )


@pytest.mark.parametrize(
    ("patch", "kernel"), [(4, 4), (4, 7), (2, 3), (2, 4), (3, 2), (1, 3), (4, 6)]
)
@pytest.mark.parametrize("side", [3, 8, 9, 15])
def test_patch_embedding_divides_and_rounds_up(patch, kernel, side):
    stem = blocks.PatchEmbedding(3, 8, patch, kernel)
    assert stem(torch.zeros(1, 3, side, side)).shape[2] == -(-side // patch)


@torch.no_grad()
def test_patch_embedding_pads_with_zeros():
    stem = blocks.PatchEmbedding(3, 8, 4, 4)
    x = torch.randn(2, 3, 10, 7)
    torch.testing.assert_close(stem(x), stem(F.pad(x, (0, 1, 0, 2))))


@torch.no_grad()
def test_merge_gathers_column_by_column():
    merge = blocks.Merge(2, 8)
    merge.norm = nn.Identity()
    merge.reduction.weight.copy_(torch.eye(8))
    x = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    y = merge(x)
    corner = [x[0, :, 2, 4], x[0, :, 3, 4], x[0, :, 2, 5], x[0, :, 3, 5]]
    assert torch.equal(y[0, :, 1, 2], torch.cat(corner))


@torch.no_grad()
def test_residual_merge_adds_the_projected_maximum():
    both, plain = blocks.ResidualMerge(4, 6), blocks.Merge(4, 6)
    plain.load_state_dict({k: v for k, v in both.state_dict().items() if "residual" not in k})
    x = torch.randn(2, 4, 5, 7)
    largest = torch.stack(
        [
            x[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].amax((2, 3))
            for i in range(3)
            for j in range(4)
        ],
        1,
    )
    added = (largest @ both.residual.weight.T).transpose(1, 2).reshape(2, 6, 3, 4)
    torch.testing.assert_close(both(x), plain(x) + added)


@torch.no_grad()
def test_local_propagation_is_a_depthwise_transposed_convolution():
    torch.manual_seed(0)
    layer = blocks.LocalPropagation(6, 3)
    layer.weight.normal_()
    layer.bias.normal_()
    x = torch.randn(2, 6, 4, 5)
    weight = layer.weight.permute(2, 0, 1)[:, None]
    expected = F.conv_transpose2d(x, weight, layer.bias, stride=3, groups=6)
    torch.testing.assert_close(layer(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2), expected)


@torch.no_grad()
def test_bi_dimensional_gates_are_those_of_the_joined_sequence():
    torch.manual_seed(0)
    ffn = blocks.BiDimensionalFfn(8, 16)
    x, tokens = torch.randn(2, 3, 5, 8), torch.randn(2, 4, 8)
    joined = torch.cat([tokens, x.reshape(2, 15, 8)], dim=1)
    y = ffn.fc2(F.gelu(ffn.fc1(ffn.norm(joined))))
    normed = ffn.gate_norm(y)
    summary = F.gelu(ffn.global_reduce(normed.mean(dim=1, keepdim=True)))
    channel = torch.sigmoid(ffn.channel_select(summary))
    local = F.gelu(ffn.local_reduce(normed))
    both = torch.cat([local, summary.expand(-1, 19, -1)], dim=-1)
    expected = y * channel * torch.sigmoid(ffn.spatial_select(both))
    update, token_update = ffn(x, tokens)
    torch.testing.assert_close(update.reshape(2, 15, 8), expected[:, 4:])
    torch.testing.assert_close(token_update, expected[:, :4])


@pytest.mark.parametrize(("channels", "kernel"), [(768, 5), (192, 5), (64, 3), (16, 3), (2048, 7)])
def test_eca_kernel_grows_with_the_logarithm_of_the_channels(channels, kernel):
    # (log2(C) + 1) / 2, cut to a whole number, made odd upwards
    assert blocks.EfficientChannelAttention(channels).conv.kernel_size == (kernel,)


@torch.no_grad()
def test_gates_against_their_formulas():
    x = torch.randn(2, 16, 3, 4)
    mean = x.mean((2, 3))
    se = blocks.SqueezeExcitation(16, 4)
    gate = F.relu6(se.fc2(F.relu(se.fc1(mean))) + 3) / 6
    torch.testing.assert_close(se(x), x * gate[:, :, None, None])
    for hard in (False, True):
        eca = blocks.EfficientChannelAttention(16, hard=hard)
        weight = eca.conv.weight[0, 0]
        padded = F.pad(mean, (1, 1))
        logit = sum(weight[i] * padded[:, i : i + 16] for i in range(3))
        gate = F.relu6(logit + 3) / 6 if hard else torch.sigmoid(logit)
        torch.testing.assert_close(eca(x), x * gate[:, :, None, None])


@torch.no_grad()
def test_learned_position_reaches_map_and_class_token_alone():
    position = blocks.LearnedPosition(4, 3, class_token=True)
    x, tokens = torch.zeros(2, 3, 3, 4), torch.zeros(2, 3, 4)
    y, z = position(x, tokens)
    assert torch.equal(y[1], position.table)
    assert torch.equal(z[1, :1], position.class_table)
    assert (z[:, 1:] == 0).all()
    position.table.fill_(0.5)
    larger = position(torch.zeros(1, 6, 5, 4), tokens)[0]
    torch.testing.assert_close(larger, torch.full((1, 6, 5, 4), 0.5))


@torch.no_grad()
def test_window_tokens_of_another_grid_are_interpolated():
    attention = blocks.SeparableAttention(4, 2, 6, 3)
    attention.window_tokens.copy_(torch.tensor([[0.0, 1.0], [2.0, 3.0]])[..., None].expand(2, 2, 4))
    grid = attention._window_tokens(torch.zeros(1, 9, 4), 4, 4).reshape(4, 4, 4)
    assert (grid.diff(dim=0) >= 0).all()
    assert (grid.diff(dim=1) >= 0).all()
    assert grid[0, 0, 0] == 0
    assert grid[3, 3, 0] == 3


@pytest.mark.parametrize(
    ("options", "incoming", "kept", "fresh"),
    [
        ({"class_token": True}, (True, 0), [0], []),
        ({"global_tokens": 2}, (False, 2), [0, 1], []),
        ({"class_token": True, "global_tokens": 2}, (True, 2), [0, 1, 2], []),
        ({"class_token": True, "global_tokens": 2}, (True, 3), [0], [1, 2]),
        ({"class_token": True, "global_tokens": 2}, (False, 2), [0, 1], [0]),
        ({"global_tokens": 2}, (True, 2), [1, 2], []),
        ({"global_tokens": 3}, (True, 2), [], [0, 1, 2]),
    ],
)
@torch.no_grad()
def test_extra_tokens_are_carried_or_begin_anew(options, incoming, kept, fresh):
    before = int(incoming[0]) + incoming[1]
    module = blocks.CarriedTokens(
        5,
        5,
        **options,
        in_class_token=incoming[0],
        in_global_tokens=incoming[1],
        project=False,
    )
    tokens = torch.randn(2, before, 5)
    out = module(tokens, 2)
    assert out.shape[1] == len(kept) + len(fresh)
    carried = [i for i in range(out.shape[1]) if i not in fresh]
    assert torch.equal(out[:, carried], tokens[:, kept])
    learned = sum(parameter.shape[1] for parameter in module.parameters())
    assert learned == len(fresh)


@torch.no_grad()
def test_extra_tokens_projection_changes_the_width():
    module = blocks.CarriedTokens(4, 6, global_tokens=2, in_global_tokens=2)
    tokens = torch.randn(2, 2, 4)
    expected = F.layer_norm(tokens, (4,)) @ module.projection[1].weight.T
    torch.testing.assert_close(module(tokens, 2), expected)


@pytest.mark.parametrize("norm", ["layer", "batch", "none"])
@pytest.mark.parametrize("pooling", ["mean", "mean_all", "class_token"])
@torch.no_grad()
def test_head_reads_what_it_says(pooling, norm):
    torch.manual_seed(0)
    head = blocks.Head(6, 4, pooling=pooling, norm=norm, neck_dim=8).train()
    x, tokens = torch.randn(3, 6, 2, 5), torch.randn(3, 2, 6)
    flat = x.flatten(2).transpose(1, 2)
    read = {
        "mean": flat,
        "mean_all": torch.cat([tokens, flat], 1),
        "class_token": tokens[:, :1],
    }[pooling]
    if norm == "layer":
        read = F.layer_norm(read, (6,), eps=1e-6)
    elif norm == "batch":
        read = (read - read.mean((0, 1))) / (read.var((0, 1), unbiased=False) + 1e-5).sqrt()
    pooled = F.gelu(F.layer_norm(head.neck[0](read), (8,))).mean(1)
    torch.testing.assert_close(head(x, tokens, pre_logits=True), pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(head(x, tokens), head.classifier(pooled), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_initialize_sets_the_stated_deviations():
    torch.manual_seed(0)
    linear, conv, depthwise = (
        nn.Linear(300, 300),
        nn.Conv2d(64, 128, 3),
        nn.Conv2d(500, 500, 3, groups=500),
    )
    for module in (linear, conv, depthwise):
        blocks.initialize(module)
        assert (module.bias == 0).all()
    assert linear.weight.std() == pytest.approx(0.02, rel=0.05)
    assert linear.weight.abs().max() <= 2
    assert conv.weight.std() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.05)
    assert depthwise.weight.std() == pytest.approx((2 / 9) ** 0.5, rel=0.05)

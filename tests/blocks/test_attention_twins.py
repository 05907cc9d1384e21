"""Fast attentions equal slow, obvious ones, on maps that windows and patches tile and do not."""

import pytest
import torch
import torch.nn.functional as F

from archsearch import blocks
from archsearch.blocks.windows import window_mask, window_partition, window_reverse
from tests.blocks import slow_twins
from tests.blocks.block_cases import ATTENTIONS, DIM, NARROW, NARROW_ATTENTIONS

TWINS = {
    blocks.SelfAttention: slow_twins.self_attention,
    blocks.WindowAttention: slow_twins.window_attention,
    blocks.WindowGlobalAttention: slow_twins.window_global_attention,
    blocks.SparseGlobalAttention: slow_twins.sparse_global_attention,
    blocks.SeparableAttention: slow_twins.separable_attention,
    blocks.SingleGroupAttention: slow_twins.single_group_attention,
    blocks.SpatialReductionAttention: slow_twins.spatial_reduction_attention,
}

#: tables and window tokens
RESIZES = (
    "self_attention_bias",
    "sparse_max",
    "single_group",
    "separable",
    "separable_bias",
    "depthwise_only",
)


def disturbed(factory, seed=0):
    torch.manual_seed(seed)
    block = factory().eval()
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return block


@pytest.mark.parametrize("size", [(7, 7), (6, 6), (2, 2), (5, 9)], ids=str)
@pytest.mark.parametrize("name", ATTENTIONS)
@torch.no_grad()
def test_equals_its_slow_twin(name, size):
    if size != (7, 7) and name in RESIZES:
        pytest.skip("interpolates what it learned for another size")
    check_against_twin(disturbed(ATTENTIONS[name]), size)


@pytest.mark.parametrize("name", NARROW_ATTENTIONS)
@torch.no_grad()
def test_equals_its_slow_twin_on_the_rectangle_that_it_was_made_for(name):
    check_against_twin(disturbed(NARROW_ATTENTIONS[name]), NARROW)


@pytest.mark.parametrize("name", NARROW_ATTENTIONS)
def test_every_parameter_counts_on_a_rectangle(name):
    block = disturbed(NARROW_ATTENTIONS[name])
    update, _ = block(torch.randn(2, *NARROW, DIM), torch.randn(2, 3, DIM))
    (update * torch.randn_like(update)).sum().backward()
    for parameter_name, parameter in block.named_parameters():
        assert parameter.grad.abs().sum() > 0, parameter_name
    bias = getattr(block, "relative_bias", None)
    if bias is not None:  # no offset that cannot be
        assert (bias.table.grad != 0).all()


def check_against_twin(block, size):
    x, tokens = torch.randn(2, *size, DIM), torch.randn(2, 3, DIM)
    update, token_update = block(x, tokens)
    for index in range(2):
        expected, expected_tokens = TWINS[type(block)](block, x[index], tokens[index])
        torch.testing.assert_close(update[index], expected, rtol=1e-4, atol=2e-5)
        if expected_tokens is None:
            assert token_update is None
        else:
            torch.testing.assert_close(token_update[index], expected_tokens, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("name", ["self_attention", "sparse_top_left", "spatial_reduction"])
@torch.no_grad()
def test_equals_its_slow_twin_without_extra_tokens(name):
    block = disturbed(ATTENTIONS[name])
    x = torch.randn(1, 7, 7, DIM)
    expected, _ = TWINS[type(block)](block, x[0], None)
    update, token_update = block(x, None)
    torch.testing.assert_close(update[0], expected, rtol=1e-4, atol=2e-5)
    assert token_update is None


def test_scaled_dot_product_attention_is_the_written_out_softmax():
    q, k, v = torch.randn(3, 2, 4, 11, 6).unbind(0)
    bias = torch.randn(4, 11, 11)
    for given in (None, bias):
        fast = F.scaled_dot_product_attention(
            q, k, v, attn_mask=None if given is None else given[None]
        )
        for image in range(2):
            for head in range(4):
                slow = slow_twins.softmax_attention(
                    q[image, head],
                    k[image, head],
                    v[image, head],
                    None if given is None else given[head],
                )
                torch.testing.assert_close(fast[image, head], slow, rtol=1e-5, atol=1e-6)


def test_window_partition_and_back():
    x = torch.arange(2 * 6 * 9 * 2.0).reshape(2, 6, 9, 2)
    windows = window_partition(x, 3)
    assert windows.shape == (2 * 6, 9, 2)
    assert torch.equal(windows[7].reshape(3, 3, 2), x[1, 0:3, 3:6])
    assert torch.equal(window_reverse(windows, 3, 2, 3), x)


@pytest.mark.parametrize(("height", "width", "shift"), [(6, 6, 1), (7, 5, 0), (8, 4, 1), (9, 7, 1)])
def test_window_mask_lets_pixels_of_a_window_see_each_other_and_no_padding(height, width, shift):
    size = 3
    mask = window_mask(height, width, size, shift, shift)
    padded_width = width + -width % size
    groups = slow_twins.windows_of(height, width, size, shift > 0)
    allowed = {(a, b) for group in groups for a in group for b in group}
    seen = set()
    rows, columns = -(-height // size), padded_width // size
    assert mask.shape == (rows * columns, size * size, size * size)
    for window, query, key in mask.nonzero().tolist():
        places = []
        for pixel in (query, key):
            row = (window // columns * size + pixel // size + shift) % (rows * size)
            column = (window % columns * size + pixel % size + shift) % padded_width
            places.append((row, column))
        inside = [row < height and column < width for row, column in places]
        if not all(inside):
            assert query == key
        else:
            seen.add(tuple(places))
    assert seen == allowed


def test_whole_windows_need_no_mask():
    assert window_mask(6, 9, 3) is None


@pytest.mark.parametrize("name", ["window", "window_global", "separable_zero", "separable_average"])
@torch.no_grad()
def test_padding_has_no_influence(name, monkeypatch):
    """Whatever value the padding has, the map comes out the same."""
    block = disturbed(ATTENTIONS[name])
    x, tokens = torch.randn(2, 7, 7, DIM), torch.randn(2, 2, DIM)
    expected = block(x, tokens)
    pad = F.pad

    def loud_pad(tensor, sizes, *arguments, **options):
        is_map = tensor.ndim == 4 and tensor.dtype == torch.float32 and len(sizes) == 6
        if is_map and not arguments and not options:
            options = {"value": 37.0}
        return pad(tensor, sizes, *arguments, **options)

    monkeypatch.setattr("archsearch.blocks.windows.F.pad", loud_pad)
    for a, b in zip(block(x, tokens), expected, strict=True):
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_window_as_large_as_the_map_is_self_attention():
    window, full = (
        blocks.WindowAttention(DIM, 2, 5, 5, relative_bias=True),
        blocks.SelfAttention(DIM, 2, 5, relative_bias=True),
    )
    full.load_state_dict(window.state_dict())
    x = torch.randn(2, 5, 5, DIM)
    torch.testing.assert_close(window(x, None)[0], full(x, None)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [blocks.WindowAttention, blocks.WindowGlobalAttention])
@torch.no_grad()
def test_a_window_clipped_to_the_map_equals_one_that_is_padded(kind):
    padded = disturbed(lambda: kind(DIM, 2, NARROW, 5, relative_bias=True))
    clipped = kind(DIM, 2, NARROW, (3, 5), relative_bias=True)
    state = padded.state_dict()
    key = "relative_bias.table"
    state[key] = state[key].reshape(2, 9, 9)[:, 2:7].reshape(2, 45)  # offsets of 3 rows
    clipped.load_state_dict(state)
    x, tokens = torch.randn(2, *NARROW, DIM), torch.randn(2, 3, DIM)
    for a, b in zip(clipped(x, tokens), padded(x, tokens), strict=True):
        assert a is b is None or torch.allclose(a, b, atol=1e-5)


@torch.no_grad()
def test_relative_bias_of_another_size_is_interpolated_and_smooth():
    bias = blocks.RelativeBias(1, 5, 5)
    rows = torch.arange(9.0).sub(4).repeat_interleave(9)
    bias.table.copy_(rows[None])  # the bias is the row offset
    larger = bias(9, 9)[0]
    ordered = larger[:, 0].reshape(9, 9)[:, 0]  # key in the corner, query further and further down
    assert (ordered.diff() > 0).all()
    assert torch.equal(bias(5, 5, 2)[:, 2:, 2:], bias(5, 5))
    assert bias(5, 5, 2)[:, :2].abs().sum() == bias(5, 5, 2)[:, :, :2].abs().sum() == 0

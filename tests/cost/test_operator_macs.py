"""The count of every block against its closed form, written from the papers' definitions."""

import pytest
import torch

from archsearch.cost import count_macs, count_macs_fvcore
from tests.blocks.block_cases import DIM, MAP_MODULES, SIDE, TOKEN_MODULES

N = SIDE * SIDE
TOKENS = 3


def linear(tokens, before, after):
    return tokens * before * after


def attend(queries, keys, width=DIM):
    """Scores and weighted values, all heads together."""
    return 2 * queries * keys * width


def conv(side, kernel, before, after, groups=1):
    return side * side * kernel * kernel * before * after // groups


def up(length, step):
    return -(-length // step)


def self_attention(t):
    m = N + t
    return linear(m, DIM, 4 * DIM) + attend(m, m)


def window(size):
    windows = up(SIDE, size) ** 2
    m = windows * size * size
    return linear(m, DIM, 4 * DIM) + windows * attend(size * size, size * size)


def window_global(size, t, aggregation=True, broadcast=True):
    """The window part, queries and output of the tokens, their keys and values."""
    m = up(SIDE, size) ** 2 * size * size
    total = window(size)
    if t and aggregation:
        total += 2 * linear(t, DIM, DIM) + attend(t, m)
    if t and broadcast:
        total += linear(t, DIM, 2 * DIM) + attend(m, t)
    return total


def sparse(rate, t, propagation):
    samples = up(SIDE, rate) ** 2
    m = samples + t
    total = linear(m, DIM, 3 * DIM) + attend(m, m)
    if propagation == "transposed_conv":  # each sample meets r x r weights per channel
        total += samples * rate * rate * DIM
    # the projection sees the map after propagation, or the samples where it only copies them
    projected = N if propagation in ("transposed_conv", "bilinear") else samples
    return total + linear(projected + t, DIM, DIM)


def separable(size, token=1, pointwise=True):
    windows = up(SIDE, size) ** 2
    inside = size * size + token
    total = windows * (linear(inside, DIM, 3 * DIM) + attend(inside, inside))
    if pointwise:  # windows attend to windows; a value is a whole window
        total += linear(windows, DIM, 2 * DIM)
        total += windows * windows * (DIM + size * size * DIM)
    return total + windows * linear(size * size, DIM, DIM)


def spatial_reduction(rate, t):
    reduced = up(SIDE, rate)
    total = conv(reduced, rate, DIM, DIM)
    keys = reduced * reduced + t
    return total + linear(N + t, DIM, 2 * DIM) + linear(keys, DIM, 2 * DIM) + attend(N + t, keys)


def mlp(t, dim=DIM, hidden=16, tokens=N):
    return 2 * linear(tokens + t, dim, hidden)


def bi_dimensional(t, channel=True, spatial=True, reduction=4):
    reduced = DIM // reduction
    total = mlp(t) + linear(1, DIM, reduced)
    if channel:
        total += linear(1, reduced, DIM)
    if spatial:  # each token's own half, and the half of the mean once
        total += linear(N + t, DIM, reduced) + linear(N + t, reduced, 1) + linear(1, reduced, 1)
    return total


def locality(kernel, gate=0, dim=DIM, hidden=16, side=SIDE):
    depthwise = conv(side, kernel, hidden, hidden, hidden) if kernel else 0
    return 2 * conv(side, 1, dim, hidden) + depthwise + gate


def block(t):
    position = conv(SIDE, 3, DIM, DIM, DIM) + conv(SIDE, 5, DIM, DIM, DIM)
    local = 2 * conv(SIDE, 1, DIM, DIM) + conv(SIDE, 5, DIM, DIM, DIM) + 2 * conv(SIDE, 1, DIM, 16)
    return position + local + self_attention(t) + mlp(t)


SQUEEZE = 2 * 16 * 4
ECA = 16 * 3  # kernel 3 over 16 channels

TOKEN_FORMS = {
    "self_attention": self_attention,
    "self_attention_bias": self_attention,
    "window_global": lambda t: window_global(3, t),
    "window_global_skip": lambda t: window_global(3, max(0, t - 1)),
    "window_global_tiled": lambda t: window_global(7, t),
    "broadcast_only": lambda t: window_global(3, t, aggregation=False),
    "aggregation_only": lambda t: window_global(3, t, broadcast=False),
    "local_only": lambda t: window(3),
    "sparse_top_left": lambda t: sparse(2, t, "transposed_conv"),
    "sparse_center": lambda t: sparse(3, t, "transposed_conv"),
    "sparse_average": lambda t: sparse(2, t, "transposed_conv"),
    "sparse_max": lambda t: sparse(2, t, "transposed_conv"),
    "sparse_bilinear": lambda t: sparse(2, t, "bilinear"),
    "sparse_nearest": lambda t: sparse(2, t, "nearest"),
    "sparse_none": lambda t: sparse(3, t, "none"),
    "spatial_reduction": lambda t: spatial_reduction(2, t),
    "window": lambda t: window(3),
    "window_shift": lambda t: window(3),
    "window_tiled": lambda t: window(7),
    "separable": lambda t: separable(3),
    "separable_zero": lambda t: separable(3),
    "separable_average": lambda t: separable(3, token=0),
    "separable_conv": lambda t: separable(3, token=0) + 9 * DIM * (-(-SIDE // 3)) ** 2,
    "separable_bias": lambda t: separable(4),
    "depthwise_only": lambda t: separable(3, pointwise=False),
    "single_group": lambda t: self_attention(0),
    "mlp": mlp,
    "bi_dimensional": bi_dimensional,
    "channel": lambda t: bi_dimensional(t, spatial=False),
    "spatial": lambda t: bi_dimensional(t, channel=False, reduction=2),
    "locality": lambda t: locality(3),
    "locality_pointwise": lambda t: locality(None),
    "locality_se": lambda t: locality(5, SQUEEZE),
    "locality_eca": lambda t: locality(3, ECA),
    "locality_eca_hard": lambda t: locality(3, ECA),
    "learned_position": lambda t: 0,
    "block": block,
}


def conv_stem(sides, dim=12):
    """Dense, three depthwise, dense; ``sides`` are those of the five results."""
    hidden = dim // 2
    total = conv(sides[0], 3, DIM, hidden)
    total += sum(conv(side, 3, hidden, hidden, hidden) for side in sides[1:4])
    return total + conv(sides[4], 3, hidden, dim)


def performer(tokens, before, dim=6, features=4):
    """Keys, queries, values; features of both; gathered values; normaliser; found; projection."""
    total = linear(tokens, before, 3 * dim) + 2 * linear(tokens, dim, features)
    total += features * tokens * dim + tokens * features
    return total + linear(tokens, features, dim) + linear(tokens, dim, dim)


def tokens_to_token(sides, kernel, second_ffn):
    total = performer(sides[0] ** 2, DIM * kernel * kernel) + mlp(0, 6, 6, sides[0] ** 2)
    total += performer(sides[1] ** 2, 6 * 9) + second_ffn
    return total + linear(sides[2] ** 2, 6 * 9, 12)


MAP_FORMS = {
    "conv_stem_1": conv_stem((7, 7, 7, 7, 7)),
    "conv_stem_2": conv_stem((4, 4, 4, 4, 4)),
    "conv_stem_4": conv_stem((4, 4, 4, 4, 2)),
    "conv_stem_8": conv_stem((4, 4, 4, 2, 1)),
    "conv_stem_16": conv_stem((4, 4, 2, 1, 1)),
    "patch_3": conv(3, 3, DIM, 12),
    "patch_overlapping": conv(4, 3, DIM, 12),
    "patch_even_kernel": conv(4, 4, DIM, 12),
    "tokens_to_token_4": tokens_to_token((7, 4, 2), 3, mlp(0, 6, 6, 16)),
    "tokens_to_token_8": tokens_to_token((4, 2, 1), 3, locality(3, 0, 6, 6, 2)),
    "tokens_to_token_16": tokens_to_token((2, 1, 1), 7, mlp(0, 6, 6, 1)),
    "merge": linear(16, 4 * DIM, 12),
    "residual_merge": linear(16, 4 * DIM, 12) + linear(16, DIM, 12),
    "width_adapter": linear(N, DIM, 12),
}


class _OnMap(torch.nn.Module):
    """A module over (map, extra tokens) as a module over the map."""

    def __init__(self, module, num_tokens):
        super().__init__()
        self.module = module
        self.num_tokens = num_tokens

    def forward(self, x):
        tokens = x.new_zeros(x.shape[0], self.num_tokens, DIM) if self.num_tokens else None
        return self.module(x.permute(0, 2, 3, 1), tokens)


def test_every_block_has_a_closed_form():
    assert set(TOKEN_FORMS) == set(TOKEN_MODULES)
    assert set(MAP_FORMS) == set(MAP_MODULES)


@pytest.mark.parametrize("num_tokens", [0, TOKENS])
@pytest.mark.parametrize("name", TOKEN_FORMS)
def test_blocks(name, num_tokens):
    counted = count_macs(_OnMap(TOKEN_MODULES[name](), num_tokens), (2, DIM, SIDE, SIDE))
    assert counted.unsupported == {}
    assert counted.total == 2 * TOKEN_FORMS[name](num_tokens)


@pytest.mark.parametrize("name", MAP_FORMS)
def test_stems_and_downsampling(name):
    counted = count_macs(MAP_MODULES[name][0](), (2, DIM, SIDE, SIDE))
    assert counted.unsupported == {}
    assert counted.total == 2 * MAP_FORMS[name]


@pytest.mark.parametrize(
    "name", ["self_attention", "window", "spatial_reduction", "separable_zero"]
)
def test_fvcore_sees_at_least_as_much(name):
    # fvcore adds normalisation, at 5 operations an element at most
    module, shape = _OnMap(TOKEN_MODULES[name](), 0), (1, DIM, SIDE, SIDE)
    ours, theirs = count_macs(module, shape).total, count_macs_fvcore(module, shape)
    assert ours <= theirs <= ours + 3 * 5 * 81 * DIM

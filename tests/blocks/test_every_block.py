"""What must hold for every block of the library."""

import copy

import pytest
import torch
from torch import nn

from archsearch import blocks
from tests.blocks.block_cases import (
    AGGREGATES_ONLY,
    ATTENTIONS,
    DIM,
    FFNS,
    LEAVES_TOKENS,
    MAP_MODULES,
    SIDE,
    TOKEN_MODULES,
)

EVERY = pytest.mark.parametrize("name", TOKEN_MODULES)
EVERY_MAP = pytest.mark.parametrize("name", MAP_MODULES)


def prepared(name, seed=0):
    """Return the block with weights that leave nothing at zero or one by accident."""
    torch.manual_seed(seed)
    module = TOKEN_MODULES[name]() if name in TOKEN_MODULES else MAP_MODULES[name][0]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return module.eval()


def inputs(batch=2, tokens=3, side=SIDE):
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, side, side, DIM, generator=generator)
    return x, torch.randn(batch, tokens, DIM, generator=generator) if tokens else None


def total(outputs):
    """Return one number that depends on every entry of both outputs."""
    flat = torch.cat([each.float().flatten() for each in outputs if each is not None])
    return (flat * torch.linspace(0.5, 1.5, flat.numel())).sum()


def test_every_public_block_has_a_case():
    built = [module() for module in TOKEN_MODULES.values()]
    built += [make() for make, _ in MAP_MODULES.values()]
    covered = {type(part).__name__ for module in built for part in module.modules()}
    tested_elsewhere = {"CarriedTokens", "LearnedTokens", "Head", "PixelStem", "Stage"}
    tested_elsewhere |= {"PixelTransformer", "initialize", "sinusoid_table"}
    assert set(blocks.__all__) - covered == tested_elsewhere


@EVERY
@pytest.mark.parametrize("tokens", [0, 3])
def test_shapes(name, tokens):
    module = prepared(name)
    x, extra = inputs(tokens=tokens)
    update, token_update = module(x, extra)
    assert update.shape == x.shape
    if token_update is not None:
        assert token_update.shape == extra.shape
    assert torch.isfinite(update).all()


@pytest.mark.parametrize("name", ATTENTIONS)
def test_which_attention_updates_tokens(name):
    update = prepared(name)(*inputs())[1]
    if name in LEAVES_TOKENS or name == "broadcast_only":
        assert update is None
    else:
        assert update is not None
    if name == "window_global_skip":
        assert (update[:, 0] == 0).all()
        assert (update[:, 1:] != 0).all()


@pytest.mark.parametrize("name", ATTENTIONS)
def test_image_tokens_see_extra_tokens_where_the_attention_says_so(name):
    module = prepared(name)
    x, tokens = inputs()
    changed = module(x, tokens + torch.arange(3.0 * DIM).reshape(3, DIM).sin())[0]
    same = torch.allclose(changed, module(x, tokens)[0], atol=1e-6)
    assert same == (name in LEAVES_TOKENS or name in AGGREGATES_ONLY)


@EVERY
def test_gradient_reaches_every_parameter_and_input(name):
    module = prepared(name).train()
    x, tokens = inputs()
    x.requires_grad_()
    total(module(x, tokens)).backward()
    for parameter_name, parameter in module.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name
    assert torch.isfinite(x.grad).all()
    if not name.startswith("sparse") or name == "sparse_average":  # others see samples only
        assert (x.grad.abs().sum(dim=-1) > 0).all()


@EVERY
def test_bf16_autocast_is_finite_and_close(name):
    module = prepared(name)
    x, tokens = inputs()
    exact = module(x, tokens)
    with torch.autocast("cpu", torch.bfloat16):
        rough = module(x, tokens)
    for a, b in zip(exact, rough, strict=True):
        if a is not None:
            assert torch.isfinite(b).all()
            assert (a - b.float()).abs().max() <= 0.04 * a.abs().max()


@EVERY
def test_images_of_a_batch_do_not_mix(name):
    module = prepared(name)
    x, tokens = inputs(batch=3)
    whole = module(x, tokens)
    alone = module(x[1:2], tokens[1:2])
    for a, b in zip(whole, alone, strict=True):
        if a is not None:
            torch.testing.assert_close(a[1:2], b, rtol=1e-4, atol=1e-5)


@EVERY
def test_memory_layout_makes_no_difference(name):
    module = prepared(name)
    x, tokens = inputs()
    contiguous_map = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    for a, b in zip(module(x, tokens), module(contiguous_map, tokens), strict=True):
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@EVERY
def test_other_map_sizes_run(name):
    module = prepared(name)
    for height, width in ((1, 1), (3, 8), (14, 9)):
        x = torch.randn(2, height, width, DIM)
        update, _ = module(x, inputs()[1])
        assert update.shape == x.shape
        assert torch.isfinite(update).all()


@EVERY
def test_state_round_trip_and_copy(name):
    module, other = prepared(name), prepared(name, seed=5)
    x, tokens = inputs()
    other.load_state_dict(module.state_dict())
    for copied in (other, copy.deepcopy(module)):
        for a, b in zip(module(x, tokens), copied(x, tokens), strict=True):
            assert a is b is None or torch.equal(a, b)


@EVERY
def test_export(name):
    module = prepared(name)
    x, tokens = inputs()
    program = torch.export.export(module, (x, tokens)).module()
    for a, b in zip(module(x, tokens), program(x, tokens), strict=True):
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@EVERY
def test_same_weights_same_result(name):
    x, tokens = inputs()
    for a, b in zip(prepared(name)(x, tokens), prepared(name)(x, tokens), strict=True):
        assert a is b is None or torch.equal(a, b)


@EVERY_MAP
def test_map_modules(name):
    module, side = prepared(name), MAP_MODULES[name][1]
    x = torch.randn(2, DIM, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    y = module(x)
    assert y.shape == (2, 12, side, side)
    assert y.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(module(x.contiguous()), y, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(module(x[:1]), y[:1], rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        assert (module(x).float() - y).abs().max() <= 0.04 * y.abs().max()
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), y, rtol=1e-4, atol=1e-5)


@EVERY_MAP
def test_map_modules_gradient(name):
    module = prepared(name).train()
    x = torch.randn(4, DIM, SIDE, SIDE)
    total([module(x)]).backward()
    trained = [each for each in module.parameters() if each.requires_grad]
    assert all(parameter.grad.abs().sum() > 0 for parameter in trained)


def test_drop_path_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    drop = blocks.DropPath(0.25).train()
    x, tokens = torch.ones(4000, 2, 2, 3), torch.ones(4000, 5, 3)
    y, z = drop(x, tokens)
    kept = y[:, 0, 0, 0]
    assert sorted(set(kept.tolist())) == pytest.approx([0.0, 4 / 3])
    assert torch.equal(y, kept[:, None, None, None].expand_as(y))
    assert torch.equal(z, kept[:, None, None].expand_as(z))
    assert kept.mean() == pytest.approx(1.0, abs=0.03)
    assert drop.eval()(x, None) == (x, None)


@pytest.mark.parametrize("name", FFNS)
def test_locality_leaves_extra_tokens(name):
    module = prepared(name)
    assert (module(*inputs())[1] is None) == isinstance(module, blocks.LocalityFfn)


def test_identity_parts_of_a_block_have_no_parameters():
    block = blocks.TransformerBlock(blocks.Mlp(DIM, 16), blocks.Mlp(DIM, 16))
    assert isinstance(block.position, nn.Identity)
    assert {name.split(".")[0] for name, _ in block.named_parameters()} == {"attention", "ffn"}

"""Checkpoints as every publisher spells them: timm's networks, T2T-ViT's own keys, LocalViT's."""

import re

import pytest
import timm
import torch
from timm.optim import param_groups_layer_decay

from archsearch import zoo
from archsearch.errors import InputError
from archsearch.zoo import timm_models
from archsearch.zoo.checkpoint import read_checkpoint

#: timm's model -> ours; small ones, and the options that keep them small
TIMM = {
    "deit_tiny_patch16_224": ("deit_tiny", {"depth": 2}),
    "vit_small_patch32_224": ("deit_tiny", {"depth": 2}),
    "deit_base_patch16_384": ("deit_tiny", {"depth": 1}),
    "swin_tiny_patch4_window7_224": ("swin_tiny", {"depths": (2, 2, 1, 2)}),
    "swin_s3_tiny_224": ("swin_tiny", {"depths": (1, 2, 2, 1)}),
    "swin_base_patch4_window12_384": ("swin_tiny", {"depths": (1, 1, 2, 1)}),
    "tnt_s_patch16_224": ("tnt_tiny", {"depth": 2}),
    "tnt_s_legacy_patch16_224": ("tnt_tiny", {"depth": 2}),
    "tnt_b_patch16_224": ("tnt_tiny", {"depth": 1}),
}


def timms(name):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=10, **TIMM[name][1]).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.02 * torch.randn_like(value))
    return model


@pytest.mark.parametrize("name", TIMM)
@torch.no_grad()
def test_logits_are_timms(name):
    theirs = timms(name)
    ours = zoo.load_official(TIMM[name][0], theirs.state_dict()).eval()
    size = theirs.default_cfg["input_size"][-1]
    assert ours.arch.image_size == size
    x = torch.randn(1, 3, size, size)
    expected = theirs(x)
    assert (ours(x) - expected).abs().max() < 1e-5 * expected.abs().max()


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "tnt_s_patch16_224"])
def test_problems_have_the_keys_of_the_checkpoint(name):
    state = timms(name).state_dict()
    lost = "head.fc.bias" if "swin" in name else "blocks.0.norm2_proj.weight"
    del state[lost]
    if "swin" in name:
        state["layers.1.downsample.norm.weight"] = torch.zeros(3)
    with pytest.raises(InputError) as error:
        zoo.load_official(TIMM[name][0], state)
    keys = {problem.key for problem in error.value.problems}
    assert keys == {lost} | ({"layers.1.downsample.norm.weight"} if "swin" in name else set())


@pytest.fixture(scope="module")
def t2t():
    network = zoo.build("t2t_vit_7", num_classes=10, seed=0).eval()
    return network, zoo.to_official(network)


def test_t2t_has_the_keys_of_its_own_code(t2t):
    """Facts of the official code: a performer layer is kqv, proj, two norms, w, and a sequence."""
    _, state = t2t
    performer = {key for key in state if key.startswith("tokens_to_token.attention1.")}
    layers = ("kqv", "proj", "norm1", "norm2", "mlp.0", "mlp.2")
    expected = {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")} | {"w"}
    assert {key.removeprefix("tokens_to_token.attention1.") for key in performer} == expected
    shapes = {key: list(value.shape) for key, value in state.items()}
    assert shapes["tokens_to_token.attention1.kqv.weight"] == [192, 147]
    assert shapes["tokens_to_token.attention2.mlp.0.weight"] == [64, 64]
    assert shapes["tokens_to_token.attention1.w"] == [32, 64]
    assert shapes["blocks.6.mlp.fc1.weight"] == [512, 256]
    assert "blocks.0.attn.qkv.bias" not in shapes


@pytest.mark.parametrize("publisher", ["T2T-ViT", "LocalViT"])
@torch.no_grad()
def test_t2t_of_both_publishers(t2t, publisher):
    network, state = t2t
    if publisher == "LocalViT":
        names = {"0": "fc1", "2": "fc2"}
        state = {
            re.sub(r"(attention\d\.mlp\.)(\d)", lambda m: m[1] + names[m[2]], key): value
            for key, value in state.items()
        }
        assert "tokens_to_token.attention1.mlp.fc1.weight" in state
    loaded = zoo.load_official("t2t_vit_7", state).eval()
    x = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(loaded(x), network(x))
    lost = next(key for key in state if "mlp" in key)
    with pytest.raises(InputError) as error:
        zoo.load_official("t2t_vit_7", {k: v for k, v in state.items() if k != lost})
    assert lost in {problem.key for problem in error.value.problems}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {"state_dict_ema": s, "state_dict": {k: v * 0 for k, v in s.items()}},
        lambda s: {"model_ema": s, "model": {k: v * 0 for k, v in s.items()}},
        lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}},
        lambda s: {"model": {f"_orig_mod.module.{k}": v for k, v in s.items()}},
        lambda s: {k: v.to(torch.bfloat16) for k, v in s.items()},
    ],
)
def test_wrappings(wrap):
    state = {"head.weight": torch.ones(2, 3), "norm.bias": torch.ones(3)}
    read = read_checkpoint(wrap(state))
    assert read.keys() == state.keys()
    assert all(torch.equal(read[key].float(), value) for key, value in state.items())


@pytest.mark.parametrize("name", ["archsearch_deit_tiny", "archsearch_tnt_tiny"])
def test_timms_options_of_the_zoo(name):
    assert name in timm_models.default_cfgs
    model = timm.create_model(
        name,
        num_classes=5,
        depth=2,
        drop_rate=0.5,
        drop_path_rate=0.1,
        global_pool=None,
        img_size=64,
        scriptable=False,
        checkpoint_path="",
    )
    assert model.drop_rate == 0.5
    x = torch.randn(2, 3, 64, 64)
    model.train()
    assert not torch.equal(model(x), model(x))
    groups = param_groups_layer_decay(model, layer_decay=0.5)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    model.set_grad_checkpointing()
    model(x).sum().backward()
    assert model.stem is not None
    model.eval().reset_classifier(0, "")
    assert model(x).shape == (2, 192, 4, 4)
    with pytest.raises(ValueError, match="needs num_classes=0"):
        model.reset_classifier(5, "")
    model.reset_classifier(5, "token")
    assert model(x).shape == (2, 5)

"""The zoo through timm's door."""

import pytest
import timm
import torch

import archsearch.zoo.timm_models
from archsearch import zoo
from archsearch.errors import InputError
from tests.zoo.official_weights import official_state


def test_every_model_is_registered():
    registered = timm.list_models("archsearch_*")
    assert registered == [f"archsearch_{name}" for name in zoo.names()]
    assert archsearch.zoo.timm_models.default_cfgs.keys() == set(registered)


@pytest.mark.parametrize("name", [name for name in zoo.names() if "base" not in name])
def test_features_have_the_declared_strides_and_channels(name):
    with torch.device("meta"):
        model = timm.create_model(f"archsearch_{name}", features_only=True, img_size=64)
    maps = model(torch.randn(1, 3, 64, 64, device="meta"))
    assert len(maps) == len(zoo.arch(name).stages)
    channels, strides = model.feature_info.channels(), model.feature_info.reduction()
    for each, width, stride in zip(maps, channels, strides, strict=True):
        assert each.shape == (1, width, 64 // stride, 64 // stride)


def test_some_features_only():
    model = timm.create_model(
        "archsearch_lightvit_tiny", num_classes=10, features_only=True, out_indices=(0, 2)
    ).eval()
    maps = model(torch.randn(2, 3, 256, 192))
    assert [tuple(each.shape) for each in maps] == [(2, 64, 32, 24), (2, 256, 8, 6)]
    assert model.feature_info.reduction() == [8, 32]


def test_options_reach_the_network():
    model = timm.create_model(
        "archsearch_edgevit_xxs", num_classes=10, in_chans=1, img_size=96, drop_path_rate=0.1
    )
    assert model(torch.randn(2, 1, 96, 96)).shape == (2, 10)
    assert model.arch.image_size == 96
    assert model.default_cfg["input_size"] == (1, 96, 96)
    assert model.stages[3].blocks[1].attention_drop_path.rate == pytest.approx(0.1)
    wide = timm.create_model("archsearch_swin_tiny", img_size=(64, 96), in_chans=4, depth=1)
    assert wide.arch.image_size == (64, 96)
    assert wide.default_cfg["input_size"] == wide.pretrained_cfg["input_size"] == (4, 64, 96)
    assert wide.default_cfg["pool_size"] == (2, 3)
    bare = timm.create_model("archsearch_edgevit_xxs", num_classes=0)
    assert bare(torch.randn(2, 3, 224, 224)).shape == (2, 288)
    assert timm.create_model("archsearch_deit_tiny", global_pool="avg").head.pooling == "mean"


def test_official_weights_through_timm(tmp_path):
    state = official_state("SepViT_Lite")
    torch.save({"model": state}, tmp_path / "official.pth")
    model = timm.create_model(
        "archsearch_sepvit_lite",
        pretrained=True,
        pretrained_cfg_overlay={"file": str(tmp_path / "official.pth")},
    )
    expected = zoo.load_official("sepvit_lite", state).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())


def test_wrong_options_are_reported():
    with pytest.raises(InputError, match="did you mean 'depth'"):
        timm.create_model("archsearch_deit_tiny", dept=3)
    with pytest.raises(InputError, match="img_size: must be two numbers"):
        timm.create_model("archsearch_deit_tiny", img_size=(224, 192, 3))
    with pytest.raises(RuntimeError):
        timm.create_model("archsearch_deit_tiny", pretrained=True)

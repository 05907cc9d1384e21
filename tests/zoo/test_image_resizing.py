"""Other resolutions: new networks, and networks that keep their weights."""

import pytest
import torch

from archsearch import zoo
from archsearch.errors import InputError
from tests.zoo.official_weights import official_state

#: one of each mechanism that knows its map's size
MECHANISMS = [
    "lightvit_tiny",
    "edgevit_xxs",
    "sepvit_lite",
    "localvit_pvt",
    "localvit_tnt",
    "t2t_vit_7",
    "swin_tiny",
]


def logits(network, size):
    sides = size if isinstance(size, tuple) else (size, size)
    x = torch.randn(1, 3, *sides, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return network.eval()(x)


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.parametrize("size", [32, 100, 256, (96, 160)])
def test_new_networks(name, size):
    out = logits(zoo.build(name, num_classes=10, image_size=size), size)
    assert out.shape == (1, 10)
    assert torch.isfinite(out).all()


@pytest.mark.release
@pytest.mark.parametrize("name", zoo.names())
@pytest.mark.parametrize("size", [32, 48, 72, 100, 160, 192, 256, 288, 384, 448, 512])
def test_every_model_at_many_sizes(name, size):
    assert torch.isfinite(logits(zoo.build(name, image_size=size), size)).all()


@pytest.fixture(scope="module")
def loaded():
    return {
        name: zoo.load_official(name, official_state(official)).eval()
        for official, name in {
            "lightvit_tiny": "lightvit_tiny",
            "edgevit_xxs": "edgevit_xxs",
            "SepViT_Lite": "sepvit_lite",
            "localvit_pvt_tiny": "localvit_pvt",
            "localvit_T2t_conv7": "localvit_t2t",
            "localvit_tnt_t_patch16_224": "localvit_tnt",
        }.items()
    }


@pytest.mark.parametrize(
    "name", ["lightvit_tiny", "edgevit_xxs", "localvit_pvt", "localvit_t2t", "localvit_tnt"]
)
@pytest.mark.parametrize("size", [160, 288, (160, 256)])
def test_a_resized_network_equals_the_loaded_one_run_at_that_size(loaded, name, size):
    """Network.forward fits tables as it goes; resizing fits them once."""
    network = loaded[name]
    resized = zoo.build(network, image_size=size)
    assert resized.arch.image_size == size
    expected = logits(network, size)
    assert (logits(resized, size) - expected).abs().max() <= 1e-5 * expected.abs().max()
    trained = {key for key, value in network.state_dict().items() if value.is_floating_point()}
    assert trained == {k for k, v in resized.state_dict().items() if v.is_floating_point()}


def test_there_and_back_keeps_every_weight_that_has_no_size(loaded):
    for name, network in loaded.items():
        back = zoo.resize(zoo.resize(network, 288), 224)
        for key, value in network.state_dict().items():
            if not key.endswith(("table", "window_tokens")):
                assert torch.equal(back.state_dict()[key], value), (name, key)


def test_smaller_windows_keep_the_offsets_that_are_left(loaded):
    network = loaded["lightvit_tiny"]
    small = zoo.resize(network, 96)  # maps of 12, 6 and 3 tokens: windows of 7, 6 and 3
    key = "stages.2.blocks.0.attention.relative_bias.table"
    old = network.state_dict()[key].reshape(8, 13, 13)
    assert torch.equal(small.state_dict()[key].reshape(8, 5, 5), old[:, 4:9, 4:9])
    unchanged = "stages.0.blocks.0.attention.relative_bias.table"
    assert torch.equal(small.state_dict()[unchanged], network.state_dict()[unchanged])


def test_windows_shrink_on_the_side_that_is_short(loaded):
    network = loaded["lightvit_tiny"]
    wide = zoo.resize(network, (96, 224))  # maps of 12 x 28, 6 x 14 and 3 x 7 tokens
    key = "stages.2.blocks.0.attention.relative_bias.table"
    old = network.state_dict()[key].reshape(8, 13, 13)
    assert torch.equal(wide.state_dict()[key].reshape(8, 5, 13), old[:, 4:9])
    turned = zoo.resize(network, (224, 96))
    assert torch.equal(turned.state_dict()[key].reshape(8, 13, 5), old[:, :, 4:9])


def test_window_tokens_of_a_rectangle(loaded):
    wide = zoo.resize(loaded["sepvit_lite"], (224, 448))
    assert wide.state_dict()["stages.0.blocks.0.attention.window_tokens"].shape == (8, 16, 32)
    assert wide.arch.stages[3].blocks[0].attention.window_size == 14
    assert torch.isfinite(logits(wide, (224, 448))).all()


def test_window_tokens_are_resized_and_whole_maps_stay_whole(loaded):
    large = zoo.resize(loaded["sepvit_lite"], 448)
    tokens = large.state_dict()["stages.0.blocks.0.attention.window_tokens"]
    assert tokens.shape == (16, 16, 32)  # 8 x 8 at 224
    assert large.arch.stages[3].blocks[0].attention.window_size == 14
    assert torch.isfinite(logits(large, 448)).all()


def test_position_tables_are_resized_as_timm_does(loaded):
    from timm.layers import resample_abs_pos_embed

    network = loaded["localvit_tnt"]
    resized = zoo.resize(network, 288)
    old, new = network.state_dict(), resized.state_dict()
    name = "stages.0.position"
    flat = torch.cat([old[f"{name}.class_table"], old[f"{name}.table"].flatten(0, 1)])[None]
    expected = resample_abs_pos_embed(flat, [18, 18])[0]
    assert torch.allclose(new[f"{name}.table"].flatten(0, 1), expected[1:], atol=1e-6)
    assert torch.equal(new[f"{name}.class_table"], expected[:1])


def test_build_can_change_the_classifier_of_a_loaded_network(loaded):
    network = loaded["edgevit_xxs"]
    other = zoo.build(network, num_classes=10, image_size=128)
    assert logits(other, 128).shape == (1, 10)
    assert network.num_classes == 1000
    assert torch.equal(other.stem.proj.weight, network.stem.proj.weight)
    assert (
        zoo.load_official(
            "edgevit_xxs", official_state("edgevit_xxs"), image_size=128
        ).arch.image_size
        == 128
    )


def test_too_small_images_are_refused():
    with pytest.raises(InputError, match=r"image_size: must be at least 32.*but got 16"):
        zoo.build("lightvit_tiny", image_size=16)
    with pytest.raises(InputError, match=r"image_size: width must be at least 32.*but got 31"):
        zoo.build("lightvit_tiny", image_size=(64, 31))
    with pytest.raises(InputError, match="image_size: must be at least 1"):
        zoo.build("deit_tiny", image_size=0)
    with pytest.raises(InputError, match=r"image_size: must be at least 32.*but got 0"):
        zoo.build(zoo.build("edgevit_xxs", depth=1), image_size=0)
    with pytest.raises(InputError, match=r"image_size: must be at least 32.*but got 16"):
        zoo.load_official("edgevit_xxs", official_state("edgevit_xxs"), image_size=16)
    with pytest.raises(InputError, match="at least 32"):
        zoo.resize(zoo.build("edgevit_xxs"), 31)

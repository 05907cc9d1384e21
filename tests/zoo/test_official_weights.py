"""Official checkpoints: whole families convert, and what is wrong is reported at once."""

import logging
import pickle
from argparse import Namespace

import pytest
import safetensors.torch
import timm
import torch

from archsearch import zoo
from archsearch.arch import EfficientChannelAttention, diff
from archsearch.errors import InputError
from tests.zoo.official_weights import filled, official_state

#: settings of the families that no named model has; None where the checkpoint tells everything,
#: else what has to be said
VARIANTS = {
    "lightvit": (
        "lightvit_tiny",
        {
            "width": (32, 64, 96),
            "depth": (1, 3, 2),
            "global_tokens": 3,
            "window_size": (14, 7, 7),
            "expansion": (2, 3, 4),
            "head__width": 96,
        },
        {},
    ),
    "lightvit_window_8": ("lightvit_tiny", {"window_size": 8, "image_size": 256}, {}),
    "lightvit_heads": (
        "lightvit_small",
        {"width": (32, 64, 96), "num_heads": (4, 2, 6), "global_tokens": 24},
        {},
    ),
    "lightvit_no_bias": ("lightvit_base", {"qkv_bias": False, "depth": 1, "num_classes": 7}, {}),
    "edgevit": (
        "edgevit_xxs",
        {
            "width": (24, 48, 96, 120),
            "head_dim": 12,
            "depth": (2, 1, 2, 1),
            "sample_rate": (8, 4, 2, 1),
            "attention__qkv_bias": False,
        },
        {"head_dim": 12},
    ),
    "edgevit_all_full": ("edgevit_xxs", {"sample_rate": 1}, {}),
    "edgevit_rate_7": ("edgevit_xxs", {"sample_rate": (7, 4, 2, 1)}, {}),
    "edgevit_published_blocks": ("edgevit_s", {"depth": (1, 2, 3, 2)}, {}),
    "edgevit_wide": ("edgevit_xs", {"width": (96, 144, 192, 240), "ffn__expansion": 3}, {}),
    "localvit_g2": (
        "localvit_tiny",
        {"expansion": 2, "depth": 5, "width": 96},
        {"num_heads": 4},
    ),
    "localvit_relu6": ("localvit_tiny_relu6_g6", {"expansion": 3, "depth": 2}, {}),
    "localvit_heads": ("localvit_small", {"num_heads": 6, "depth": 2}, {"num_heads": 6}),
    "localvit_pointwise": ("localvit_tiny", {"depthwise": False, "depth": 2}, {}),
    "localvit_se_48": ("localvit_tiny", {"gate__reduction": 48, "depth": 2}, {}),
    "deit_small_patch": ("deit_tiny", {"patch_size": 32, "image_size": 256, "depth": 2}, {}),
    "localvit_t2t": (
        "localvit_t2t",
        {"width": 128, "depth": 3, "stem__width": 32, "num_features": 16, "num_heads": 2},
        {},
    ),
    "t2t": ("t2t_vit_7", {"width": 384, "num_heads": 6, "depth": 2, "ffn__expansion": 3}, {}),
    "localvit_tnt": (
        "localvit_tnt",
        {"width": 128, "num_heads": 2, "stem__width": 24, "depth": 2, "inner__num_heads": 4},
        {"inner__num_heads": 4},
    ),
    "tnt": ("tnt_tiny", {"depth": 2, "ffn__expansion": 2, "inner__expansion": 2}, {}),
    "pvt_small": (
        "pvt_tiny",
        {"depth": (1, 2, 1, 1), "width": (32, 64, 160, 256), "num_heads": (1, 2, 5, 8)},
        {"num_heads": (1, 2, 5, 8)},
    ),
    "pvt_rates": ("pvt_tiny", {"attention__reduction": (4, 2, 1, 1)}, {}),
    "localvit_pvt": ("localvit_pvt", {"depth": (1, 1, 2, 1), "gate__reduction": 16}, {}),
    "swin": (
        "swin_tiny",
        {"width": (64, 128, 256, 512), "depth": (2, 1, 3, 2), "window_size": 8, "image_size": 256},
        {"image_size": 256},
    ),
    "localvit_swin": ("localvit_swin", {"depth": (1, 2, 2, 1), "head_dim": 16}, {}),
    "sepvit": (
        "sepvit_lite",
        {"width": (32, 64, 96, 128), "depth": (2, 1, 3, 1), "group_count": 1},
        {},
    ),
    "sepvit_all_7": ("sepvit_lite", {"window_size": 7, "group_count": 1}, {}),
    "sepvit_windows": (
        "sepvit_tiny",
        {
            "window_size": (14, 7, 7, 7),
            "depth": (1, 2, 2, 1),
            "stem__kernel_size": None,
            "head_dim": 16,
        },
        {"head_dim": 16},
    ),
}


def randomised(network):
    """Give every tensor values of its own, so that a mixed-up key cannot go unseen."""
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                value.copy_(filled(key, tuple(value.shape)))
    return network.eval()


@pytest.mark.parametrize("variant", VARIANTS)
def test_whole_families_convert(variant):
    name, settings, options = VARIANTS[variant]
    arch = zoo.arch(name, **settings)
    source = randomised(zoo.build(arch))
    checkpoint = zoo.to_official(source)
    assert not any(key.startswith(("stem.", "stages.0.blocks")) for key in checkpoint)
    network = zoo.load_official(name, checkpoint, **options)
    # reductions that give one squeezed width are one setting to a checkpoint
    assert [each for each in diff(network.arch, arch) if "gate.reduction" not in each.key] == []
    for key, value in source.state_dict().items():
        assert torch.equal(network.state_dict()[key], value), key
    assert diff(zoo.load_official(arch, checkpoint).arch, arch) == ()


@pytest.mark.parametrize(
    ("named", "other"),
    [
        ("edgevit_xxs", "edgevit_xs"),
        ("edgevit_xxs", "edgevit_s"),
        ("edgevit_s", "edgevit_xxs"),
        ("lightvit_base", "lightvit_tiny"),
        ("sepvit_base", "sepvit_lite"),
        ("localvit_tiny", "localvit_small"),
        ("localvit_tiny", "localvit_tiny_se4"),
        ("localvit_tiny_relu6_g6", "localvit_tiny"),
        ("pvt_tiny", "localvit_pvt"),
        ("swin_tiny", "localvit_swin"),
        ("localvit_tnt", "tnt_tiny"),
        ("localvit_t2t", "t2t_vit_7"),
    ],
)
def test_any_model_of_a_family_names_it(named, other):
    """Heads included, which the logits tell: shapes do not."""
    source = randomised(zoo.build(other))
    loaded = zoo.load_official(named, zoo.to_official(source)).eval()
    assert diff(loaded.arch, source.arch) == ()


def test_pixel_heads_of_larger_tnts():
    arch = zoo.arch("tnt_tiny", width=384, stem__width=24, inner__num_heads=4, depth=1, num_heads=6)
    loaded = zoo.load_official("localvit_tnt", zoo.to_official(zoo.build(arch)))
    assert diff(loaded.arch, arch) == ()


def test_masks_tell_the_image_size_of_swin():
    arch = zoo.arch("swin_tiny", depth=(1, 2, 1, 1), window_size=8, image_size=256)
    state = zoo.to_official(zoo.build(arch))
    state["layers.1.blocks.1.attn_mask"] = torch.zeros(16, 64, 64)
    assert diff(zoo.load_official("swin_tiny", state).arch, arch) == ()


def test_eca_gates_convert():
    arch = zoo.arch("localvit_tiny", depth=2)
    block = arch.stages[0].blocks[0]
    for kind in ("sigmoid", "h_sigmoid"):
        ffn = block.ffn.model_copy(update={"gate": EfficientChannelAttention(gate=kind)})
        stage = arch.stages[0].model_copy(
            update={"blocks": (block.model_copy(update={"ffn": ffn}),)}
        )
        gated = arch.model_copy(update={"stages": (stage,)})
        checkpoint = zoo.to_official(zoo.build(gated))
        assert checkpoint["blocks.0.conv.conv.6.conv.weight"].shape == (1, 1, 5)
        assert diff(zoo.load_official(gated, checkpoint).arch, gated) == ()
        named = zoo.load_official("localvit_tiny", checkpoint, gate__gate=kind)
        assert diff(named.arch, gated) == ()


def swin_keys(state):
    """Rename timm's keys of Swin to the official ones."""
    renamed = {}
    for key, value in state.items():
        if ".downsample." in key:
            layer, rest = key.removeprefix("layers.").split(".", 1)
            key = f"layers.{int(layer) - 1}.{rest}"
        renamed[key.replace("head.fc.", "head.")] = value
    return renamed


@pytest.mark.parametrize(
    ("name", "timm_name", "rename", "options"),
    [
        ("deit_tiny", "deit_tiny_patch16_224", dict, {}),
        ("deit_tiny", "deit_small_patch16_224", dict, {}),
        ("swin_tiny", "swin_tiny_patch4_window7_224", swin_keys, {}),
        ("tnt_tiny", "tnt_s_legacy_patch16_224", dict, {"inner__num_heads": 4}),
    ],
)
def test_timm_gives_the_same_logits(name, timm_name, rename, options):
    torch.manual_seed(0)
    theirs = randomised(timm.create_model(timm_name, num_classes=10))
    if name == "swin_tiny":  # timm adds the mask of -100 and ours is infinite: no difference here
        theirs.eval()
    ours = zoo.load_official(name, rename(theirs.state_dict()), **options).eval()
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected, logits = theirs(x), ours(x)
    assert (logits - expected).abs().max() < 1e-5 * expected.abs().max()


def test_checkpoints_of_another_size_are_reported(caplog):
    small = zoo.to_official(zoo.build("lightvit_tiny", depth=1))
    with caplog.at_level(logging.WARNING):
        zoo.load_official("lightvit_tiny", small)
    assert "stages.1.depth: 6 -> 1" in caplog.text


@pytest.fixture(scope="module")
def edgevit():
    return official_state("edgevit_xxs")


def test_wrappers_and_files_are_read(tmp_path, edgevit):
    expected = zoo.load_official("edgevit_xxs", edgevit).state_dict()
    parallel = {f"module.{key}": value for key, value in edgevit.items()}
    torch.save({"model": edgevit, "args": Namespace(lr=1e-3)}, tmp_path / "deit.pth")
    torch.save({"state_dict": parallel, "epoch": 3}, tmp_path / "parallel.pth")
    torch.save(edgevit, tmp_path / "plain.pth")
    safetensors.torch.save_file(edgevit, tmp_path / "plain.safetensors")
    for name in ("deit.pth", "parallel.pth", "plain.pth", "plain.safetensors"):
        loaded = zoo.load_official("edgevit_xxs", tmp_path / name).state_dict()
        assert all(torch.equal(loaded[key], value) for key, value in expected.items()), name


def test_every_wrong_key_is_listed(edgevit):
    state = dict(edgevit)
    del state["blocks3.1.SelfAttn.attn.proj.weight"], state["norm.running_mean"]
    state["blocks1.0.LocalAgg.conv1.weight"] = torch.zeros(36, 35, 1, 1)
    state["head.bias"] = torch.zeros(999)
    state["blocks3.1.SelfAttn.attn.extra"] = torch.zeros(2)
    with pytest.raises(InputError) as error:
        zoo.load_official("edgevit_xxs", state)
    problems = {problem.key: str(problem) for problem in error.value.problems}
    assert set(problems) == {
        "blocks3.1.SelfAttn.attn.proj.weight",
        "norm.running_mean",
        "blocks1.0.LocalAgg.conv1.weight",
        "head.bias",
        "blocks3.1.SelfAttn.attn.extra",
    }
    assert "is missing (shape [144, 144])" in problems["blocks3.1.SelfAttn.attn.proj.weight"]
    assert (
        "must have shape [36, 36, 1, 1], but got [36, 35, 1, 1]"
        in (problems["blocks1.0.LocalAgg.conv1.weight"])
    )
    assert "is an unexpected key" in problems["blocks3.1.SelfAttn.attn.extra"]


@pytest.mark.parametrize("official", ["lightvit_tiny", "SepViT_Lite", "localvit_pvt_tiny"])
def test_one_lost_key_at_a_time_is_named(official):
    state = official_state(official)
    name = {"SepViT_Lite": "sepvit_lite", "localvit_pvt_tiny": "localvit_pvt"}.get(
        official, official
    )
    for key in [key for key in state if "index" not in key][:: max(1, len(state) // 12)]:
        rest = {each: value for each, value in state.items() if each != key}
        with pytest.raises(InputError) as error:
            zoo.load_official(name, rest)
        assert key in {problem.key for problem in error.value.problems}, key


def test_index_tables_and_masks_may_be_absent():
    state = official_state("localvit_swin_tiny_patch4_window7_224")
    bare = {k: v for k, v in state.items() if not k.endswith(("position_index", "attn_mask"))}
    assert len(bare) < len(state)
    loaded = zoo.load_official("localvit_swin", bare)
    assert loaded.arch == zoo.load_official("localvit_swin", state).arch


def test_another_family_is_refused(edgevit):
    with pytest.raises(
        InputError, match=r"must be a checkpoint of LightViT, but is one of EdgeViT"
    ):
        zoo.load_official("lightvit_tiny", edgevit)
    with pytest.raises(InputError, match="holds no tensors"):
        zoo.load_official("lightvit_tiny", {})
    with pytest.raises(InputError, match="is an unexpected key"):
        zoo.load_official("lightvit_tiny", {"conv1.weight": torch.zeros(64, 3, 7, 7)})


def test_unknown_names_offer_the_nearest(edgevit):
    with pytest.raises(InputError, match="did you mean 'edgevit_xxs'"):
        zoo.load_official("edgevit_xxxs", edgevit)
    with pytest.raises(InputError, match="did you mean 'lightvit_tiny'"):
        zoo.build("lightvit_tinny")


def test_broken_files(tmp_path, edgevit):
    torch.save(edgevit, tmp_path / "whole.pth")
    content = (tmp_path / "whole.pth").read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 100):
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cut\.pth: (is no whole checkpoint|must hold)"):
            zoo.load_official("edgevit_xxs", tmp_path / "cut.pth")
    with pytest.raises(InputError, match="there is no such file"):
        zoo.load_official("edgevit_xxs", tmp_path / "absent.pth")
    safetensors.torch.save_file(edgevit, tmp_path / "cut.safetensors")
    content = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is no whole checkpoint"):
        zoo.load_official("edgevit_xxs", tmp_path / "cut.safetensors")


class Touch:
    """Unpickling this runs code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_that_is_not_tensors_runs_no_code(tmp_path):
    trace = tmp_path / "trace"
    torch.save({"model": Touch(trace)}, tmp_path / "torch.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Touch(trace)))
    for name in ("torch.pth", "plain.pth"):
        with pytest.raises(InputError, match="must hold tensors only"):
            zoo.load_official("edgevit_xxs", tmp_path / name)
    assert not trace.exists()
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="must hold a state dict, but holds list"):
        zoo.load_official("edgevit_xxs", tmp_path / "list.pth")
    torch.save({"epoch": 3, "note": "text"}, tmp_path / "other.pth")
    with pytest.raises(InputError, match="must be a tensor"):
        zoo.load_official("edgevit_xxs", tmp_path / "other.pth")

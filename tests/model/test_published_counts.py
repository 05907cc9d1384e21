"""Parameter counts of the papers' networks and of their structural variants.

Exact figures and the rounded ones (millions) were computed from the official code.
"""

import pytest
import torch

from archsearch.arch import EfficientChannelAttention, LocalityFfn, Mlp, SqueezeExcitation
from archsearch.model import build_model
from tests.model.paper_archs import deit, edgevit, lightvit, localvit, pvt, sepvit, swin

XS = {"widths": (48, 96, 240, 384), "head_dim": 48}
SMALL_WINDOWS = ((7,), (7,), (7,), (7,))
TINY = (96, 192, 384, 768)
DEEP = {"depths": (1, 2, 14, 2)}

EXACT = {
    "lightvit_tiny": (lightvit(), 9_377_698),
    "lightvit_small": (lightvit((96, 192, 384), tokens=16), 19_200_248),
    "lightvit_base": (lightvit((128, 256, 512), (3, 8, 6), tokens=24), 35_195_653),
    "edgevit_xxs": (edgevit(), 4_067_704),
    "edgevit_xs": (edgevit(depths=(1, 1, 3, 1), **XS), 6_770_056),
    "edgevit_s": (edgevit(depths=(1, 2, 5, 3), **XS), 13_108_168),
    "localvit_tiny": (localvit(LocalityFfn(gate=SqueezeExcitation(reduction=192))), 5_908_696),
    "localvit_tiny_se4": (localvit(LocalityFfn(gate=SqueezeExcitation(reduction=4))), 9_376_168),
    "localvit_tiny_relu6_g6": (
        localvit(LocalityFfn(expansion=6, activation="relu6")),
        7_655_080,
    ),
    "localvit_small": (
        deit(384, 8, ffn=LocalityFfn(gate=SqueezeExcitation(reduction=384))),
        22_433_176,
    ),
    "localvit_pvt": (pvt(locality=True), 13_456_152),
    "localvit_swin": (swin(locality=True), 29_079_010),
    "deit_tiny": (deit(), 5_717_416),
    "deit_small": (deit(384, 6), 22_050_664),
    "pvt_tiny": (pvt(), 13_229_288),
    "swin_tiny": (swin(), 28_288_354),
    "sepvit_lite": (sepvit(), 3_661_128),
    "sepvit_tiny": (sepvit(TINY), 31_182_856),
    "sepvit_small": (sepvit(TINY, **DEEP), 46_570_504),
    "sepvit_base": (sepvit((128, 256, 512, 1024), **DEEP), 82_377_064),
}

MILLIONS = {
    "lightvit local only": (lightvit(aggregation=False, broadcast=False), 8.373),
    "lightvit no broadcast": (lightvit(broadcast=False), 8.373),
    "lightvit without bi": (lightvit(bi=False), 8.993),
    "lightvit local, no bi": (lightvit(bi=False, aggregation=False, broadcast=False), 7.989),
    "edgevit r 2,2,2,1": (edgevit(rates=(2, 2, 2, 1)), 4.067),
    "edgevit r 4,4,2,1": (edgevit(rates=(4, 4, 2, 1)), 4.069),
    "edgevit r 8,4,2,1": (edgevit(rates=(8, 4, 2, 1)), 4.070),
    "edgevit r 7,4,2,1": (edgevit(rates=(7, 4, 2, 1)), 4.070),
    "edgevit r 1": (edgevit(rates=(1, 1, 1, 1)), 3.351),
    "edgevit_xxs no local": (edgevit(local=False), 3.355),
    "edgevit_xs no local": (edgevit(depths=(1, 1, 3, 1), local=False, **XS), 4.886),
    "edgevit_s no local": (edgevit(depths=(1, 2, 5, 3), local=False, **XS), 9.953),
    "localvit no depthwise": (localvit(LocalityFfn(depthwise=False, activation="relu6")), 5.724),
    "localvit relu6": (localvit(LocalityFfn(activation="relu6")), 5.826),
    "localvit h_swish": (localvit(LocalityFfn()), 5.826),
    "localvit eca": (localvit(LocalityFfn(gate=EfficientChannelAttention())), 5.826),
    "localvit low": (localvit(Mlp(), low=4, low_ffn=LocalityFfn(activation="relu6")), 5.754),
    "localvit 8 of 12": (localvit(Mlp(), low=8, low_ffn=LocalityFfn(activation="relu6")), 5.790),
    "localvit none": (localvit(Mlp()), 5.717),
    "sepvit windows of 7": (sepvit(TINY, windows=SMALL_WINDOWS), 32.079),
    "sepvit plain stem": (sepvit(TINY, kernel=4), 31.173),
    "sepvit no position": (sepvit(TINY, position=False), 31.168),
    **{
        f"localvit se{r}": (localvit(LocalityFfn(gate=SqueezeExcitation(reduction=r))), millions)
        for r, millions in ((192, 5.909), (96, 5.982), (48, 6.130), (4, 9.376))
    },
    **{
        f"localvit relu6 x{g}": (localvit(LocalityFfn(expansion=g, activation="relu6")), millions)
        for g, millions in ((1, 3.082), (2, 3.996), (3, 4.911), (4, 5.826), (6, 7.655))
    },
    **{
        f"localvit se{r} x{g}": (
            localvit(LocalityFfn(expansion=g, gate=SqueezeExcitation(reduction=r))),
            millions,
        )
        for r, row in (
            (192, (3.089, 4.019, 4.959, 5.909, 7.835)),
            (4, (3.306, 4.887, 6.910, 9.376, 15.635)),
        )
        for g, millions in zip((1, 2, 3, 4, 6), row, strict=True)
    },
}


def parameters(arch):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build_model(arch).parameters())


@pytest.mark.parametrize("name", EXACT)
def test_exact_count(name):
    arch, count = EXACT[name]
    assert parameters(arch) == count


@pytest.mark.parametrize("name", MILLIONS)
def test_count_of_a_variant(name):
    arch, millions = MILLIONS[name]
    assert parameters(arch) / 1e6 == pytest.approx(millions, abs=0.00051)


@pytest.mark.parametrize("tokens", [1, 4, 8, 16, 24, 32])
def test_number_of_global_tokens_costs_one_vector_each(tokens):
    assert parameters(lightvit(tokens=tokens)) == 9_377_698 + 64 * (tokens - 8)


def test_branches_of_lightvit_tiny():
    """kv_global 1.004 M, neck 0.332 M, classifier 1.281 M, stem 0.021 M, bias tables 12,844."""
    with torch.device("meta"):
        model = build_model(lightvit())
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}

    def total(part):
        return sum(size for name, size in sizes.items() if part in name)

    assert total("kv_global") / 1e6 == pytest.approx(1.004, abs=0.00051)
    assert total("channel_select") / 1e6 == pytest.approx(0.127, abs=0.00051)
    assert total("spatial_select") == 1230
    assert total("global_reduce") / 1e6 == pytest.approx(0.126, abs=0.00051)
    assert total("local_reduce") / 1e6 == pytest.approx(0.126, abs=0.00051)
    assert total("head.neck") / 1e6 == pytest.approx(0.332, abs=0.00051)
    assert total("head.classifier") / 1e6 == pytest.approx(1.281, abs=0.00051)
    assert total("stem") / 1e6 == pytest.approx(0.021, abs=0.00051)
    assert total("relative_bias.table") == 12_844


def test_window_tokens_of_sepvit():
    for arch, count in ((sepvit(), 4_864), (sepvit(TINY), 14_592), (sepvit(TINY, **DEEP), 20_736)):
        with torch.device("meta"):
            model = build_model(arch)
        named = model.named_parameters()
        assert sum(p.numel() for name, p in named if name.endswith("window_tokens")) == count

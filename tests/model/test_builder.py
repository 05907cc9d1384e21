"""What must hold for every network: timm's interface, tokens across stages, sizes, determinism."""

import copy
import typing
import warnings

import numpy as np
import pytest
import torch

from archsearch import arch as spec
from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    ConditionalPosition,
    ConvStem,
    LearnedPosition,
    LocalAggregation,
    LocalityFfn,
    Merge,
    Mlp,
    NeckHead,
    OverlappingConvDownsample,
    PatchStem,
    PooledHead,
    RelativeBias,
    ResidualMerge,
    SelfAttention,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    SqueezeExcitation,
    Stage,
    WindowAttention,
    WindowGlobalAttention,
)
from archsearch.errors import InputError
from archsearch.model import Network, build_model
from archsearch.model.builder import _ATTENTIONS, _DOWNSAMPLES, _FFNS
from archsearch.model.extra_tokens import TokenCount, carried_tokens
from tests.model.paper_archs import deit, edgevit, lightvit, localvit, pvt, sepvit, swin

ATTENTIONS = {
    "self_attention": SelfAttention(),
    "window": WindowAttention(window_size=3),
    "window_shift": WindowAttention(window_size=3, shift=True),
    "window_global": WindowGlobalAttention(window_size=3, global_tokens=2),
    "aggregation_only": WindowGlobalAttention(window_size=3, global_tokens=2, broadcast=False),
    "sparse_global": SparseGlobalAttention(sample_rate=2),
    "separable": SeparableAttention(window_size=2, group_count=2),
    "spatial_reduction": SpatialReductionAttention(reduction=2),
}
FFNS = {
    "mlp": Mlp(expansion=2),
    "bi_dimensional": BiDimensionalFfn(expansion=1.5),
    "locality": LocalityFfn(expansion=2, gate=SqueezeExcitation(reduction=4)),
}
POSITIONS = {
    "none": "none",
    "learned": LearnedPosition(),
    "relative_bias": RelativeBias(),
    "after_first": ConditionalPosition(),
    "every_block": ConditionalPosition(placement="every_block"),
}
HEADS = {
    "mean": PooledHead(),
    "batch": PooledHead(norm="batch"),
    "neck": NeckHead(width=12),
}


def stage(attention, ffn=None, width=8, **options):
    block = Block(attention=attention, ffn=ffn or FFNS["mlp"])
    values = {"depth": 2, "num_heads": 2, "blocks": (block,), **options}
    return Stage(width=width, **values)


def two_stages(attention, ffn, position="none", head=None, **options):
    """Map sides 9 and 5: no window tiles them."""
    return Arch(
        image_size=17,
        num_classes=5,
        stem=ConvStem(stride=2),
        stages=(
            stage(attention, ffn, position=position, **options),
            stage(attention, ffn, 12, position=position, downsample=ResidualMerge(), **options),
        ),
        head=head or PooledHead(),
    )


EVERY = {
    **{
        f"{attention}-{ffn}": two_stages(ATTENTIONS[attention], FFNS[ffn])
        for attention in ATTENTIONS
        for ffn in FFNS
    },
    **{
        f"{attention}-{position}": two_stages(
            ATTENTIONS[attention], FFNS["mlp"], POSITIONS[position], class_token=True
        )
        for attention in ATTENTIONS
        for position in POSITIONS
    },
    **{
        f"head-{name}": two_stages(ATTENTIONS["window_global"], FFNS["mlp"], head=head)
        for name, head in HEADS.items()
    },
    "local aggregation": Arch(
        image_size=16,
        num_classes=5,
        stem=PatchStem(patch_size=2),
        stages=(
            Stage(
                depth=1,
                width=8,
                head_dim=4,
                position=ConditionalPosition(placement="every_block", kernel_size=5),
                blocks=(
                    Block(
                        attention=SparseGlobalAttention(sample_rate=2),
                        ffn=Mlp(),
                        local_aggregation=LocalAggregation(expansion=1.5),
                    ),
                ),
            ),
        ),
    ),
    "width adapter": Arch(
        image_size=8,
        num_classes=5,
        stem=PatchStem(patch_size=2, kernel_size=3),
        stages=(
            stage(ATTENTIONS["window_global"]),
            stage(ATTENTIONS["window_global"], width=12),
            stage(ATTENTIONS["window_global"], width=12),
        ),
    ),
    "class token": two_stages(
        ATTENTIONS["self_attention"],
        FFNS["mlp"],
        class_token=True,
        head=PooledHead(pooling="class_token"),
    ),
}
for _pooling in ("mean_all", "class_token"):
    EVERY[f"both tokens {_pooling}"] = Arch(
        image_size=16,
        num_classes=5,
        stem=ConvStem(stride=4),
        stages=(
            stage(ATTENTIONS["window_global"], class_token=True),
            stage(ATTENTIONS["self_attention"], width=12, class_token=True, downsample=Merge()),
            stage(
                ATTENTIONS["sparse_global"],
                width=12,
                class_token=True,
                downsample=OverlappingConvDownsample(),
            ),
        ),
        head=PooledHead(pooling=_pooling),
    )

every = pytest.mark.parametrize("name", EVERY)


def images(arch, batch=2, side=None):
    generator = torch.Generator().manual_seed(3)
    side = side or arch.image_size
    return torch.randn(batch, arch.in_channels, side, side, generator=generator)


def built(name, **options):
    model = build_model(EVERY[name], seed=0, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def test_every_specification_has_a_builder():
    def shipped(types):
        return {
            types.find(name)
            for name in types.names
            if not hasattr(types.find(name), "block_source")
        }

    assert shipped(spec.ATTENTIONS) == set(_ATTENTIONS)
    assert shipped(spec.FFNS) == set(_FFNS)
    assert set(typing.get_args(typing.get_args(spec.Downsample)[0])) == set(_DOWNSAMPLES)


@every
def test_forward_and_gradient(name):
    arch = EVERY[name]
    model = built(name).train()
    logits = model(images(arch))
    assert logits.shape == (2, 5)
    (logits * torch.arange(10.0).reshape(2, 5).cos()).sum().backward()
    without = {
        parameter_name
        for parameter_name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    }
    assert without == set()


@every
@torch.no_grad()
def test_images_of_a_batch_do_not_mix(name):
    model, x = built(name), images(EVERY[name], batch=3)
    torch.testing.assert_close(model(x[1:2]), model(x)[1:2], rtol=1e-3, atol=1e-4)


@every
@torch.no_grad()
def test_layout_of_the_input_makes_no_difference(name):
    model, x = built(name), images(EVERY[name])
    expected = model(x)
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(model(last), expected, rtol=1e-4, atol=1e-5)
    converted = copy.deepcopy(model).to(memory_format=torch.channels_last)
    torch.testing.assert_close(converted(last), expected, rtol=1e-3, atol=1e-4)


@every
@torch.no_grad()
def test_bf16_autocast(name):
    model, x = built(name), images(EVERY[name])
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(x)
    exact = model(x)
    assert torch.isfinite(rough).all()
    assert (rough.float() - exact).abs().max() <= 0.1 * exact.abs().max()


@every
@torch.no_grad()
def test_feature_info_is_true(name):
    model, arch = built(name), EVERY[name]
    x = images(arch)
    (last, _), maps = model.forward_intermediates(x)
    for info, feature, side in zip(model.feature_info, maps, arch.map_sizes, strict=True):
        assert feature.shape == (2, info["num_chs"], side, side)
        assert side == -(-arch.image_size // info["reduction"])
        assert model.get_submodule(info["module"]) is not None
        assert feature.permute(0, 2, 3, 1).is_contiguous()
    assert torch.equal(last, maps[-1])
    assert last.shape[1] == model.num_features
    early = model.forward_intermediates(x, indices=[0], stop_early=True, intermediates_only=True)
    assert torch.equal(early[0], maps[0])


@every
@torch.no_grad()
def test_other_image_sizes_run(name):
    model = built(name)
    for height, width in ((32, 32), (9, 9), (20, 33)):
        assert torch.isfinite(model(torch.randn(1, 3, height, width))).all()


PAPERS = {
    "lightvit": lightvit(),
    "edgevit": edgevit(),
    "localvit": localvit(LocalityFfn(gate=SqueezeExcitation(reduction=192))),
    "sepvit": sepvit(),
    "pvt": pvt(),
    "swin": swin(),
    "deit": deit(),
}


def small(arch, side=64):
    stages = tuple(each.model_copy(update={"depth": min(each.depth, 2)}) for each in arch.stages)
    return arch.model_copy(update={"image_size": side, "num_classes": 5, "stages": stages})


#: those whose graphs take seconds to make, in the slow ring; tests/blocks exports every block
SOON_MADE = [
    pytest.param(name, marks=() if name in ("edgevit", "sepvit", "deit") else pytest.mark.slow)
    for name in PAPERS
]


@pytest.mark.parametrize("name", SOON_MADE)
def test_export_with_any_batch(name):
    model = build_model(small(PAPERS[name]), seed=0).eval()
    x = torch.randn(3, 3, 64, 64)
    batch = torch.export.Dim("batch", min=2, max=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.export.export(model, (x,), dynamic_shapes=({0: batch},)).module()
    torch.testing.assert_close(program(x[:2]), model(x[:2]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", SOON_MADE)
@torch.no_grad()
def test_one_graph_without_breaks(name):
    model = build_model(small(PAPERS[name]), seed=0).eval()
    x = torch.randn(2, 3, 64, 64)
    captured = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(captured(x), model(x), rtol=1e-4, atol=1e-5)


@pytest.mark.release
@pytest.mark.parametrize("name", PAPERS)
@torch.no_grad()
def test_compile(name):
    model = build_model(small(PAPERS[name]), seed=0).eval()
    x = torch.randn(2, 3, 64, 64)
    compiled = torch.compile(model, fullgraph=True)
    torch.testing.assert_close(compiled(x), model(x), rtol=1e-3, atol=1e-4)


def test_only_the_last_ffn_of_localvit_is_beyond_the_class_token():
    """Its class token skips the locality FFN, so that of the last block changes nothing.

    The official network has these parameters too, and they are counted.
    """
    model = build_model(small(PAPERS["localvit"]), seed=0)
    model(torch.randn(2, 3, 64, 64)).square().sum().backward()
    dead = {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().sum() > 0
    }
    last = {
        name for name, _ in model.named_parameters() if name.startswith("stages.0.blocks.1.ffn")
    }
    assert dead == last


def test_same_seed_same_network_and_torch_left_alone():
    arch = EVERY["window_global-mlp"]
    state = torch.random.get_rng_state()
    first, second, other = (build_model(arch, seed=seed) for seed in (7, 7, 8))
    assert torch.equal(torch.random.get_rng_state(), state)
    for (name, a), b, c in zip(
        first.state_dict().items(),
        second.state_dict().values(),
        other.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(a, b), name
        if name.endswith("qkv.weight"):
            assert not torch.equal(a, c)


@torch.no_grad()
def test_state_round_trip():
    arch = EVERY["both tokens mean_all"]
    first, second = build_model(arch, seed=1).eval(), build_model(arch, seed=2).eval()
    x = images(arch)
    assert not torch.allclose(first(x), second(x))
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))
    assert all(tensor.is_contiguous() for tensor in first.state_dict().values())


@torch.no_grad()
def test_timm_interface():
    model = build_model(EVERY["head-neck"], seed=0).eval()
    x = images(model.arch)
    features = model.forward_features(x)
    assert model.forward_head(features, pre_logits=True).shape == (2, 12)
    assert torch.equal(model.forward_head(features), model(x))
    assert (model.num_classes, model.num_features, model.head_hidden_size) == (5, 12, 12)
    model.reset_classifier(3)
    assert model.num_classes == 3
    assert model(x).shape == (2, 3)
    model.reset_classifier(0, global_pool="mean")
    assert model(x).shape == (2, 12)
    assert model.get_classifier() is model.head.classifier
    assert model.get_submodule(model.default_cfg["first_conv"]).in_channels == 3
    with pytest.raises(ValueError, match="class_token"):
        model.reset_classifier(3, global_pool="class_token")
    with pytest.raises(ValueError, match="NCHW"):
        model.forward_intermediates(x, output_fmt="NLC")
    with pytest.raises(ValueError, match="among 2 stages"):
        model.forward_intermediates(x, indices=[4])


def test_no_weight_decay_names_tokens_and_tables():
    names = build_model(lightvit()).no_weight_decay()
    assert "stages.0.tokens.global_tokens" in names
    assert "stages.2.blocks.5.attention.relative_bias.table" in names
    assert len(names) == 1 + 14
    assert build_model(deit()).no_weight_decay() == {
        "stages.0.tokens.class_token",
        "stages.0.position.table",
        "stages.0.position.class_table",
    }
    assert len(build_model(sepvit()).no_weight_decay()) == 1 + 2 + 3


def test_drop_path_rises_over_the_blocks():
    model = build_model(lightvit(), drop_path=0.26)
    rates = [block.attention_drop_path.rate for stage in model.stages for block in stage.blocks]
    np.testing.assert_allclose(rates, np.linspace(0, 0.26, 14))
    local = build_model(localvit(LocalityFfn()), drop_path=0.1)
    assert local.stages[0].blocks[-1].attention_drop_path.rate == pytest.approx(0.1)
    assert local.stages[0].blocks[-1].ffn_drop_path.rate == 0


def test_drop_path_changes_training_only():
    arch = EVERY["self_attention-mlp"]
    plain, dropping = built("self_attention-mlp"), built("self_attention-mlp", drop_path=0.9)
    x = images(arch)
    torch.testing.assert_close(plain(x), dropping(x))
    torch.manual_seed(0)
    assert not torch.allclose(plain.train()(x), dropping.train()(x))


def test_wrong_input_lists_every_problem():
    arch = two_stages(SelfAttention(), Mlp(), head=PooledHead(pooling="class_token"))
    with pytest.raises(InputError) as caught:
        build_model(arch, drop_path=1.0)
    assert [problem.key for problem in caught.value.problems] == ["head.pooling", "drop_path"]


@torch.no_grad()
def test_canonical_form_is_the_same_network():
    """Windows larger than the map, r = 1, spelled-out groups: same weights, same result."""
    wide = two_stages(WindowAttention(window_size=50, shift=True), Mlp(), RelativeBias())
    exact = Arch(
        **{
            **dict(wide),
            "stages": tuple(
                each.model_copy(
                    update={
                        "blocks": (Block(attention=WindowAttention(window_size=side), ffn=Mlp()),)
                    }
                )
                for each, side in zip(wide.stages, wide.map_sizes, strict=True)
            ),
        }
    )
    assert wide.digest == exact.digest
    x = images(wide)
    assert torch.equal(build_model(wide, seed=0).eval()(x), build_model(exact, seed=0).eval()(x))


def counts(head, *stages):
    return carried_tokens(Arch(image_size=16, stages=stages, head=head))


def test_tokens_that_nothing_reads_are_not_built():
    read, unread = ATTENTIONS["window_global"], ATTENTIONS["aggregation_only"]
    mean, all_tokens = PooledHead(), PooledHead(pooling="mean_all")
    second = {"downsample": Merge(), "width": 12}
    assert counts(mean, stage(unread)) == (TokenCount(),)
    assert counts(all_tokens, stage(unread)) == (TokenCount(False, 2),)
    assert counts(mean, stage(read)) == (TokenCount(False, 2),)
    assert counts(mean, stage(unread, FFNS["bi_dimensional"])) == (TokenCount(False, 2),)
    # read only in the first stage; only in the last
    assert counts(mean, stage(read), stage(unread, **second)) == (
        TokenCount(False, 2),
        TokenCount(),
    )
    assert counts(mean, stage(unread), stage(read, **second)) == (
        TokenCount(False, 2),
        TokenCount(False, 2),
    )
    # another number of tokens starts anew
    three = WindowGlobalAttention(window_size=3, global_tokens=3)
    assert counts(mean, stage(unread), stage(three, **second)) == (
        TokenCount(),
        TokenCount(False, 3),
    )
    # a class token beside window attention is for the head
    window = ATTENTIONS["window"]
    assert counts(mean, stage(window, class_token=True)) == (TokenCount(),)
    class_head = PooledHead(pooling="class_token")
    assert counts(class_head, stage(window, class_token=True)) == (TokenCount(True, 0),)
    self_attention = ATTENTIONS["self_attention"]
    assert counts(mean, stage(self_attention, class_token=True), stage(window, **second)) == (
        TokenCount(True, 0),
        TokenCount(),
    )


def test_network_says_what_it_was_built_from():
    arch = EVERY["sparse_global-mlp"]
    model = build_model(arch)
    assert isinstance(model, Network)
    assert model.arch == arch.canonical()
    assert model.arch.digest == arch.digest

"""Real networks on real data."""

import pytest
import torch

from archsearch.arch import (
    Arch,
    Block,
    ConvDownsample,
    LocalityFfn,
    Mlp,
    PatchStem,
    SelfAttention,
    SparseGlobalAttention,
    Stage,
    WindowGlobalAttention,
)
from archsearch.data import load_data
from archsearch.errors import DivergedError
from archsearch.train import Recipe, Trainer, default_recipe
from archsearch.train.batch_feed import HostFeed, ResidentFeed

MIXED = Arch(
    image_size=16,
    in_channels=1,
    num_classes=10,
    stem=PatchStem(patch_size=4),
    stages=(
        Stage(
            depth=2,
            width=32,
            num_heads=2,
            blocks=(
                Block(
                    attention=WindowGlobalAttention(window_size=2, global_tokens=4),
                    ffn=LocalityFfn(expansion=2),
                ),
                Block(attention=SparseGlobalAttention(sample_rate=2), ffn=Mlp(expansion=2)),
            ),
        ),
        Stage(
            depth=1,
            width=48,
            num_heads=3,
            downsample=ConvDownsample(),
            blocks=(Block(attention=SelfAttention(), ffn=Mlp(expansion=2)),),
        ),
    ),
)


@pytest.fixture(scope="module")
def digits():
    return load_data("digits", image_size=16)


def test_digits_are_learned(digits):
    trainer = Trainer(MIXED, digits, default_recipe("digits"), seed=0)
    curve = []
    while not trainer.done:
        curve.append(trainer.run())
    assert curve[-1].accuracy > 0.9
    assert curve[-1].val_loss < curve[0].val_loss
    assert trainer.evaluate("test").accuracy == pytest.approx(curve[-1].accuracy, abs=0.06)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_slices_and_resume_with_stochastic_depth(precision):
    few = load_data("digits", image_size=16, limit=300)
    recipe = Recipe(epochs=2, batch_size=64, warmup_epochs=0.5, drop_path=0.2, precision=precision)
    whole, sliced = (Trainer(MIXED, few, recipe, seed=5) for _ in range(2))
    expected = [whole.run(), whole.run()]
    shown = []
    while not sliced.done:
        metrics = sliced.run(0.0)
        if metrics:
            shown.append(metrics)
        resumed = Trainer(MIXED, few, recipe, seed=5)
        resumed.load_state_dict(sliced.state_dict())
        sliced = resumed
    for one, two in zip(shown, expected, strict=True):
        assert one.train_loss == two.train_loss
        assert one.val_loss == two.val_loss
    for name, value in whole.weights().items():
        assert torch.equal(value, sliced.weights()[name]), name


def test_seed_and_drop_path_reach_the_network(digits):
    weights = [
        Trainer(MIXED, digits, Recipe(drop_path=rate), seed=seed).weights()
        for seed, rate in ((0, 0.0), (0, 0.3), (1, 0.0))
    ]
    # the rate changes no weight at the start, the seed does
    equal = [
        all(torch.equal(value, other[name]) for name, value in weights[0].items())
        for other in weights[1:]
    ]
    assert equal == [True, False]


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "auto"])
def test_digits_are_learned_on_cuda(digits, precision):
    recipe = default_recipe("digits").model_copy(update={"precision": precision})
    trainer = Trainer(MIXED, digits, recipe, seed=0, device="cuda")
    curve = []
    while not trainer.done:
        metrics = trainer.run(0.05)
        if metrics:
            curve.append(metrics)
    assert curve[-1].accuracy > 0.9
    twin = Trainer(MIXED, digits, recipe, seed=0, device="cuda")
    twin.load_state_dict(trainer.state_dict())
    assert twin.evaluate("val").accuracy == curve[-1].accuracy


@pytest.mark.cuda
@needs_cuda
def test_divergence_is_seen_on_cuda(digits):
    recipe = Recipe(learning_rate=1e12, optimizer="sgd", clip_norm=None)
    trainer = Trainer(MIXED, digits, recipe, device="cuda")
    with pytest.raises(DivergedError):
        trainer.run()


@pytest.mark.cuda
@needs_cuda
def test_resident_images_equal_those_on_the_host(digits):
    device = torch.device("cuda")
    index = [torch.randperm(200)[:50].numpy(), torch.randperm(200)[:50].numpy()]
    for number in range(2):
        resident = ResidentFeed(digits.train, device).pixels(index, number)
        assert torch.equal(resident, HostFeed(digits.train, device).pixels(index, number))

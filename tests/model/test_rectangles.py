"""Networks on rectangular images.

Oracle: a network whose weights are transposed gives, on the transposed image, the same logits. The
blocks themselves are compared with slow twins on rectangles in tests/blocks.
"""

import numpy as np
import pytest
import torch

from archsearch import blocks, build_model, load_space, zoo
from archsearch.arch import StageContext, TokenCount
from archsearch.blocks.sparse_global_attention import LocalPropagation
from archsearch.cost import count_arch, count_macs
from archsearch.cost.fvcore_counts import PRODUCTS, count_by_fvcore
from archsearch.errors import InputError
from archsearch.export.proof import randomize
from archsearch.run import LatencyTarget
from archsearch.run.latency.inference_memory import inference_bytes
from archsearch.space.space_file import adapted

#: one model of every family of the zoo
FAMILIES = [
    "deit_tiny",
    "edgevit_xxs",
    "lightvit_tiny",
    "localvit_pvt",
    "localvit_swin",
    "localvit_t2t",
    "localvit_tiny_se4",
    "localvit_tnt",
    "pvt_tiny",
    "sepvit_lite",
    "swin_tiny",
    "t2t_vit_7",
    "tnt_tiny",
]
#: the four of the papers
PAPERS = ("edgevit_xxs", "lightvit_tiny", "localvit_tiny_se4", "sepvit_lite")
SIZES = [(64, 160), (50, 83)]


def grid(rows, columns, *, count):
    """Return the order that a row-by-row list of ``count`` numbers a place has transposed."""
    order = np.arange(rows * columns * count).reshape(rows, columns, count)
    return torch.from_numpy(order.swapaxes(0, 1).reshape(-1).copy())


def unfolded(dim, kernel):
    """Return the same of an unfolded patch, channel by channel."""
    order = np.arange(dim * kernel**2).reshape(dim, kernel, kernel)
    return torch.from_numpy(order.swapaxes(1, 2).reshape(-1).copy())


def transposed_state(network):
    """Return the weights of the network that sees rows as columns."""
    state = dict(network.state_dict())

    def put(name, change):
        state[name] = change(state[name]).contiguous()

    def inputs(name, order):
        """Reorder what a linear layer reads."""
        put(f"{name}.weight", lambda x: x[..., order])

    def norm(name, order):
        for part in ("weight", "bias"):
            put(f"{name}.{part}", lambda x: x[order])

    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            put(f"{name}.weight", lambda x: x.transpose(2, 3))
        elif isinstance(module, blocks.LearnedPosition):
            put(f"{name}.table", lambda x: x.transpose(0, 1))
        elif isinstance(module, blocks.RelativeBias):
            rows, columns = (2 * side - 1 for side in module.size)
            put(
                f"{name}.table",
                lambda x, r=rows, c=columns: x.reshape(-1, r, c).transpose(1, 2).flatten(1),
            )
        elif isinstance(module, blocks.SeparableAttention) and module.window_tokens is not None:
            put(f"{name}.window_tokens", lambda x: x.transpose(0, 1))
        elif isinstance(module, LocalPropagation):
            put(f"{name}.weight", lambda x: x.transpose(0, 1))
        elif isinstance(module, blocks.Merge | blocks.ResidualMerge):
            order = grid(2, 2, count=module.norm.normalized_shape[0] // 4)
            norm(f"{name}.norm", order)
            inputs(f"{name}.reduction", order)
        elif isinstance(module, blocks.TokensToToken):
            width = module.proj.in_features // 9
            first = unfolded(network.in_chans, module.first_split[0])
            for layer, order in (("attention1", first), ("attention2", unfolded(width, 3))):
                norm(f"{name}.{layer}.norm", order)
                inputs(f"{name}.{layer}.kqv", order)
            inputs(f"{name}.proj", unfolded(width, 3))
        elif isinstance(module, blocks.PixelStem):
            side, dim = module.side, module.pixel_position_table.shape[1]
            put(f"{name}.pixel_position_table", lambda x, s=side: x[grid(s, s, count=1)])
            order = grid(side, side, count=dim)
            norm(f"{name}.norm1", order)
            inputs(f"{name}.proj", order)
        elif isinstance(module, blocks.PixelTransformer):
            dim = module.fc2.out_features
            side = int((module.proj.in_features // dim) ** 0.5)
            order = grid(side, side, count=dim)
            inputs(f"{name}.proj", order)
            if module.patch_norm:
                norm(f"{name}.norm", order)
    return state


def logits_both_ways(arch):
    height, width = arch.input_shape[1:]
    model = build_model(arch, seed=0).eval()
    randomize(model, 1)
    turned = build_model(arch.model_copy(update={"image_size": (width, height)}), seed=3).eval()
    turned.load_state_dict(transposed_state(model))
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(2, *arch.input_shape, generator=generator)
    with torch.no_grad():
        return model(x), turned(x.transpose(2, 3))


def small(name, size, **options):
    """Return a model with two blocks a stage: windows are shifted in the second."""
    return zoo.arch(name, image_size=size, depth=2, num_classes=5, **options)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", FAMILIES)
def test_transposed_network_on_the_transposed_image(name, size):
    ours, turned = logits_both_ways(small(name, size, in_channels=4))
    assert ours.std() > 1e-3
    torch.testing.assert_close(ours, turned, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["lightweight", "sepvit", "lightvit", "edgevit"])
def test_transposed_candidates_of_spaces(name):
    space = adapted(load_space(name), image_size=(40, 72), in_channels=4, num_classes=5)
    rng = np.random.default_rng(0)
    for _ in range(3):
        arch = space.arch(space.sample(rng))
        assert arch.image_size == (40, 72)
        ours, turned = logits_both_ways(arch)
        torch.testing.assert_close(ours, turned, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in PAPERS else pytest.mark.slow) for name in FAMILIES],
)
def test_counts_are_those_of_the_network_that_runs(name):
    arch = small(name, (64, 224), in_channels=4)
    model = build_model(arch).eval()
    counts = count_arch(arch)
    assert counts.params == sum(each.numel() for each in model.parameters())
    turned = count_arch(arch.model_copy(update={"image_size": (224, 64)}))
    assert counts == turned
    target = LatencyTarget(batch_size=2)
    memory = inference_bytes(arch, target)
    assert memory == inference_bytes(arch.model_copy(update={"image_size": (224, 64)}), target)
    assert memory > inference_bytes(arch.model_copy(update={"image_size": 64}), target)
    macs = count_macs(model, (1, 4, 64, 224))
    assert counts.macs == macs.total
    assert not macs.unsupported


@pytest.mark.parametrize("name", ["edgevit_xxs", "swin_tiny", "sepvit_lite", "lightvit_tiny"])
def test_products_are_those_that_fvcore_counts(name):
    arch = small(name, (50, 96), in_channels=4)
    model = build_model(arch).eval()
    shape = (1, *arch.input_shape)
    theirs = count_by_fvcore(model, shape)
    products = sum(macs for operator, macs in theirs.items() if operator in PRODUCTS)
    ours = count_macs(model, shape)
    # fvcore takes EdgeViT's propagation for an addition
    assert ours.total - ours.by_operator.get("addcmul", 0) == products


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_that_counts_gets_a_gradient(name):
    """Windows and patches have no weights for places that the map does not have."""
    model = build_model(small(name, (64, 224)), seed=0).train()
    randomize(model, 1)
    model(torch.randn(2, 3, 64, 224)).square().sum().backward()
    for key, parameter in model.named_parameters():
        if parameter.requires_grad and not key.startswith(tuple(model._unused)):
            assert parameter.grad is not None, key
            if key.endswith(("window_tokens", "local_propagation.weight")):
                assert (parameter.grad != 0).all(), key


def test_a_block_for_squares_says_so():
    context = StageContext(8, 2, (4, 6), TokenCount(), False, 1e-6)
    with pytest.raises(InputError, match=r"the map has 4 x 6 tokens.*map_size"):
        _ = context.side
    assert StageContext(8, 2, 4, TokenCount(), False, 1e-6).side == 4

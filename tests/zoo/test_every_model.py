"""What must hold for every model of the zoo."""

import pytest
import torch

from archsearch import zoo
from archsearch.arch import load_arch
from archsearch.arch.parts import SinusoidPosition
from archsearch.errors import InputError

#: wider or deeper siblings of models that are tested every time
LARGE = {"edgevit_s", "lightvit_base", "lightvit_small", "localvit_small", "localvit_tiny_se4"}
LARGE |= {"sepvit_base", "sepvit_small", "sepvit_tiny"}
SIZE = 64
EVERY = pytest.mark.parametrize("name", zoo.names())
#: the same, where a model takes seconds
EVERY_SLOWLY = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.release if name in LARGE else pytest.mark.slow)
        for name in zoo.names()
    ],
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow) if name in LARGE else name
        for name in zoo.names()
    ],
)
def small(request):
    """Return each model's name and network for small images; each is built once."""
    return request.param, zoo.build(request.param, num_classes=10, image_size=SIZE, seed=0)


def images(batch=2, size=SIZE):
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))


def close(a, b, share):
    return (a.float() - b.float()).abs().max() <= share * b.abs().max()


@EVERY
def test_arch_file_round_trip(name, tmp_path):
    arch = zoo.arch(name)
    arch.save(tmp_path / "arch.yaml")
    assert load_arch(tmp_path / "arch.yaml").digest == arch.digest


def test_low_precision_and_memory_layout_agree(small):
    network, x = small[1].eval(), images()
    with torch.no_grad():
        logits = network(x)
        contiguous = network.to(memory_format=torch.contiguous_format)(x)
        last = network.to(memory_format=torch.channels_last)(
            x.contiguous(memory_format=torch.channels_last)
        )
        with torch.autocast("cpu", torch.bfloat16):
            low = network(x)
    assert torch.isfinite(logits).all()
    assert close(contiguous, logits, 1e-5)
    assert close(last, logits, 1e-5)
    assert close(low, logits, 0.05)


def test_images_of_a_batch_do_not_mix(small):
    network, x = small[1].eval(), images(3)
    with torch.no_grad():
        assert close(network(x[1:2]), network(x)[1:2], 1e-4)


def test_gradients_reach_every_parameter(small):
    """All trained parameters get a gradient; logits do not depend on LocalViT's last FFN."""
    name, network = small
    network.train().zero_grad()
    network(images()).square().sum().backward()
    untouched = set()
    for key, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        if not parameter.grad.any():
            untouched.add(key)
    plain = name.startswith("localvit") and name != "localvit_swin"
    stage = network.arch.stages[-1]
    last = f"stages.{len(network.arch.stages) - 1}.blocks.{stage.depth - 1}.ffn."
    assert not [
        key for key in untouched if not (plain and key.startswith(last)) and "gate" not in key
    ]
    if plain:
        assert untouched


@EVERY
def test_what_is_not_trained_is_fixed_by_the_papers(name):
    with torch.device("meta"):
        network = zoo.build(name)
    fixed = {key for key, each in network.named_parameters() if not each.requires_grad}
    allowed = ("stem.attention1.features", "stem.attention2.features", "stem.idle_norm")
    rest = {key for key in fixed if not key.startswith(allowed)}
    sine = isinstance(zoo.arch(name).stages[0].position, SinusoidPosition)
    tables = {"stages.0.position.table", "stages.0.position.class_table"}
    assert rest == (tables if sine else set())


def test_feature_maps(small):
    network = small[1].eval()
    with torch.no_grad():
        maps = network.forward_intermediates(images(1), intermediates_only=True)
    for each, info in zip(maps, network.feature_info, strict=True):
        side = -(-SIZE // info["reduction"])
        assert each.shape == (1, info["num_chs"], side, side)


@pytest.mark.parametrize("name", ["lightvit_tiny", "sepvit_lite", "localvit_tnt", "localvit_t2t"])
def test_export(name):
    check_export(zoo.build(name, depth=2, image_size=SIZE, seed=0).eval(), images())


@pytest.mark.parametrize(
    "name",
    [
        "lightvit_tiny",
        pytest.param("localvit_swin", marks=pytest.mark.slow),
        # in small in tests/model
        pytest.param("edgevit_xxs", marks=pytest.mark.slow),
        pytest.param("sepvit_lite", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_one_graph_holds_the_whole_network(name):
    torch._dynamo.reset()
    network = zoo.build(name, depth=2, image_size=SIZE, seed=0)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    for training in (False, True):
        network.train(training)
        assert close(compiled(images()).detach(), network(images()).detach(), 1e-4)


def check_export(network, x):
    exported = torch.export.export(network, (x,)).module()
    with torch.no_grad():
        assert close(exported(x), network(x), 1e-5)


@EVERY_SLOWLY
def test_export_at_full_size(name):
    check_export(zoo.build(name, seed=0).eval(), images(size=224))


@EVERY_SLOWLY
@pytest.mark.filterwarnings("ignore")
def test_compile_without_graph_breaks(name):
    torch._dynamo.reset()
    network = zoo.build(name, seed=0)
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    x = images(size=224)
    for training in (False, True):
        network.train(training)
        assert close(compiled(x).detach(), network(x).detach(), 1e-3)


@pytest.mark.release
@pytest.mark.parametrize("name", ["lightvit_tiny", "edgevit_xxs", "sepvit_lite", "localvit_tnt"])
@pytest.mark.filterwarnings("ignore")
def test_compiled_code_agrees(name):
    torch._dynamo.reset()
    network = zoo.build(name, seed=0).eval()
    x = images(size=224)
    with torch.no_grad():
        assert close(torch.compile(network, fullgraph=True)(x), network(x), 1e-4)


@pytest.mark.parametrize("name", ["lightvit_tiny", "edgevit_xxs", "localvit_tnt", "sepvit_lite"])
def test_kernels_change_the_last_bits_only(name):
    plain = zoo.build(name, image_size=SIZE, seed=0, kernels="torch").eval()
    fast = zoo.build(name, image_size=SIZE, seed=0, kernels="onednn").eval()
    assert {type(each) for each in plain.modules()} != {type(each) for each in fast.modules()}
    with torch.no_grad():
        assert close(fast(images()), plain(images()), 1e-5)
    for network in (plain.train(), fast.train()):
        network(images()).square().sum().backward()
    for (key, a), b in zip(fast.named_parameters(), plain.parameters(), strict=True):
        assert a.grad is None or close(a.grad, b.grad, 1e-3) or b.grad.abs().max() < 1e-6, key


def test_unknown_kernels_are_reported():
    with pytest.raises(InputError, match="did you mean 'onednn'"):
        zoo.build("deit_tiny", kernels="onedn")

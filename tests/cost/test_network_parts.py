"""Parts are modules of the built network, and their keys say all that their latency depends on."""

import numpy as np
import pytest
import torch

from archsearch.arch import Arch, Block, ConvStem, Mlp, SelfAttention, Stage, WindowAttention
from archsearch.cost.latency_table import sizes_of
from archsearch.cost.network_parts import REST, count_parts, parts_of, role_of
from archsearch.cost.network_units import hooked
from archsearch.model import build_model
from archsearch.space import load_space


def _sample(name, count, seed=0):
    space = load_space(name)
    rng = np.random.default_rng(seed)
    return [space.arch(space.sample(rng)) for _ in range(count)]


ARCHS = _sample("lightweight", 12) + _sample("tiny", 4)
ARCHS += [
    arch.model_copy(update={"image_size": (40, 72), "in_channels": 4})
    for arch in _sample("lightweight", 4, seed=1)
]


@pytest.mark.parametrize("arch", ARCHS, ids=lambda arch: arch.digest[:8])
def test_parts_cover_what_runs(arch):
    model = build_model(arch).eval()
    parts = parts_of(arch)
    names = {name for part in parts for name in (part.name, *part.inside)}
    ran = set()
    with torch.no_grad(), hooked(model, sorted(names), lambda name, _: ran.add(name), lambda *_: 0):
        model(torch.zeros(1, *arch.input_shape))
    assert ran == names
    # every parameter belongs to exactly one part
    owners = [part.name for part in parts if not part.inside]
    for name, _ in model.named_parameters():
        assert sum(name.startswith(f"{owner}.") for owner in owners) == 1, name


def test_equal_keys_have_equal_shapes():
    shapes = {}
    for arch in ARCHS:
        model = build_model(arch)
        for part in parts_of(arch):
            if not part.inside:
                module = model.get_submodule(part.name)
                shape = [tuple(p.shape) for p in module.parameters()]
                assert shapes.setdefault(part.key, shape) == shape


def _arch(**changes):
    block = Block(attention=WindowAttention(window_size=4), ffn=Mlp())
    first = Stage(depth=2, width=16, num_heads=2, blocks=(block,))
    values = {"image_size": 32, "num_classes": 10, "stem": ConvStem(), "stages": (first,)}
    return Arch(**(values | changes))


def test_the_size_of_a_rectangle_is_in_the_keys():
    wide, high = (_arch(image_size=size) for size in ((32, 64), (64, 32)))
    stem, *_, head = parts_of(wide)
    assert "P32x64" in stem.key
    assert " T0 " in head.key
    assert all("S8x16" in part.key for part in parts_of(wide)[1:])
    assert not {part.key for part in parts_of(wide)} & {part.key for part in parts_of(high)}
    # it stands for the square of its area, so that times of squares tell something of it
    equal = _arch(image_size=(16, 64))
    for part, like in zip(parts_of(equal), parts_of(_arch(image_size=32)), strict=True):
        assert sizes_of(part.key) == pytest.approx(sizes_of(like.key))


def test_depth_repeats_parts():
    counts = count_parts(_arch())
    attention = [key for key in counts if role_of(key) == "attention window"]
    assert [counts[key] for key in attention] == [2]
    assert counts[REST] == 1


def test_keys_tell_shapes_apart():
    wide = _arch().stages[0].model_copy(update={"width": 32})
    heads = _arch().stages[0].model_copy(update={"num_heads": 4})
    smaller = _arch(image_size=16)
    full = Stage(
        depth=2, width=16, num_heads=2, blocks=(Block(attention=SelfAttention(), ffn=Mlp()),)
    )
    archs = [_arch(), _arch(stages=(wide,)), _arch(stages=(heads,)), smaller, _arch(stages=(full,))]
    keys = [next(key for key in count_parts(arch) if key.startswith("attention")) for arch in archs]
    assert len(set(keys)) == len(archs)

"""Every shipped space: loads, is what its file says, and its samples are architectures."""

import pickle
import re

import numpy as np
import pytest
import torch

from archsearch.arch import arch_problems
from archsearch.model import build_model
from archsearch.resources import resource_dir, resource_names
from archsearch.space import adapted, load_space, space_from
from archsearch.yaml_source import YamlSource

NAMES = resource_names("spaces")
FAMILIES = {
    "window_global",
    "sparse_global",
    "separable",
    "window",
    "spatial_reduction",
    "self_attention",
}


def test_the_promised_spaces_are_there() -> None:
    assert {
        "lightweight",
        "imagenet",
        "tiny",
        "lightvit",
        "edgevit",
        "localvit",
        "sepvit",
    } <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_file_opens_with_what_it_is(name: str) -> None:
    text = (resource_dir("spaces") / f"{name}.yaml").read_text()
    opening = re.match(r"(#.*\n)+", text)
    assert opening
    assert len(opening.group()) > 100
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_architectures(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(0)
    for _ in range(50):
        params = space.sample(rng)
        arch = space.arch(params)
        assert arch_problems(arch) == []
        assert set(params) <= set(space.parameters)
        widths = [stage.width for stage in arch.stages]
        assert widths == sorted(widths)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_builds_and_runs(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(1)
    space = adapted(space, image_size=64, in_channels=3, num_classes=10)
    archs = [space.arch(space.sample(rng)) for _ in range(30)]
    # the cheapest of some, so that the test stays quick
    arch = min(archs, key=lambda a: sum(stage.depth * stage.width**2 for stage in a.stages))
    model = build_model(arch).eval()
    images = torch.zeros(1, arch.in_channels, arch.image_size, arch.image_size)
    with torch.inference_mode():
        assert model(images).shape == (1, arch.num_classes)


@pytest.mark.parametrize("name", NAMES)
def test_plain_data_read_back_as_the_same_space(name: str) -> None:
    space = load_space(name)
    again = space_from(YamlSource(name, space.to_dict()), name)
    unpickled = pickle.loads(pickle.dumps(space))
    assert again == space == unpickled
    assert again.digest == load_space(name).digest == unpickled.digest
    params = space.sample(np.random.default_rng(2))
    for other in (again, unpickled):
        assert other.parameters == space.parameters
        assert other.sample(np.random.default_rng(2)) == params
        assert other.arch(params) == space.arch(params)
        assert other.count() == space.count()


@pytest.mark.parametrize("name", ["lightweight", "imagenet"])
def test_mixing_spaces_vary_everything(name: str) -> None:
    space, rng = load_space(name), np.random.default_rng(3)
    assert space.count() > 10**6
    archs = [space.arch(space.sample(rng)) for _ in range(200)]
    assert {len(arch.stages) for arch in archs} == {3, 4}
    blocks = [block for arch in archs for stage in arch.stages for block in stage.blocks]
    assert {block.attention.type for block in blocks} == FAMILIES
    assert {block.ffn.type for block in blocks} == {"mlp", "bi_dimensional", "locality"}
    words = {parameter.rsplit(".", 1)[-1] for parameter in space.parameters}
    assert words >= {
        "depth",
        "width",
        "window_size",
        "sample_rate",
        "group_count",
        "expansion",
        "attention",
    }


def test_tiny_is_tiny() -> None:
    space = load_space("tiny")
    archs = [space.arch(params) for params in space.enumerate()]
    assert len({arch.digest for arch in archs}) == len(archs) <= 200

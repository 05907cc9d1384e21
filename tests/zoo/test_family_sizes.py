"""The papers' designs at other sizes."""

import itertools

import pytest

from archsearch import build_model, zoo
from archsearch.cost import count_arch
from archsearch.errors import InputError

#: the size that is the published network itself
PUBLISHED = {
    "edgevit/5": "edgevit_xxs",
    "lightvit/6": "lightvit_tiny",
    "localvit/6": "localvit_tiny_se4",
    "sepvit/6": "sepvit_lite",
}


@pytest.mark.parametrize(("size", "model"), PUBLISHED.items())
def test_one_size_is_the_published_network(size, model):
    assert zoo.arch(size).digest == zoo.arch(model).digest


@pytest.mark.parametrize("family", zoo.families())
@pytest.mark.parametrize("image_size", [32, (48, 96)])
def test_sizes_grow_and_keep_the_familys_parts(family, image_size):
    archs = [zoo.arch(name, image_size=image_size, num_classes=10) for name in zoo.sizes(family)]
    assert len(archs) >= 5
    counts = [count_arch(arch) for arch in archs]
    for small, large in itertools.pairwise(counts):
        assert small.params < large.params
        assert small.macs < large.macs
    kinds = {
        tuple(
            (type(block.attention), type(block.ffn), block.local_aggregation is not None)
            for stage in arch.stages
            for block in stage.blocks
        )
        for arch in archs
    }
    assert len(kinds) == 1


def test_small_images_keep_a_map_and_windows_that_split_it():
    for family in zoo.families():
        arch = zoo.arch(f"{family}/1", image_size=32)
        assert arch.map_sizes[0] == 8
        build_model(arch)
    assert zoo.arch("sepvit/1").stages[0].blocks[0].attention.window_size == 7
    assert zoo.arch("sepvit/1", image_size=32).stages[0].blocks[0].attention.window_size == 4
    # what is asked for counts
    changed = zoo.arch("sepvit/1", image_size=32, window_size=2)
    assert changed.stages[0].blocks[0].attention.window_size == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("edgevit/7", "must be edgevit/1 to edgevit/6, but got 'edgevit/7'"),
        ("edgevit/0", "must be edgevit/1 to"),
        ("edgevit/x", "must be edgevit/1 to"),
        ("edgevit/", "must be edgevit/1 to"),
        (
            "edgevit",
            r"no model 'edgevit'; did you mean .*, or a size of it: edgevit/1 to edgevit/6",
        ),
        ("edgevit_xxs/1", "the zoo has no model"),
    ],
)
def test_wrong_names(name, message):
    with pytest.raises(InputError, match=message):
        zoo.arch(name)

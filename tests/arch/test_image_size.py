"""Rectangular images in architectures; square ones are as they were."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from archsearch import load_space, summary, zoo
from archsearch.arch import arch_from, load_arch
from archsearch.cost.network_parts import count_parts
from archsearch.errors import InputError
from archsearch.space.rules import SearchRules, broken_rules
from archsearch.space.space_file import adapted
from archsearch.yaml_source import parse_yaml

#: recorded from version 0.1 before images could be rectangles, by `_facts` and `_digests`
RECORDED = json.loads(Path(__file__).with_name("square_digests.json").read_text())


def _short(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _facts(arch):
    plain = json.dumps(arch.model_dump(mode="json"))
    parts = repr(sorted(count_parts(arch).items()))
    texts = (arch.to_yaml(), plain, parts, summary(arch))
    return " ".join([arch.digest[:16], *map(_short, texts)])


def _digests(name):
    space = load_space(name)
    small = adapted(space, image_size=48, in_channels=1, num_classes=7)
    digests = [space.digest, small.digest]
    for each in (space, small):
        digests += [each.arch(each.sample(np.random.default_rng(n))).digest for n in range(4)]
    return " ".join(digest[:16] for digest in digests)


@pytest.mark.parametrize("name", RECORDED["networks"])
def test_square_networks_are_as_they_were(name):
    """Digest, YAML, JSON, keys of the latency table and summary, byte for byte."""
    model, size = name.split()
    assert _facts(zoo.arch(model, image_size=int(size))) == RECORDED["networks"][name]


@pytest.mark.parametrize("name", RECORDED["spaces"])
def test_square_spaces_are_as_they_were(name):
    assert _digests(name) == RECORDED["spaces"][name]


@pytest.mark.parametrize("size", [(64, 64), [64, 64], "64", "64x64"], ids=str)
def test_a_square_has_one_form(size):
    square = zoo.arch("lightvit_tiny", image_size=64)
    assert zoo.arch("lightvit_tiny", image_size=size) == square
    assert square.model_copy(update={"image_size": (64, 64)}).digest == square.digest
    assert "image_size: 64\n" in square.to_yaml()


def test_a_rectangle_goes_to_a_file_and_back(tmp_path):
    arch = zoo.arch("edgevit_xxs", image_size=(96, 160), in_channels=4)
    arch.save(tmp_path / "arch.yaml")
    text = (tmp_path / "arch.yaml").read_text()
    assert "image_size:\n- 96\n- 160\n" in text
    again = load_arch(tmp_path / "arch.yaml")
    assert again == arch
    assert hash(again) == hash(arch)
    assert again.digest == arch.digest
    assert again.input_shape == (4, 96, 160)
    assert summary(arch).startswith("96x160px ")
    assert arch_from(parse_yaml(text.replace("image_size:\n- 96\n- 160", "image_size: [96, 160]")))
    turned = zoo.arch("edgevit_xxs", image_size=(160, 96), in_channels=4)
    assert turned.digest != arch.digest


def test_maps_round_up_side_by_side():
    arch = zoo.arch("swin_tiny", image_size=(90, 161))
    assert arch.map_shapes == ((23, 41), (12, 21), (6, 11), (3, 6))
    assert arch.map_sizes == arch.map_shapes
    assert zoo.arch("swin_tiny", image_size=90).map_sizes == (23, 12, 6, 3)


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("[96]", "must be two numbers, height and width, not 1"),
        ("[96, 160, 3]", "must be two numbers, height and width, not 3"),
        ("[0, 10]", "height must be at least 1"),
        ("96x", "has no width"),
        ("small", "must be a whole number, or height and width as two whole numbers"),
    ],
)
def test_a_file_names_line_and_way_out(written, rule):
    text = zoo.arch("deit_tiny").to_yaml()
    with pytest.raises(InputError) as caught:
        arch_from(parse_yaml(f"image_size: {written}\n{text}", "a.yaml"))
    (problem,) = caught.value.problems
    assert (problem.key, problem.rule, problem.line) == ("image_size", rule, 1)
    assert "[180, 320]" in problem.remedy


def test_windows_tile_each_side():
    rules = SearchRules(windows_tile_maps=True)
    arch = zoo.arch("lightvit_tiny", image_size=(56, 60))
    first, *_ = broken_rules(arch, rules)
    assert first.rule == "must tile the 8 columns of the map of 7 x 8"
    both = broken_rules(zoo.arch("lightvit_tiny", image_size=(64, 72)), rules)
    assert both[0].rule == "must tile the 8 rows and 9 columns of the map of 8 x 9"
    # a window that covers a side tiles it
    assert not broken_rules(zoo.arch("swin_tiny", image_size=(28, 224)), rules)


def test_a_window_as_long_as_the_longer_side_takes_its_length():
    long = zoo.arch("sepvit_lite", image_size=(64, 128), window_size=99)
    exact = long.canonical()
    sizes = [stage.blocks[0].attention.window_size for stage in exact.stages]
    assert sizes == [columns for _, columns in long.map_shapes]
    assert long.digest == exact.digest

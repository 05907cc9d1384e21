"""Changing values of a zoo model by name."""

import pytest

from archsearch import zoo
from archsearch.errors import InputError


def test_one_value_for_all_stages_or_one_for_each():
    arch = zoo.arch("edgevit_xxs", depth=2, sample_rate=(8, 4, 2, 1), num_classes=10)
    assert [stage.depth for stage in arch.stages] == [2, 2, 2, 2]
    assert [stage.blocks[0].attention.sample_rate for stage in arch.stages] == [8, 4, 2, 1]
    assert arch.num_classes == 10
    kept = zoo.arch("edgevit_xxs", depth=(None, 4, None, None))
    assert [stage.depth for stage in kept.stages] == [1, 4, 3, 2]


def test_parts_are_named_where_a_field_is_not_enough():
    arch = zoo.arch("localvit_pvt", gate__reduction=4, attention__reduction=(4, 4, 2, 1))
    assert arch.stages[0].blocks[0].ffn.gate.reduction == 4
    assert arch.stages[0].blocks[0].attention.reduction == 4
    with pytest.raises(InputError, match="write attention__reduction or gate__reduction"):
        zoo.arch("localvit_pvt", reduction=4)


def test_heads_are_given_one_way():
    arch = zoo.arch("lightvit_tiny", num_heads=(2, 2, 2))
    assert [stage.heads for stage in arch.stages] == [2, 2, 2]
    assert zoo.arch("deit_tiny", head_dim=32).stages[0].heads == 6


def test_every_problem_is_listed():
    with pytest.raises(InputError) as error:
        zoo.arch("lightvit_tiny", widht=8, depth=(1, 2))
    messages = [str(problem) for problem in error.value.problems]
    assert messages == [
        "widht: no part of the architecture has this field; did you mean 'width'?",
        "depth: must be one value for each of 3 stages, but got (1, 2)",
    ]
    with pytest.raises(InputError, match=r"stages.0.width.*but got 0"):
        zoo.arch("lightvit_tiny", width=0)
    with pytest.raises(InputError, match="must divide the width 192"):
        zoo.arch("deit_tiny", num_heads=5)


def test_the_zoo_keeps_its_own():
    zoo.arch("deit_tiny", depth=1)
    assert zoo.arch("deit_tiny").stages[0].depth == 12

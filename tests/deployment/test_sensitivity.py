"""Blocks are left in float from the worst on, until the drop is small enough."""

import pytest

from archsearch.deployment import keep_accurate

#: what each block in int8 adds to the error of the logits, and takes off the accuracy
HURTS = {"stem": 0.001, "blocks.0": 0.03, "blocks.1": 0.0, "blocks.2": 0.08, "head": 0.002}


def lost(kept):
    return sum(hurt for block, hurt in HURTS.items() if block not in kept)


@pytest.mark.parametrize(
    ("max_drop", "expected"),
    [
        (0.2, ()),
        (0.05, ("blocks.2",)),
        (0.005, ("blocks.2", "blocks.0")),
        (0.0015, ("blocks.2", "blocks.0", "head")),
        (0.0, ("blocks.2", "blocks.0", "head", "stem")),
    ],
)
def test_the_fewest_blocks_of_the_worst_stay_in_float(max_drop, expected):
    found = keep_accurate(tuple(HURTS), lost, lambda kept: lost(kept) ** 2, max_drop)
    assert found.blocks == expected
    assert found.drop == pytest.approx(lost(expected))
    assert found.drop <= max_drop


def test_nothing_is_tried_where_int8_is_accurate():
    asked = []
    keep_accurate(tuple(HURTS), lambda kept: 0.0, lambda kept: asked.append(kept) or 0.0, 0.005)
    assert asked == []


def test_a_network_that_no_choice_saves_stays_in_float():
    found = keep_accurate(("a", "b"), lambda kept: 1.0 - len(kept) / 2, lambda kept: 1.0, 0.005)
    assert set(found.blocks) == {"a", "b"}

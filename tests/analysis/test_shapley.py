"""Shapley values in closed form against every coalition written out."""

from itertools import combinations

import numpy as np
import pytest

from archsearch.analysis.attribution import attribute
from archsearch.analysis.choice_effects import ORDERS, Choices
from archsearch.analysis.choice_model import ChoiceModel
from archsearch.analysis.configuration_path import ConfigurationPath
from archsearch.analysis.shapley import Game
from archsearch.space import flat_space, load_space, space_from
from archsearch.yaml_source import YamlSource
from tests.analysis.exact_shapley import coalitions, exact_shapley, shapley_weights

FLAT = flat_space({"a": [1, 2, 3], "b": ["x", "y"], "c": [True, False], "d": ["p", "q", "r"]})
#: two blocks share the parameters of one part, which is there if any of the two has it
SHARED = space_from(
    YamlSource(
        "shared",
        {
            "image_size": 32,
            "in_channels": 1,
            "num_classes": 10,
            "stem": {"type": "conv", "stride": 4},
            "parameters": {
                "local": {"type": "locality", "expansion": {"choice": [2, 3]}},
            },
            "stage_defaults": {
                "head_dim": 16,
                "downsample": "merge",
                "attention": {"type": "window", "window_size": 2},
                "ffn": {"choice": [{"ref": "local"}, {"type": "mlp", "expansion": 2}]},
            },
            "stages": [
                {"depth": {"int": [1, 2]}, "width": {"choice": [16, 32]}},
                {"depth": 1, "width": 32},
            ],
        },
    ),
    "shared",
)
SPACES = {"flat": FLAT, "tiny": load_space("tiny"), "shared": SHARED}


def test_the_glove_game_has_its_textbook_values():
    # two left gloves and one right glove: a pair is worth 1
    values = exact_shapley(lambda c: float("r" in c and bool(c & {"a", "b"})), ["a", "b", "r"])
    np.testing.assert_allclose(values, [1 / 6, 1 / 6, 4 / 6])


def paths(space, count):
    """Return paths between random configurations that differ in two choices or more."""
    rng = np.random.default_rng(0)
    found = []
    while len(found) < count:
        path = ConfigurationPath(space, space.sample(rng), space.sample(rng))
        found += [path] if len(path.players) > 1 else []
    return found


@pytest.mark.parametrize("name", SPACES)
def test_covariances_are_those_of_all_coalitions(name):
    space = SPACES[name]
    rng = np.random.default_rng(1)
    choices = Choices(tuple(space.parameters.values()))
    drawn = choices.codes([space.sample(rng) for _ in range(12)])

    def series(left, right):
        # of order d: the sum over all sets of d parameters of the product of their likenesses
        z = [choices.likeness(p, left, right) for p in range(len(choices.parameters))]
        orders = [
            sum((np.prod(c, axis=0) for c in combinations(z, d)), np.zeros(z[0].shape))
            for d in range(1, ORDERS + 1)
        ]
        same = (left[:, None] == right[None]).all(-1)
        return np.stack([np.ones(z[0].shape), *orders, same], axis=-1)

    for path in paths(space, 12):
        players = path.players
        asked = [frozenset(c) for size in (1, 2) for c in combinations(players, size)]
        every = coalitions(players)
        codes = choices.codes([path.known(each) for each in every])
        weights = np.array([[shapley_weights(players, a)[c] for c in every] for a in asked])
        # networks of the path have something to themselves only where they were observed
        data = np.vstack([drawn, codes[1:3]])
        cross, prior = Game(path, choices).covariances(asked, data)
        np.testing.assert_allclose(
            cross, np.einsum("ac,cnd->and", weights, series(codes, data)), atol=1e-9
        )
        np.testing.assert_allclose(
            prior,
            np.einsum("ac,be,ced->abd", weights, weights, series(codes, codes)),
            atol=1e-9,
        )


def test_shared_parameters_are_decided_by_several_players():
    # the test above covers the case only if there is one
    sizes = {
        len(cluster.players)
        for path in paths(SHARED, 12)
        for cluster in Game(path, Choices(tuple(SHARED.parameters.values()))).clusters
    }
    assert max(sizes) > 1


def test_values_add_up_and_follow_the_model():
    rng = np.random.default_rng(2)
    observed = [FLAT.sample(rng) for _ in range(50)]
    y = rng.normal(size=50)
    path = ConfigurationPath(FLAT, observed[0], {"a": 3, "b": "y", "c": False, "d": "r"})
    found = attribute(path, observed, y)
    model = ChoiceModel(Choices(tuple(FLAT.parameters.values())), codes_of(observed), y)

    def worth(chosen):
        return float(model.predict(codes_of([path.mixture(chosen)])).mean[0])

    np.testing.assert_allclose(found.mean, exact_shapley(worth, path.players), atol=1e-9)
    total = worth(frozenset(path.players)) - worth(frozenset())
    assert found.total.value == pytest.approx(total)


def codes_of(configurations):
    return Choices(tuple(FLAT.parameters.values())).codes(configurations)


def test_the_part_of_a_pair_is_that_of_all_coalitions():
    choices = Choices(tuple(FLAT.parameters.values()))
    rng = np.random.default_rng(4)
    data = choices.codes([FLAT.sample(rng) for _ in range(8)])
    names = list(FLAT.parameters)
    for path in paths(FLAT, 6):
        pair = path.players[:2]
        columns, (with_data, variance) = Game(path, choices).own_part(pair, data)
        assert columns == tuple(names.index(player) for player in pair)
        every = coalitions(path.players)
        codes = choices.codes([path.known(each) for each in every])
        weights = np.array([shapley_weights(path.players, pair)[each] for each in every])
        likeness = [choices.likeness(p, codes, data) for p in columns]
        np.testing.assert_allclose(with_data, weights @ (likeness[0] * likeness[1]), atol=1e-9)
        likeness = [choices.likeness(p, codes, codes) for p in columns]
        assert variance == pytest.approx(weights @ (likeness[0] * likeness[1]) @ weights)

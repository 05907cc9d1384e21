"""Attributions of trials against effects that are known because they were planted."""

import numpy as np
import pytest

from archsearch.analysis import attribution
from archsearch.analysis.attribution import attribute
from archsearch.analysis.configuration_path import ConfigurationPath
from archsearch.space import flat_space, load_space
from tests.analysis.exact_shapley import exact_shapley

SPACE = flat_space({f"p{i}": ["low", "high"] for i in range(6)})
#: planted in points: effects of 0.3 and 1.0, an interaction of 0.7, and three choices of none
EFFECTS = {"p0": 1.0, "p1": 0.3}
INTERACTION = (("p2", "p3"), 0.7)
NOISE = 0.5
BASE = dict.fromkeys(SPACE.parameters, "low")
TARGET = dict.fromkeys(SPACE.parameters, "high")


def planted(params):
    value = sum(gain for name, gain in EFFECTS.items() if params[name] == "high")
    both = all(params[name] == "high" for name in INTERACTION[0])
    return value + INTERACTION[1] * both


def search(rng, count=80):
    """Return configurations as a search would: the second half near the best of the first."""
    found = [SPACE.sample(rng) for _ in range(count // 2)]
    values = [planted(each) + NOISE * rng.normal() for each in found]
    while len(found) < count:
        best = sorted(range(len(found)), key=lambda i: -values[i])[:8]
        found.append(SPACE.mutate(found[best[int(rng.integers(8))]], rng))
        values.append(planted(found[-1]) + NOISE * rng.normal())
    return found, np.array(values)


@pytest.fixture(scope="module")
def repeated():
    """Attributions of the way from all low to all high, from 40 searches."""
    path = ConfigurationPath(SPACE, BASE, TARGET)
    return [
        attribute(path, *search(np.random.default_rng(seed)), tame_collapse=True)
        for seed in range(40)
    ]


def test_intervals_cover_planted_effects(repeated):
    truth = exact_shapley(
        lambda chosen: planted({**BASE, **dict.fromkeys(chosen, "high")}), sorted(BASE)
    )
    np.testing.assert_allclose(truth, [1.0, 0.3, 0.35, 0.35, 0.0, 0.0], atol=1e-12)
    inside = [
        low <= value <= high
        for found in repeated
        for name, value in zip(found.choices, truth, strict=True)
        for low, high in [found.of([name]).interval()]
    ]
    # 240 intervals, correlated within a search: three binomial standard errors around 95 %
    assert 0.91 <= np.mean(inside) <= 0.99
    gains = [found.total.interval() for found in repeated]
    assert np.mean([low <= 2.0 <= high for low, high in gains]) >= 0.85


def test_effects_are_found_and_chance_is_not(repeated):
    def found(name):
        return np.mean([each.of([name]).p < 0.05 for each in repeated])

    assert found("p0") == 1.0
    assert found("p4") <= 0.15
    assert found("p5") <= 0.15


def test_interactions_are_found_and_their_intervals_cover(repeated):
    planted_pair = [each.interactions[INTERACTION[0]] for each in repeated]
    others = [
        value
        for each in repeated
        for pair, value in each.interactions.items()
        if pair != INTERACTION[0]
    ]
    gap = INTERACTION[1]
    covered = [low <= gap <= high for low, high in (each.interval() for each in planted_pair)]
    assert np.mean(covered) >= 0.85
    # not pulled to 0, although the 14 others are 0
    assert np.mean([each.value for each in planted_pair]) == pytest.approx(gap, abs=0.12)
    assert 0.91 <= np.mean([each.p >= 0.05 for each in others]) <= 0.99


def test_a_collapse_is_no_effect_of_its_choices():
    rng = np.random.default_rng(0)
    observed, y = search(rng)
    broken = rng.choice(len(y), 6, replace=False)
    y[broken] = -40.0
    path = ConfigurationPath(SPACE, BASE, TARGET)
    tame = attribute(path, observed, y, tame_collapse=True)
    assert not tame.used[broken].any()
    assert tame.of(["p0"]).error < 0.3 * attribute(path, observed, y).of(["p0"]).error
    # unless the baseline is one of them
    low = ConfigurationPath(SPACE, observed[broken[0]], TARGET)
    assert attribute(low, observed, y, tame_collapse=True).used[broken].all()


def test_choices_that_come_with_another_are_credited_to_it():
    space = load_space("tiny")
    rng = np.random.default_rng(0)
    observed = [space.sample(rng) for _ in range(60)]

    def value(params):
        wide = params.get("stages.1.attention.window.window_size") == 4
        return 1.0 * (params["stages.1.attention"] == "sparse_global") + 0.5 * wide

    base = {**observed[0], "stages.1.attention": "window"}
    base |= {"stages.1.attention.window.window_size": 4}
    target = {**base, "stages.1.attention": "sparse_global"}
    path = ConfigurationPath(space, base, target)
    assert path.players == ("stages.1.attention",)
    noise = 0.01 * rng.normal(size=60)
    found = attribute(path, observed, [value(each) for each in observed] + noise)
    assert found.total.value == pytest.approx(0.5, abs=0.05)


def test_many_trials_are_reduced_to_the_most_similar(monkeypatch):
    monkeypatch.setattr(attribution, "MOST_TRIALS", 40)
    rng = np.random.default_rng(0)
    observed = [SPACE.sample(rng) for _ in range(70)]
    y = [planted(each) for each in observed] + 0.1 * rng.normal(size=len(observed))
    path = ConfigurationPath(SPACE, BASE, TARGET)
    found = attribute(path, observed, y)
    assert found.used.sum() == 40
    shared = [
        max(sum(v == end for v in each.values()) for end in ("low", "high")) for each in observed
    ]
    assert min(np.array(shared)[found.used]) >= max(np.array(shared)[~found.used])

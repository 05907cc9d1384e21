"""The composition model on networks whose truth is known."""

import numpy as np
import pytest

from archsearch.cost.latency_model import LatencyModel, Observation, PartTime, estimate_part_ms

KEYS = [f"part{index}" for index in range(20)]


def _world(rng, bias=0.0):
    """Return true times, measured times, and a way to draw networks."""
    truth = {key: float(rng.uniform(0.05, 0.5)) for key in KEYS}
    times = {
        key: PartTime(ms * (1 + bias) * (1 + 0.05 * rng.normal())) for key, ms in truth.items()
    }

    def draw(count):
        networks = []
        for _ in range(count):
            chosen = rng.choice(KEYS, size=8)
            parts = {str(key): int((chosen == key).sum()) for key in set(chosen)}
            ms = sum(n * truth[key] for key, n in parts.items())
            networks.append(Observation(parts, ms * (1 + 0.01 * rng.normal())))
        return networks

    return times, draw


def _error(model, networks):
    return float(np.mean([abs(model.predict(o.parts, {})[0] / o.ms - 1) for o in networks]))


def test_without_observations_it_is_the_sum():
    times = {"a": PartTime(1.0), "b": PartTime(0.25)}
    ms, spread = LatencyModel(times, []).predict({"a": 2, "b": 4}, {})
    assert ms == pytest.approx(3.0)
    # nothing has checked it: twice as wide
    assert 0 < spread < 1.5


def test_observations_take_out_a_common_bias():
    rng = np.random.default_rng(0)
    times, draw = _world(rng, bias=0.2)
    test = draw(50)
    assert _error(LatencyModel(times, []), test) > 0.15
    assert _error(LatencyModel(times, draw(40)), test) < 0.02


def test_more_observations_predict_better():
    rng = np.random.default_rng(1)
    times, draw = _world(rng)
    test = draw(100)
    errors = [_error(LatencyModel(times, draw(count)), test) for count in (0, 20, 200)]
    assert errors[0] > errors[1] > errors[2]


def test_intervals_cover_95_in_100():
    rng = np.random.default_rng(2)
    times, draw = _world(rng)
    model = LatencyModel(times, draw(60))
    inside = 0
    for network in draw(300):
        ms, spread = model.predict(network.parts, {})
        inside += abs(network.ms - ms) <= 1.96 * spread
    assert inside / 300 >= 0.93


def test_wrong_parts_widen_the_interval():
    rng = np.random.default_rng(3)
    times, draw = _world(rng)
    wild = {key: PartTime(time.ms * float(np.exp(rng.normal()))) for key, time in times.items()}
    assert LatencyModel(wild, draw(30)).inflation > LatencyModel(times, draw(30)).inflation


def test_inferred_parts_are_less_certain():
    model = LatencyModel({"a": PartTime(1.0)}, [])
    _, known = model.predict({"a": 3}, {})
    _, inferred = model.predict({"b": 3}, {"b": PartTime(1.0, measured=False)})
    assert inferred > known


def test_times_of_like_parts_are_inferred():
    # time grows with the product of both sizes
    known = [(np.array([a, b]), 0.001 * a * b) for a in (8.0, 16.0, 32.0) for b in (4.0, 8.0, 64.0)]
    assert estimate_part_ms(np.array([16.0, 16.0]), known) == pytest.approx(0.256, rel=0.2)
    assert estimate_part_ms(np.array([1e9, 1e9]), known) <= 4 * 0.001 * 32 * 64 * 1.001
    assert estimate_part_ms(np.array([16.0, 16.0]), []) is None
    assert estimate_part_ms(np.array([5.0, 5.0]), [(np.array([9.0, 2.0]), 0.3)]) == pytest.approx(
        0.3
    )

"""How many passes a comparison takes."""

import pytest

from archsearch.cost import COMPARE, Comparison, Levels, compare_repeatedly
from archsearch.record import LatencyResult


class MadeProbe:
    """Two networks whose log ratio is known; each process finds it with a deviation of its own."""

    def __init__(self, log_ratio, deviations):
        self.log_ratio = log_ratio
        self.deviations = list(deviations)
        self.processes = 1
        self.prepared = []

    def close(self):
        self.processes += 1

    def prepare(self, target, protocol, input_shape):
        self.prepared.append((self.processes, target, input_shape))

    def compare(self, targets, protocol, input_shapes):
        gap = self.log_ratio + self.deviations[self.processes - 1]
        result = LatencyResult(
            median_ms=1.0,
            p10_ms=1.0,
            p90_ms=1.0,
            interval_ms=(1.0, 1.0),
            num_inferences=9,
            num_warmup=1,
        )
        return Comparison((result, result), (Levels((-gap / 2, gap / 2), (0.0, 0.0), 30),))


@pytest.mark.parametrize(
    ("log_ratio", "deviations", "passes"),
    [
        # far apart: three passes tell it
        (0.3, (0.0, 0.01, -0.01), 3),
        # alike, and processes differ: nothing more is learnt
        (0.0, (0.0, 0.02, -0.02, 0.01, -0.01), 5),
    ],
)
def test_passes_go_on_until_nothing_more_is_learnt(log_ratio, deviations, passes):
    probe, held = MadeProbe(log_ratio, deviations), []

    class Quiet:
        def __enter__(self):
            held.append(probe.processes)

        def __exit__(self, *error):
            pass

    shapes = [(3, 8, 8), (3, 16, 16)]
    found = compare_repeatedly(probe, ["a", "b"], COMPARE, input_shapes=shapes, quiet=Quiet)
    assert (found.passes, probe.processes) == (passes, passes)
    assert held == list(range(1, passes + 1))
    # built in every process, each for its own images
    expected = [(p, *each) for p in held for each in zip("ab", shapes, strict=True)]
    assert probe.prepared == expected
    ratio = found.comparison.ratio(1)
    assert ratio.is_clear == (log_ratio > 0)
    assert found.comparison.results[1].median_ms / found.comparison.results[0].median_ms == (
        pytest.approx(ratio.value)
    )


def test_a_limit_on_the_passes_holds():
    assert compare_repeatedly(MadeProbe(0.3, (0.0,)), ["a", "b"], COMPARE, most=1).passes == 1

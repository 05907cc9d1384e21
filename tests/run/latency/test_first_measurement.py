"""What a busy machine makes of a candidate before training is no proof."""

from collections.abc import Sequence

import pytest

from archsearch.arch import Arch
from archsearch.errors import TrialError
from archsearch.record import LatencyResult
from archsearch.run.latency.first_measurement import FirstMeasurement, first_measurements
from tests.analysis.made_records import ARCH
from tests.run.conftest import result
from tests.run.final.test_front_evaluation import guess

LIMIT_MS = 10.0


class Answers:
    """Gives one answer after the other; counts the questions."""

    def __init__(self, *answers: LatencyResult | TrialError) -> None:
        self.answers = list(answers)
        self.asked = 0

    def measure(self, archs: Sequence[Arch]) -> list[LatencyResult | TrialError]:
        self.asked += len(archs)
        return [self.answers.pop(0) for _ in archs]


@pytest.mark.parametrize(
    ("answers", "is_over", "asked"),
    [
        # a measurement decides at once
        ([result(9.0)], False, 1),
        ([result(11.0)], True, 1),
        # a guess within the budget loses nobody
        ([guess(9.0)], False, 1),
        # one over it is looked at again, and the measurement decides
        ([guess(51.8), result(1.5)], False, 2),
        ([guess(51.8), result(12.0)], True, 2),
        # two guesses decide by the lower end of the better known, and by nothing without one
        ([guess(51.8), guess(38.3)], False, 2),
        ([guess(51.8), guess(12.0, (9.0, 14.0))], False, 2),
        ([guess(51.8), guess(14.0, (11.0, 15.0))], True, 2),
        ([guess(12.0, (9.0, 14.0)), guess(30.0, (20.0, 40.0))], False, 2),
        ([guess(51.8), TrialError("no memory")], False, 2),
    ],
)
def test_guesses_prove_nothing(
    answers: list[LatencyResult | TrialError], is_over: bool, asked: int
) -> None:
    measurer = Answers(*answers)
    (look,) = first_measurements(measurer, [ARCH], LIMIT_MS)
    assert isinstance(look, FirstMeasurement)
    assert look.is_over(LIMIT_MS) == is_over
    assert measurer.asked == asked
    if is_over:
        assert "10 ms" in look.reason(LIMIT_MS)


def test_without_a_limit_nothing_is_repeated() -> None:
    measurer = Answers(guess(51.8), TrialError("broken"))
    looks = first_measurements(measurer, [ARCH, ARCH], None)
    assert measurer.asked == 2
    assert isinstance(looks[1], TrialError)

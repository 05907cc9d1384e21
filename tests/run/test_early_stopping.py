import math

import pytest

from archsearch.record import EpochMetrics
from archsearch.run.early_stopping import DominanceRule, Rival, clearly_dominated


def curve(*accuracies: float) -> list[EpochMetrics]:
    return [
        EpochMetrics(epoch=i, train_loss=1, accuracy=a, val_loss=1, seconds=1, images_per_s=1)
        for i, a in enumerate(accuracies, 1)
    ]


RIVAL = Rival(trial=3, latency_ms=2.0, accuracies=(0.5, 0.8, 0.9))


@pytest.mark.parametrize(
    ("accuracy", "epoch", "latency_ms", "dominated"),
    [
        (0.60, 2, 2.5, True),
        (0.60, 2, 2.0, True),  # equal latency is no excuse
        (0.60, 2, 1.9, False),  # faster than the rival
        (0.79, 2, 2.5, False),  # within the noise of 400 images
        (0.60, 4, 2.5, False),  # the rival never reached that epoch
        (0.85, 3, 2.5, False),
    ],
)
def test_only_what_is_slower_and_worse_beyond_noise_is_dominated(
    accuracy: float, epoch: int, latency_ms: float, dominated: bool
) -> None:
    found = clearly_dominated(accuracy, epoch, latency_ms, [RIVAL], num_images=400)
    assert (found is RIVAL) == dominated


def test_the_margin_is_z_standard_errors_of_a_difference_of_proportions() -> None:
    n, theirs = 400, 0.8
    low, high = 0.0, theirs
    for _ in range(60):  # bisect for the accuracy at which the verdict changes
        middle = (low + high) / 2
        if clearly_dominated(middle, 2, 3.0, [RIVAL], n, z=2.5):
            low = middle
        else:
            high = middle
    expected = 2.5 * math.sqrt((low * (1 - low) + theirs * (1 - theirs)) / n)
    assert theirs - low == pytest.approx(expected, rel=1e-9)


def test_rule_waits_for_the_first_epochs_and_spares_the_last_third() -> None:
    rule = DominanceRule(num_images=400, num_epochs=6)
    rule.expect(7, latency_ms=3.0)
    rule.finished(3, 2.0, curve(0.9, 0.9, 0.9, 0.9, 0.9, 0.9))
    stops = [bool(rule.reason(7, curve(*[0.1] * epoch))) for epoch in range(1, 7)]
    assert stops == [False, True, True, True, False, False]


def test_reason_names_the_rival_and_both_numbers() -> None:
    rule = DominanceRule(num_images=400, num_epochs=6)
    rule.expect(7, latency_ms=3.0)
    rule.finished(3, 2.0, curve(0.5, 0.8, 0.9))
    assert rule.reason(7, curve(0.2, 0.25)) == (
        "dominated by trial 3: 25.0 % against 80.0 % after epoch 2, at 3.00 ms against 2.00 ms"
    )

import pytest
from torch import nn

from archsearch.train.batch_norm import follow_statistics


@pytest.mark.parametrize(
    ("steps", "momentum"), [(1, 0.5), (18, 0.292), (30, 0.187), (60, 0.1), (1000, 0.1)]
)
def test_an_epoch_replaces_the_statistics(steps, momentum):
    model = nn.Sequential(nn.BatchNorm2d(2), nn.BatchNorm2d(2, momentum=None), nn.LayerNorm(2))
    follow_statistics(model, steps)
    assert model[0].momentum == pytest.approx(momentum, abs=1e-3)
    assert model[1].momentum is None
    if 9 < steps < 60:
        assert (1 - model[0].momentum) ** steps == pytest.approx(0.002)


def test_a_higher_momentum_is_kept():
    norm = nn.BatchNorm1d(2, momentum=0.9)
    follow_statistics(norm, 10)
    assert norm.momentum == 0.9

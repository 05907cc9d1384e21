"""From the times of parts to the time of a whole network: a small linear model with a prior.

A network takes the sum of its parts, each as often as it stands there. The measured time of a
part is the mean of its prior, and measured whole networks correct it: Bayesian linear regression,
in closed form. An overall scale and a constant absorb the common error of clocks inside a network.
Inferences with clocks inside, in one state of the machine, rank networks, but do not show their
latency: such observations have a scale of their own, and whole networks alone give the level.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

#: prior standard deviations: of a part's time, as a share of it, when it was measured and when
#: its time is inferred from parts like it; of the scale; of the constant, in milliseconds
_MEASURED_SHARE = 0.1
_INFERRED_SHARE = 0.4
_SMALLEST_MS = 0.002
SAME_SCALE, OTHER_SCALE = 0.15, 1.0
_CLOCKED_SCALE = 0.3
_CONSTANT_MS = 0.1
#: noise of one network that was measured on a quiet machine, as a share of its latency
NOISE_SHARE = 0.015
#: and of one that was measured otherwise (docs/decisions.md)
NOISY_SHARE = 0.07
_MIN_SCORES = 8
#: how much wider intervals are until this many networks have checked them
_UNCHECKED = 2.0


@dataclass(frozen=True)
class PartTime:
    """Time of one part inside a network.

    Attributes:
        ms: its best known time.
        measured: it was measured; else it is inferred from parts like it.
    """

    ms: float
    measured: bool = True

    @property
    def spread_ms(self) -> float:
        """Prior standard deviation."""
        share = _MEASURED_SHARE if self.measured else _INFERRED_SHARE
        return share * self.ms + _SMALLEST_MS


@dataclass(frozen=True)
class Observation:
    """A whole network that was measured.

    Attributes:
        parts: key to how often the part stands in it.
        ms: its latency.
        held_out: none of the times of its parts come from this network.
        noise_share: standard error of ``ms``, as a share of it.
    """

    parts: Mapping[str, int]
    ms: float
    held_out: bool = True
    noise_share: float = NOISE_SHARE

    @property
    def clocked(self) -> bool:
        """Whether it was timed beside clocks around its parts."""
        return not self.held_out


class LatencyModel:
    """Predicts whole networks; fitted when it is made.

    Args:
        times: key to the time of a part, for every part of ``observations``.
        observations: whole networks that were measured.
        scale_share: prior standard deviation of the overall scale; large when parts were
            measured in another runtime than networks.
    """

    def __init__(
        self,
        times: Mapping[str, PartTime],
        observations: Sequence[Observation],
        scale_share: float = SAME_SCALE,
    ) -> None:
        self._scale_share = scale_share
        self._times = times
        self._observations = observations
        self._index = {
            key: place
            for place, key in enumerate(sorted({key for o in observations for key in o.parts}))
        }
        self.inflation = _UNCHECKED
        whole = [each.noise_share for each in observations if each.held_out]
        #: of the measurement that a prediction is for
        self._noise_share = median(whole) if whole else NOISE_SHARE
        if observations:
            self._fit()

    def _fit(self) -> None:
        """Solve for the corrections, in units of each network's latency."""
        known = np.array([o.ms for o in self._observations])
        rows = np.stack([self._row(o.parts, clocked=o.clocked)[0] for o in self._observations])
        rows /= known[:, None]
        sums = np.array([self._sum(o.parts) for o in self._observations])
        residual = (known - sums) / known
        noise = np.array([o.noise_share**2 for o in self._observations])
        covariance = rows @ rows.T + np.diag(noise)
        self._inverse = np.linalg.inv(covariance)
        self._rows = rows
        self._weights: Vector = self._inverse @ residual
        # leave-one-out errors in closed form, in their own predicted standard deviations
        spread = 1 / np.diag(self._inverse)
        scores = np.abs(self._weights * spread) / np.sqrt(spread)
        honest = np.array([o.held_out for o in self._observations])
        if honest.sum() >= _MIN_SCORES:
            self.inflation = float(max(1.0, np.quantile(scores[honest], 0.95) / 1.96))

    def left_out_errors(self) -> list[float]:
        """Return the relative errors on held-out networks, each predicted from all the others."""
        errors = np.abs(self._weights / np.diag(self._inverse))
        pairs = zip(self._observations, errors, strict=True)
        return [float(error) for observation, error in pairs if observation.held_out]

    def predict(
        self, parts: Mapping[str, int], extra: Mapping[str, PartTime]
    ) -> tuple[float, float]:
        """Return the expected latency and its standard deviation in milliseconds.

        Args:
            parts: key to how often the part stands in the network.
            extra: times of those parts that ``times`` does not have.
        """
        total = self._sum(parts, extra)
        row, unseen = self._row(parts, extra)
        variance = float(row @ row) + unseen
        mean = total
        if self._observations:
            cross = self._rows @ row
            mean += float(cross @ self._weights)
            variance -= float(cross @ self._inverse @ cross)
        mean = max(mean, 0.1 * total)
        return mean, self.inflation * float(
            np.sqrt(max(variance, 0) + (self._noise_share * mean) ** 2)
        )

    def _time(self, key: str, extra: Mapping[str, PartTime] | None = None) -> PartTime:
        known = self._times.get(key)
        if known is None and extra is not None:
            known = extra.get(key)
        return known or PartTime(0.0, measured=False)

    def _sum(self, parts: Mapping[str, int], extra: Mapping[str, PartTime] | None = None) -> float:
        return sum(count * self._time(key, extra).ms for key, count in parts.items())

    def _row(
        self,
        parts: Mapping[str, int],
        extra: Mapping[str, PartTime] | None = None,
        clocked: bool = False,
    ) -> tuple[Vector, float]:
        """Return the features in prior standard deviations, and the variance of unseen parts."""
        row = np.zeros(len(self._index) + 3)
        row[-1] = _CONSTANT_MS
        row[-3] = _CLOCKED_SCALE * self._sum(parts, extra) if clocked else 0.0
        row[-2] = self._scale_share * self._sum(parts, extra)
        unseen = 0.0
        for key, count in parts.items():
            spread = count * self._time(key, extra).spread_ms
            place = self._index.get(key)
            if place is None:
                unseen += spread**2
            else:
                row[place] = spread
        return row, unseen


def estimate_part_ms(features: Vector, known: Sequence[tuple[Vector, float]]) -> float | None:
    """Return the time that parts of one role suggest for a part with these features.

    Logarithms of times over logarithms of sizes: a straight line through what is known, drawn
    towards the median when little is known. None when nothing is known.
    """
    if not known:
        return None
    logs = np.log([max(ms, 1e-4) for _, ms in known])
    middle = float(np.median(logs))
    points = np.log(np.stack([each for each, _ in known]))
    center = points.mean(axis=0)
    slopes = np.linalg.solve(
        (points - center).T @ (points - center) + np.eye(points.shape[1]),
        (points - center).T @ (logs - middle),
    )
    offset = float((logs - (points - center) @ slopes).mean())
    guess: Any = np.exp(offset + (np.log(features) - center) @ slopes)
    return float(np.clip(guess, np.exp(logs.min()) / 4, np.exp(logs.max()) * 4))

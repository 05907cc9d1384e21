"""A measured latency, the ratio of two, and a predicted one."""

import math
from statistics import NormalDist
from typing import Any, Literal

from pydantic import AliasChoices, Field, model_validator

from archsearch.arch import Spec

Verdict = Literal["steady", "noisy", "rejected"]
#: of an estimate: the true value is as likely above as below
EVEN_CHANCE = 0.5


class LatencyResult(Spec):
    """Latency of one network and the protocol behind it.

    Attributes:
        median_ms: estimate of an inference on a machine that does nothing else: median of the
            faster half of the blocks, joined with measurements of the day that agree.
        own_ms: the part of this measurement in it; None in results of earlier versions.
        measurements: measurements behind the estimate.
        p10_ms: 10th percentile of single inferences.
        p90_ms: 90th percentile of single inferences.
        interval_ms: predicts the estimate of an independent measurement of the same network, in
            another process at another time. It aims at a coverage of 95 %; ``docs/latency.md`` has
            the coverage that was counted. None with fewer than 6 blocks.
        num_inferences: timed inferences behind it.
        num_warmup: inferences before the clock started.
        batch_size: images per inference.
        threads: intra-op threads.
        dtype: ``float32``, ``bfloat16``, ``float16`` or ``int8``.
        memory_format: ``channels_last`` or ``contiguous``.
        runtime: ``eager``, ``compiled``, ``cuda_graph``, ``onnxruntime``, ``openvino``,
            ``litert``.
        device: product name of the device.
        environment: fingerprint of the `Environment`.
        reference_ratio: latency over that of the interleaved reference network.
        reference_drift: reference latency over its calibration, minus 1.
        disturbed_share: of the blocks, those beside which the reference was slow, or that were
            descheduled; None in results of earlier versions.
        others_cores: cores that other processes kept busy meanwhile.
        steal_share: of the time of all cores, what the host of a virtual machine gave to others.
        verdict: how wide the interval is: ``steady`` up to 15 % on either side, ``noisy`` up to
            35 %, ``rejected`` beyond: the number is a guess.
        fallbacks: operators that the runtime ran by a fallback, with the block of each.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    interval_ms: tuple[float, float] | None
    num_inferences: int
    num_warmup: int
    batch_size: int = 1
    threads: int = 1
    dtype: str = "float32"
    memory_format: str = "channels_last"
    runtime: str = "eager"
    device: str = ""
    environment: str = ""
    reference_ratio: float | None = None
    reference_drift: float | None = None
    disturbed_share: float | None = None
    others_cores: float | None = None
    steal_share: float | None = None
    verdict: Verdict = "steady"
    own_ms: float | None = None
    fallbacks: tuple[str, ...] = ()
    measurements: int = Field(1, validation_alias=AliasChoices("measurements", "sittings"))

    @model_validator(mode="before")
    @classmethod
    def _unknown_spread(cls, data: Any) -> Any:
        """Read the width of zero that earlier versions wrote for a single block as unknown."""
        if isinstance(data, dict) and data.get("verdict", "steady") != "steady":
            ends = data.get("interval_ms")
            if ends is not None and len(ends) == 2 and ends[0] >= ends[1]:
                return {**data, "interval_ms": None}
        return data

    @property
    def alone_ms(self) -> float:
        """Estimate of this measurement, not joined with others of the day."""
        return self.median_ms if self.own_ms is None else self.own_ms

    @property
    def is_guess(self) -> bool:
        """Whether it was rejected: it shows neither that a budget is kept nor that it is not."""
        return self.verdict == "rejected"

    @property
    def at_least_ms(self) -> float | None:
        """What the network takes at least: the interval's lower end; None where that is unknown."""
        return None if self.is_guess or self.interval_ms is None else self.interval_ms[0]

    @property
    def claimed_ms(self) -> float | None:
        """Latency compared with a budget before training: the median.

        Of a guess only the lower end of the interval; None where that is unknown.
        """
        if not self.is_guess:
            return self.median_ms
        return self.interval_ms[0] if self.interval_ms is not None else None

    @property
    def at_most_ms(self) -> float | None:
        """Latency by which the network dominates others: the median.

        Of a guess the upper end of the interval; None where that is unknown.
        """
        if not self.is_guess:
            return self.median_ms
        return self.interval_ms[1] if self.interval_ms is not None else None

    def bound_ms(self, confidence: float) -> float:
        """Return the quantile of another measurement at ``confidence``, computed from the interval.

        At 0.5 that is the estimate, at 0.975 the upper end of the interval; between them the
        logarithm is taken to be normal. Infinite where the spread is unknown, above 0.5.
        """
        if confidence == EVEN_CHANCE:
            return self.median_ms
        if self.interval_ms is None:
            return math.inf
        share = NormalDist().inv_cdf(confidence) / NormalDist().inv_cdf(0.975)
        return float(self.median_ms * (self.interval_ms[1] / self.median_ms) ** share)

    def budgeted_ms(self, confidence: float = EVEN_CHANCE) -> float | None:
        """Return what counts against a budget before training.

        Of a guess, unless more than an even chance is asked for, only the lower end of the
        interval; None where that is unknown.
        """
        if self.is_guess and confidence == EVEN_CHANCE:
            return self.claimed_ms
        return self.bound_ms(confidence)

    def is_over(self, limit_ms: float | None, confidence: float = EVEN_CHANCE) -> bool:
        """Whether the network counts as slower than ``limit_ms`` after training.

        With an even chance, a steady estimate decides; another one only where its whole interval
        lies over the limit, and a guess not at all. Where more is asked for, all that does not
        stay below the limit with this confidence is over it.
        """
        if limit_ms is None:
            return False
        if confidence > EVEN_CHANCE:
            return self.bound_ms(confidence) > limit_ms
        least = self.median_ms if self.verdict == "steady" else self.at_least_ms
        return least is not None and least > limit_ms

    def crosses(self, limit_ms: float | None) -> bool:
        """Whether the network may take longer than ``limit_ms``.

        That is where ``limit_ms`` lies in the interval, or a guess lies over it.
        """
        if limit_ms is None or self.is_over(limit_ms):
            return False
        return (self.median_ms if self.interval_ms is None else self.interval_ms[1]) > limit_ms


def better_known(first: LatencyResult | None, final: LatencyResult | None) -> LatencyResult | None:
    """Return which of two measurements of one network counts: the final one, unless it is a guess.

    A guess replaces nothing, not even another one: a network would leave the front by it.
    """
    if first is None or final is None:
        return final or first
    return first if final.is_guess else final


class LatencyRatio(Spec):
    """Latency of one network over that of another, measured together by turns.

    Attributes:
        value: by paired blocks.
        interval: predicts the ratio of another comparison, and aims at a coverage of 95 %
            (``docs/latency.md``). None with fewer than 6 rounds.
    """

    value: float
    interval: tuple[float, float] | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the two can be told apart: the interval is known and does not hold 1."""
        return self.interval is not None and not self.interval[0] <= 1.0 <= self.interval[1]

    def inverse(self) -> "LatencyRatio":
        """Return the ratio the other way round."""
        ends = self.interval
        return LatencyRatio(
            value=1 / self.value, interval=(1 / ends[1], 1 / ends[0]) if ends is not None else None
        )


class LatencyPrediction(Spec):
    """Latency that the table predicted before any measurement.

    Attributes:
        ms: expected latency.
        interval_ms: range expected of a first measurement.
        known_share: share of the latency that measured parts make up, 0 to 1.
    """

    ms: float
    interval_ms: tuple[float, float]
    known_share: float = 1.0

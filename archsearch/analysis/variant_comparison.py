"""Variants against their base over paired seeds: differences, intervals, verdicts."""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

from archsearch.analysis.interval_methods import ByImages, IntervalMethod, Own, Pooled, binomial_sd
from archsearch.analysis.seed_spread import spread_of
from archsearch.errors import InputError, Problem, nearest

Verdict = Literal["better", "worse", "not distinguishable", "more seeds"]
#: power with which the added seeds find a difference as large as the observed one
POWER = 0.8


class Compared(NamedTuple):
    """One variant against the base. Accuracies and differences are shares, 0 to 1.

    Attributes:
        name: of the variant.
        num_seeds: its trainings.
        num_pairs: seeds that the base has too; the difference is about these.
        mean: mean accuracy over its seeds.
        sd: standard deviation over its seeds; None with one.
        difference: mean of variant minus base over the pairs.
        interval: of the difference, simultaneous over all variants; infinite when unknown.
        p: adjusted for the number of variants.
        verdict: ``more seeds`` when some more would settle a difference of the observed size.
        more_seeds: how many, for variant and base; None when the verdict needs none.
        power_gap: true difference that this many seeds find with 80 % power.
    """

    name: str
    num_seeds: int
    num_pairs: int
    mean: float
    sd: float | None
    difference: float
    interval: tuple[float, float]
    p: float
    verdict: Verdict
    more_seeds: int | None
    power_gap: float

    @property
    def verdict_text(self) -> str:
        """The verdict in words."""
        if self.verdict != "more seeds":
            return self.verdict
        count = self.more_seeds or 1
        return f"needs about {count} more seed{'s' if count > 1 else ''}"


class Comparison(NamedTuple):
    """All variants against the base.

    Attributes:
        base: its name.
        base_seeds: its trainings.
        base_mean: its mean accuracy.
        base_sd: standard deviation over its seeds; None with one.
        variants: in the order given; those without a seed in common with the base are left out.
        left_out: their names.
        noise: standard deviation of one training's accuracy that the intervals rest on; None when
            each variant has its own.
        df: degrees of freedom behind it.
        image_half: half a 95 % interval of a difference for the choice of images, independent
            counts assumed: more seeds do not shrink it; None when their number is unknown.
        method: how the intervals were made, in sentences.
    """

    base: str
    base_seeds: int
    base_mean: float
    base_sd: float | None
    variants: tuple[Compared, ...]
    left_out: tuple[str, ...]
    noise: float | None
    df: float
    image_half: float | None
    method: str


def compare(
    accuracies: Mapping[str, Mapping[int, float]],
    base: str,
    *,
    num_images: int | None = None,
    confidence: float = 0.95,
    looks: int = 1,
    most_seeds: int = 10,
    from_seeds: bool = False,
) -> Comparison:
    """Compare each variant with the base over the seeds that both have.

    The noise between seeds is pooled over all networks, in a model of variant plus seed, and the
    intervals are Dunnett's (max-t): together they hold all true differences with probability
    ``confidence``. Where the networks' spreads differ (Cochran's test at 5 %), each variant has a
    t interval of its own pairs with Bonferroni's correction instead. Where every network has one
    seed, the noise is known from the number of images alone: Newcombe's intervals, Bonferroni.

    Args:
        accuracies: name to seed to accuracy (0 to 1).
        base: name of the base.
        num_images: images behind each accuracy; None when unknown.
        confidence: of all intervals together.
        looks: number of interim analyses that decide on more seeds; each gets an equal part of
            the error.
        most_seeds: limit on added seeds.
        from_seeds: refuse to fall back on the count of images.

    Raises:
        InputError: no such base, nothing to compare, or too few seeds for any interval.
    """
    left_out, variants = _choose(accuracies, base)
    level = 1.0 - (1.0 - confidence) / looks
    pairs = {name: sorted(set(accuracies[name]) & set(accuracies[base])) for name in variants}
    gaps = {
        name: [accuracies[name][seed] - accuracies[base][seed] for seed in seeds]
        for name, seeds in pairs.items()
    }
    spread = spread_of({name: accuracies[name] for name in (base, *variants)}, num_images)
    problem = Problem(
        "seeds",
        "intervals need at least 2 seeds of the base and a variant",
        max(map(len, pairs.values())),
        "train more seeds",
    )
    method: IntervalMethod
    if spread is None:
        if from_seeds or num_images is None:
            raise InputError(problem)
        method = ByImages(accuracies, base, variants, num_images, level)
    elif spread.equal:
        method = Pooled(spread, pairs, level)
    else:
        method = Own(spread, gaps, level)
    rows = tuple(_row(name, accuracies[name], gaps[name], method, most_seeds) for name in variants)
    mean = float(np.mean(list(accuracies[base].values())))
    return Comparison(
        base=base,
        base_seeds=len(accuracies[base]),
        base_mean=mean,
        base_sd=_sd(accuracies[base]),
        variants=rows,
        left_out=left_out,
        noise=method.noise,
        df=method.df,
        image_half=_image_half(mean, num_images),
        method=method.method + _level_text(confidence, looks),
    )


def _choose(
    accuracies: Mapping[str, Mapping[int, float]], base: str
) -> tuple[tuple[str, ...], list[str]]:
    if base not in accuracies:
        raise InputError(
            Problem("base", "must be one of the networks", base, nearest(base, accuracies))
        )
    others = [name for name in accuracies if name != base]
    known = [name for name in others if set(accuracies[name]) & set(accuracies[base])]
    if not known:
        raise InputError(Problem(base, "no variant has a seed in common with the base"))
    return tuple(name for name in others if name not in known), known


def _row(
    name: str, own: Mapping[int, float], gaps: list[float], method: IntervalMethod, most_seeds: int
) -> Compared:
    gap = float(np.mean(gaps))
    low, high = method.interval(name, gap)
    verdict: Verdict = "better" if low > 0 else "worse" if high < 0 else "not distinguishable"
    more = None
    # one seed gives no estimate of the noise to plan with
    if verdict == "not distinguishable" and not isinstance(method, ByImages):
        needed = (k for k in range(1, most_seeds + 1) if method.power(name, gap, k) >= POWER)
        more = next(needed, None)
        verdict = "more seeds" if more else verdict
    return Compared(
        name=name,
        num_seeds=len(own),
        num_pairs=len(gaps),
        mean=float(np.mean(list(own.values()))),
        sd=_sd(own),
        difference=gap,
        interval=(low, high),
        p=method.p(name, gap),
        verdict=verdict,
        more_seeds=more,
        power_gap=_power_gap(method, name, (high - low) / 2.0),
    )


def _power_gap(method: IntervalMethod, name: str, half: float) -> float:
    """Return the difference that is found with the given power, by bisection."""
    low, high = 0.0, max(half, 1e-9)
    while method.power(name, high, 0) < POWER:
        low, high = high, 2.0 * high
    for _ in range(30):
        middle = (low + high) / 2.0
        low, high = (middle, high) if method.power(name, middle, 0) < POWER else (low, middle)
    return high


def _image_half(share: float, num_images: int | None) -> float | None:
    if num_images is None:
        return None
    return NormalDist().inv_cdf(0.975) * math.sqrt(2.0) * binomial_sd(share, num_images)


def _sd(values: Mapping[int, float]) -> float | None:
    return float(np.std(list(values.values()), ddof=1)) if len(values) > 1 else None


def _level_text(confidence: float, looks: int) -> str:
    text = f"; {100 * confidence:g} % for all variants together"
    return f"{text}, shared between {looks} looks at the verdicts." if looks > 1 else f"{text}."

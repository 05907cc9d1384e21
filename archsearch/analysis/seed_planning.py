"""How many seeds an ablation needs, from the spread of a pilot."""

import math
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from archsearch.ablation_record import AblationRecord
from archsearch.analysis.interval_methods import binomial_sd
from archsearch.analysis.max_t import MaxT, power
from archsearch.analysis.seed_spread import spread_of
from archsearch.errors import InputError, Problem

#: differences in accuracy that a plan is made for, as shares
DIFFERENCES = (0.005, 0.01, 0.02, 0.05)
#: chance that a difference of that size is found
POWER = 0.8
#: the spread is this sure to be below the upper one that a plan is made with
SURE = 0.8
#: no plan asks for more
MOST_SEEDS = 200


class PlannedSeeds(NamedTuple):
    """What one difference takes.

    Attributes:
        difference: true difference to the base, as a share.
        seeds: of every network, at the pilot's spread; None for more than `MOST_SEEDS`.
        safe_seeds: the same at the upper end of the spread, which the true one is below with 80 %.
        hours: training time of ``seeds`` of every network, one after the other; None if unknown.
    """

    difference: float
    seeds: int | None
    safe_seeds: int | None
    hours: float | None


class SeedPlan(NamedTuple):
    """Seeds for several differences.

    Attributes:
        rows: smallest difference first.
        noise: standard deviation of one accuracy between seeds, as a share.
        df: degrees of freedom behind it.
        equal: whether the networks' spreads agree.
        networks: that are trained, the base included.
        image_half: half a 95 % interval of a difference for the choice of images, counts taken as
            independent: more seeds do not shrink it.
    """

    rows: tuple[PlannedSeeds, ...]
    noise: float
    df: float
    equal: bool
    networks: int
    image_half: float


def seed_plan(record: AblationRecord, networks: int = 0) -> SeedPlan:
    """Plan an ablation of the record's networks by the spread that its trainings show.

    Args:
        record: with at least two seeds of the base and a variant.
        networks: that the plan is for, the base included; 0 for those of the record.

    Raises:
        InputError: no spread is known.
    """
    accuracies = {each.name: each.accuracies for each in record.variants if each.accuracies}
    spread = spread_of(accuracies, record.num_images)
    if spread is None:
        rule = "needs a pilot: two seeds of two networks"
        remedy = "run the study with --seeds 2 first, with --only for few of its variants"
        raise InputError(Problem("--plan", rule, remedy=remedy))
    noise = math.sqrt(spread.pooled)
    # chi-squared: the true variance is below this with the stated chance
    upper = noise * math.sqrt(spread.df / float(chi2.ppf(1 - SURE, spread.df)))
    count = networks or len(record.variants)
    times = [
        sum(epoch.seconds for epoch in curve)
        for each in record.variants
        for curve in each.curves.values()
    ]
    seconds = float(np.mean(times)) * count if times else None

    def row(difference: float) -> PlannedSeeds:
        seeds = seeds_needed(difference, noise, count)
        hours = None if seeds is None or seconds is None else seeds * seconds / 3600
        return PlannedSeeds(difference, seeds, seeds_needed(difference, upper, count), hours)

    base = accuracies.get(record.base, {})
    share = float(np.mean(list(base.values()))) if base else 0.5
    half = 1.96 * math.sqrt(2) * binomial_sd(share, record.num_images)
    rows = tuple(map(row, DIFFERENCES))
    return SeedPlan(rows, noise, spread.df, spread.equal, count, half)


def seeds_needed(difference: float, noise: float, networks: int) -> int | None:
    """Return how many seeds of every network find a true difference with 80 % power.

    The test is that of the ablation's table: max-t over all variants, with the spread pooled over
    variant plus seed.

    Args:
        difference: of one variant to the base, as a share.
        noise: standard deviation of one accuracy between seeds.
        networks: the base included.

    Returns:
        None for more than `MOST_SEEDS`.
    """
    correlation = np.full((networks - 1, networks - 1), 0.5)
    np.fill_diagonal(correlation, 1.0)
    largest = MaxT(correlation)

    def is_enough(seeds: int) -> bool:
        df = float((seeds - 1) * (networks - 1))
        error = max(noise, 1e-12) * math.sqrt(2.0 / seeds)
        return power(difference, error, df, largest.critical(df)) >= POWER

    # with a known spread it were this many; few steps are left from there
    z = largest.critical(math.inf) + 0.8416
    seeds = max(2, math.ceil(2 * (z * noise / difference) ** 2))
    while seeds <= MOST_SEEDS and not is_enough(seeds):
        seeds += 1
    while 2 < seeds <= MOST_SEEDS and is_enough(seeds - 1):
        seeds -= 1
    return seeds if seeds <= MOST_SEEDS else None

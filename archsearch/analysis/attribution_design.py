"""Which trainings make an attribution clearer, and whether its order is settled."""

from collections.abc import Collection

import numpy as np

from archsearch.analysis.attribution import Attribution, FittedPath
from archsearch.analysis.choice_effects import Floats
from archsearch.analysis.choice_model import effective_df

#: contributions whose order is to be settled
FIRST = 3
#: chance of the order from which on it counts as settled
SETTLED = 0.95
#: draws behind that chance
_DRAWS = 20_000


def most_informative(
    fitted: FittedPath, number: int, allowed: Collection[frozenset[str]]
) -> list[frozenset[str]]:
    """Return the sets of players whose mixtures to train, the most informative first.

    Each next training is the one that shrinks the widest interval most, given those before it. How
    much it shrinks does not depend on what it will reach, so all can be chosen beforehand. A
    mixture may be chosen again: for another seed.

    Args:
        fitted: the model so far.
        number: trainings.
        allowed: sets of players to choose from.
    """
    path, model, game = fitted.path, fitted.model, fitted.game
    sets = list(allowed)
    codes = model.choices.codes([path.known(each) for each in sets])
    cross, prior = game.covariances(path.singles, model.codes)
    with_sets, _ = game.covariances(path.singles, codes)
    series, among = model.series(codes, model.codes), model.series(codes, codes)
    rows = [np.concatenate([prior, with_sets], axis=1)]
    rows.append(np.concatenate([with_sets.transpose(1, 0, 2), among], axis=1))
    both = np.concatenate(rows, axis=0)
    covariance = model.ask(np.concatenate([cross, series], axis=0), both).covariance
    values, noise = len(path.players), model.noise**2
    chosen = []
    for _ in range(number):
        widest = int(np.argmax(np.diag(covariance)[:values]))
        gains = covariance[widest, values:] ** 2 / (np.diag(covariance)[values:] + noise)
        best = values + int(np.argmax(gains))
        chosen.append(sets[best - values])
        column = covariance[:, best]
        covariance = covariance - np.outer(column, column) / (column[best] + noise)
    return chosen


def order_is_settled(found: Attribution) -> bool:
    """Return whether the largest three contributions come in this order with a chance of 95 %.

    By draws from the posterior: that each of the three is larger, in size, than all after it.
    """
    return order_chance(found) >= SETTLED


def order_chance(found: Attribution) -> float:
    """Return the chance that the largest three contributions are those, in this order."""
    order = np.argsort(-np.abs(found.mean))
    rng = np.random.default_rng(0)
    sizes, axes = np.linalg.eigh(found.covariance)
    root = axes * np.sqrt(np.maximum(sizes, 0.0))
    df = effective_df(found.weights)
    spread: Floats = np.sqrt(df / rng.chisquare(df, (_DRAWS, len(df))))
    drawn = np.abs(found.mean + spread * (rng.standard_normal((_DRAWS, len(order))) @ root.T))
    right = np.ones(_DRAWS, dtype=bool)
    for place in range(min(FIRST, len(order) - 1)):
        rest = drawn[:, order[place + 1 :]].max(axis=1)
        right &= drawn[:, order[place]] > rest
    return float(right.mean())

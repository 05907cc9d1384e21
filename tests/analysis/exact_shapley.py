"""Shapley values and interaction indices from every coalition: slow, and plain to see."""

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np


def coalitions(players):
    """Return every subset of the players, the empty one first."""
    return [frozenset(c) for size in range(len(players) + 1) for c in combinations(players, size)]


def shapley_weights(players, asked):
    """Return by coalition the weight with which its worth counts for a set of players.

    For one player that is its Shapley value; for two their Shapley interaction index (Grabisch and
    Roubens 1999).
    """
    n, k = len(players), len(asked)
    found = dict.fromkeys(coalitions(players), 0.0)
    rest = [player for player in players if player not in asked]
    for outside in coalitions(rest):
        s = len(outside)
        share = math.factorial(s) * math.factorial(n - s - k) / math.factorial(n - k + 1)
        for inside in coalitions(sorted(asked)):
            found[outside | inside] += share * (-1) ** (k - len(inside))
    return found


def exact_shapley(worth: Callable[[frozenset[str]], float], players) -> np.ndarray:
    """Return the Shapley value of each player."""
    known = {each: worth(each) for each in coalitions(players)}
    return np.array(
        [
            sum(weight * known[each] for each, weight in shapley_weights(players, {p}).items())
            for p in players
        ]
    )

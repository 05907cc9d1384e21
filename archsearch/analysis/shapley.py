"""Shapley values of the difference between two configurations, with their posterior.

The players are the parameters of which both configurations have a value, and not the same. A
coalition is the configuration that has the players' values from the target, and all else from the
baseline; parameters that only one of the two has come with the choice that switches them on.

The Shapley value of player i is the integral over q from 0 to 1 of the derivative, by i's own
probability, of the mean over coalitions that every player joins with probability q (Owen,
Management Science 18, 1972); the interaction index of two players is that of the second derivative
(Grabisch and Roubens, Int. J. Game Theory 28, 1999). The integrand is a polynomial of a degree
below the number of players, which Gauss-Legendre quadrature integrates exactly, so no coalition has
to be listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.legendre import leggauss

from archsearch.analysis.choice_effects import (
    Choices,
    Codes,
    Floats,
    times,
)
from archsearch.analysis.configuration_path import ConfigurationPath


@dataclass(frozen=True)
class _Cluster:
    """Players whose parameters decide together, with their own columns.

    Attributes:
        players: almost always one.
        columns: of the codes, that depend on these players and on no others.
        codes: (2 ** players, P) of the mixtures; bit i of the place says that player i joined.
    """

    players: tuple[str, ...]
    columns: tuple[int, ...]
    codes: Codes

    def shares(self, derived: frozenset[str], nodes: Floats) -> Floats:
        """Return (nodes, 2 ** players) weights of the mixtures, derived by some players."""
        found = np.ones((len(nodes), 2 ** len(self.players)))
        for place, player in enumerate(self.players):
            joined = (np.arange(found.shape[1]) >> place & 1).astype(bool)
            if player in derived:
                found *= np.where(joined, 1.0, -1.0)
            else:
                found *= np.where(joined, nodes[:, None], 1.0 - nodes[:, None])
        return found


class Game:
    """The game of a path, under the prior of `archsearch.analysis.choice_model.ChoiceModel`."""

    def __init__(self, path: ConfigurationPath, choices: Choices) -> None:
        self._choices = choices
        self._common_codes = self._codes(path, [set()])
        deciders = [path.deciders(each.name) for each in choices.parameters]
        self.clusters = [
            self._cluster(path, group, deciders) for group in _joined(path.players, deciders)
        ]
        self._common = tuple(i for i, each in enumerate(deciders) if not each)
        places, weights = leggauss(len(path.players) // 2 + 1)
        self._nodes, self._weights = (places + 1.0) / 2.0, weights / 2.0

    def _codes(self, path: ConfigurationPath, coalitions: Sequence[set[str]]) -> Codes:
        return self._choices.codes([path.known(each) for each in coalitions])

    def _cluster(
        self, path: ConfigurationPath, players: tuple[str, ...], deciders: Sequence[frozenset[str]]
    ) -> _Cluster:
        coalitions = [
            {player for place, player in enumerate(players) if bits >> place & 1}
            for bits in range(2 ** len(players))
        ]
        columns = tuple(i for i, each in enumerate(deciders) if each & set(players))
        return _Cluster(players, columns, self._codes(path, coalitions))

    def covariances(self, asked: Sequence[frozenset[str]], data: Codes) -> tuple[Floats, Floats]:
        """Return the prior covariances of values and interactions.

        Args:
            asked: sets of one player for its Shapley value, of two for their interaction index.
            data: (N, P) of what was observed.

        Returns:
            (Q, N, PLACES) with what was observed, and (Q, Q, PLACES) among each other.
        """
        return self._with_data(asked, data), self._among(asked)

    def own_part(
        self, pair: tuple[str, str], data: Codes
    ) -> tuple[tuple[int, int], tuple[Floats, float]] | None:
        """Return the columns of two players, and the part of their interaction of these alone.

        That part's covariances with what was observed, (N,), and its variance, for effects of
        variance 1. None where other players decide whether the two parameters are active.
        """
        names = [each.name for each in self._choices.parameters]
        columns, with_data, variance = [], np.ones(len(data)), 1.0
        for player in pair:
            cluster = next(each for each in self.clusters if player in each.players)
            if len(cluster.players) > 1:
                return None
            column = names.index(player)
            before, after = cluster.codes[:1], cluster.codes[1:]
            likeness = self._choices.likeness
            with_data *= (likeness(column, after, data) - likeness(column, before, data))[0]
            ends = cluster.codes
            variance *= float(np.array([-1, 1]) @ likeness(column, ends, ends) @ np.array([-1, 1]))
            columns.append(column)
        return (columns[0], columns[1]), (with_data, variance)

    def _with_data(self, asked: Sequence[frozenset[str]], data: Codes) -> Floats:
        common = self._choices.series(self._common, self._common_codes, data)[0]
        found = np.broadcast_to(common, (len(asked), len(self._nodes), *common.shape)).copy()
        for cluster in self.clusters:
            series = self._choices.series(cluster.columns, cluster.codes, data)
            shares, place = self._roles(cluster, asked)
            found = times(found, np.einsum("rqt,tnd->rqnd", shares, series)[place])
        return np.asarray(np.einsum("q,aqnd->and", self._weights, found))

    def _among(self, asked: Sequence[frozenset[str]]) -> Floats:
        common = self._choices.series(self._common, self._common_codes, self._common_codes)[0, 0]
        number, nodes = len(asked), len(self._nodes)
        found = np.broadcast_to(common, (number, number, nodes, nodes, len(common))).copy()
        for cluster in self.clusters:
            series = self._choices.series(cluster.columns, cluster.codes, cluster.codes)
            shares, place = self._roles(cluster, asked)
            table = np.einsum("rqt,spu,tud->rsqpd", shares, shares, series)
            found = times(found, table[np.ix_(place, place)])
        return np.asarray(np.einsum("q,p,abqpd->abd", self._weights, self._weights, found))

    def _roles(
        self, cluster: _Cluster, asked: Sequence[frozenset[str]]
    ) -> tuple[Floats, list[int]]:
        """Return the weights of each way in which a cluster is asked, and which way is whose."""
        own = frozenset(cluster.players)
        roles = list(dict.fromkeys(each & own for each in asked))
        shares = np.stack([cluster.shares(each, self._nodes) for each in roles])
        return shares, [roles.index(each & own) for each in asked]


def _joined(players: Sequence[str], deciders: Sequence[frozenset[str]]) -> list[tuple[str, ...]]:
    """Return the players in groups: those that decide one parameter together are in one."""
    group = {player: {player} for player in players}
    for each in deciders:
        merged = set().union(*(group[player] for player in each))
        for player in merged:
            group[player] = merged
    found = dict.fromkeys(frozenset(each) for each in group.values())
    return [tuple(player for player in players if player in each) for each in found]

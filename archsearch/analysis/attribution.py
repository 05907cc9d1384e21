"""Which of the choices between two configurations made the difference, from trials of a search."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsearch.analysis.choice_effects import Choices, Codes, Floats
from archsearch.analysis.choice_model import ChoiceModel, effective_df
from archsearch.analysis.configuration_path import ConfigurationPath
from archsearch.analysis.regression import Estimate
from archsearch.analysis.shapley import Game

#: fewer observations say nothing about choices
FEWEST_TRIALS = 20
#: interactions are estimated among this many choices, those with the largest values
MOST_PAIRED = 12
#: the model takes time with the cube of the observations
MOST_TRIALS = 500
#: robust standard deviations under the median from which on a network counts as collapsed
_COLLAPSED = 2.0
#: standard deviations of doubt about networks between the ends
_DOUBT = 2.0
#: standard deviations that no bad luck goes beyond
_LUCK = 3.0
#: of a normal distribution: standard deviation over median absolute deviation
_MAD = 1.4826


@dataclass(frozen=True)
class Attribution:
    """A difference split over choices.

    Attributes:
        choices: names of the parameters, in the file's order.
        mean: (C,) their Shapley values.
        covariance: (C, C) of the posterior.
        interactions: pair of choices to its Shapley interaction index: what both together do
            beyond what each does alone. Each is estimated as if it could be as large as a main
            effect, so that a single large one is not pulled to 0.
        weights: (C, N) by which the used observations are summed to the values.
        beyond: standard deviation of one observation beyond the effects.
        used: (N,) whether each observation was used.
    """

    choices: tuple[str, ...]
    mean: Floats
    covariance: Floats
    interactions: Mapping[tuple[str, str], Estimate]
    weights: Floats
    beyond: float
    used: NDArray[np.bool_]

    def of(self, names: Iterable[str]) -> Estimate:
        """Return the sum of some choices' values."""
        chosen = np.isin(self.choices, list(names)).astype(np.float64)
        variance = float(chosen @ self.covariance @ chosen)
        df = float(effective_df(chosen @ self.weights))
        return Estimate(float(chosen @ self.mean), max(variance, 0.0) ** 0.5, df)

    @property
    def total(self) -> Estimate:
        """The whole modelled difference, which the values add up to."""
        return self.of(self.choices)


class FittedPath(NamedTuple):
    """A model of the observations of a search, for one path.

    Attributes:
        path: from the baseline to the target.
        model: of the observations.
        game: covariances of the Shapley values.
        used: (N,) whether each observation was used.
    """

    path: ConfigurationPath
    model: ChoiceModel
    game: Game
    used: NDArray[np.bool_]


def fit_path(
    path: ConfigurationPath,
    observed: Sequence[Mapping[str, object]],
    values: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    tame_collapse: bool = False,
) -> FittedPath:
    """Fit the model behind an attribution; see `attribute`."""
    y = np.asarray(values, dtype=np.float64)
    weights = np.ones(len(y)) if counts is None else np.asarray(counts, dtype=np.float64)
    choices = Choices(tuple(path.space.parameters.values()))
    codes = choices.codes(observed)
    used = _nearest(codes, choices.codes([path.baseline, path.target]))
    if tame_collapse:
        mixtures = choices.codes([path.known(each) for each in path.coalitions()])
        used[used] = _ordinary(choices, codes[used], y[used], weights[used], mixtures)
    model = ChoiceModel(choices, codes[used], y[used], weights[used])
    return FittedPath(path, model, Game(path, choices), used)


def attribute(
    path: ConfigurationPath,
    observed: Sequence[Mapping[str, object]],
    values: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    tame_collapse: bool = False,
    pairs: Collection[tuple[str, str]] | None = None,
) -> Attribution:
    """Split the difference between the ends of a path over its choices.

    Args:
        path: from the baseline to the target.
        observed: active parameters of each observation.
        values: (N,) what was observed.
        counts: (N,) how many repetitions each value is the mean of; None for one each.
        tame_collapse: leave out observations far below the others, unless networks of the path may
            be as low: a few networks that hardly learn would count as effects of their choices,
            since no sum of effects describes a collapse.
        pairs: whose interactions are estimated; None for those of the 12 choices with the largest
            values.
    """
    fitted = fit_path(path, observed, values, counts, tame_collapse=tame_collapse)
    model, game = fitted.model, fitted.game
    known = model.ask(*game.covariances(path.singles, model.codes))
    if pairs is None:
        size = dict(zip(path.players, np.abs(known.mean), strict=True))
        largest = sorted(path.players, key=lambda name: -size[name])[:MOST_PAIRED]
        pairs = [*combinations((name for name in path.players if name in largest), 2)]
    interactions = {pair: _interaction(model, game, pair) for pair in pairs}
    return Attribution(
        path.players,
        known.mean,
        known.covariance,
        interactions,
        known.weights,
        model.beyond,
        fitted.used,
    )


def _interaction(model: ChoiceModel, game: Game, pair: tuple[str, str]) -> Estimate:
    cross, prior = game.covariances([frozenset(pair)], model.codes)
    own = game.own_part(pair, model.codes)
    found = model.ask(cross, prior) if own is None else model.ask_of_pair(cross, prior, *own)
    error = max(float(found.covariance[0, 0]), 0.0) ** 0.5
    return Estimate(float(found.mean[0]), error, float(effective_df(found.weights[0])))


def _ordinary(
    choices: Choices, codes: Codes, y: Floats, weights: Floats, mixtures: Codes
) -> NDArray[np.bool_]:
    """Return (N,) which observations are no collapse.

    By the predictions from all other observations: to leave out what was observed to be low would
    leave out bad luck, and so make the effects of bad choices smaller. By the observation itself
    only where luck cannot explain it. Where networks between the two ends may collapse, that
    is part of the answer.

    Args:
        choices: of the space.
        codes: (N, P) of what was observed.
        y: (N,) what was observed.
        weights: (N,) repetitions behind each.
        mixtures: (M, P) of networks between the two ends, the baseline first.
    """
    floor = float(np.median(y)) - _COLLAPSED * _spread(y)
    if (y >= floor).all():
        return np.ones(len(y), dtype=bool)
    whole = ChoiceModel(choices, codes, y, weights)
    expected = whole.leave_one_out()
    between = whole.predict(mixtures)
    lowest = between.mean - _DOUBT * np.sqrt(np.maximum(np.diag(between.covariance), 0.0))
    floor = min(floor, *y[(codes == mixtures[0]).all(1)], *lowest)
    kept = (expected >= floor) & (y >= floor - _LUCK * _spread(y - expected))
    return np.asarray(kept)


def _spread(values: Floats) -> float:
    """Return a standard deviation that a few extreme values do not change."""
    return _MAD * float(np.median(np.abs(values - np.median(values))))


def _nearest(codes: Codes, ends: Codes) -> NDArray[np.bool_]:
    """Return (N,) which observations are used: those that share most values with an end."""
    used = np.ones(len(codes), dtype=bool)
    if len(codes) > MOST_TRIALS:
        shared = (codes[:, None, :] == ends[None]).sum(-1).max(-1)
        used[np.argsort(-shared, kind="stable")[MOST_TRIALS:]] = False
    return used

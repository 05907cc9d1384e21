"""The candidate pool of the acquisition: valid, unseen and not known to be infeasible."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.search.samplers.space_sampler import SpaceExhaustedError
from archsearch.space import Params, SearchSpace

Floats = NDArray[np.float64]

#: spaces up to this size are listed once, and every candidate is looked at
_LISTED = 20_000
#: of larger spaces: random candidates, new ones after so many trials
_STEADY, _STEADY_TRIALS = 384, 16
#: what the number of each trial adds, random ones and relatives of the best, and for how many
#: trials they stay
_FRESH, _RELATIVES, _STAY = 32, 96, 4
_CROSSOVER = 0.35
_MAX_TRIES = 400
#: candidates of which the least unlikely is taken where none is likely
_UNLIKELY = 200


class CandidatePool:
    """Draws candidates and remembers which were seen.

    Two configurations may make one network: encodings tell candidates apart cheaply, and the
    identity that counts is computed for those that are about to be proposed. What is drawn depends
    on the seed, the number of the trial and the best so far: a search that was interrupted draws
    what it would have drawn.

    Args:
        space: what is searched.
        accept: refuses candidates that are known to be infeasible.
        seed: of what is drawn.

    Attributes:
        number: of the trial that is being proposed.
    """

    def __init__(self, space: SearchSpace, accept: Callable[[Params], bool], seed: int = 0) -> None:
        self.number = 0
        self._space = space
        self._accept = accept
        self._seed = seed
        self._seen: set[str] = set()
        self._seen_keys: set[bytes] = set()
        self._rows: dict[bytes, tuple[Params, Floats]] = {}
        self._is_listed = space.count() <= _LISTED
        self._drawn: dict[tuple[int, int], dict[bytes, tuple[Params, Floats]]] = {}
        self._best: list[Params] = []

    def mark_seen(self, params: Params) -> None:
        """Never offer an equal network again."""
        self._seen.add(self._space.digest_of(params))
        key = self._space.encode(params).tobytes()
        self._seen_keys.add(key)
        self._rows.pop(key, None)

    def draw(self, rng: np.random.Generator) -> Params:
        """Return one random candidate.

        Raises:
            SpaceExhaustedError: none is left.
        """
        for _ in range(_MAX_TRIES):
            params = self._space.sample(rng)
            if self._is_new(params) and self._accept(params):
                return params
        candidates, _ = self.candidates([])
        return self.first_new(candidates[i] for i in rng.permutation(len(candidates)))

    def first_new(self, candidates: Iterator[Params], *, accepted: bool = True) -> Params:
        """Return the first candidate whose network was not seen; forget those that were.

        Args:
            candidates: the best first.
            accepted: pass over what is known to be infeasible now.

        Raises:
            SpaceExhaustedError: there is none.
        """
        for params in candidates:
            if not self._is_new(params):
                self._rows.pop(self._space.encoding.encode(params).tobytes(), None)
            elif not accepted or self._accept(params):
                return params
        raise SpaceExhaustedError("every configuration of the space has been tried")

    def least_unlikely(self, rng: np.random.Generator, excess: Callable[[Params], float]) -> Params:
        """Return the new candidate with the least ``excess`` of many, accepted or not.

        Raises:
            SpaceExhaustedError: none is new.
        """
        if self._is_listed:
            drawn = list(self._space.enumerate())
        else:
            drawn = [self._space.sample(rng) for _ in range(_UNLIKELY)]
            best = min(drawn, key=excess)
            drawn += [self._space.mutate(best, rng, n=2) for _ in range(_UNLIKELY)]
        return self.first_new(iter(sorted(drawn, key=excess)), accepted=False)

    def candidates(self, relatives: Sequence[Params]) -> tuple[list[Params], Floats]:
        """Return candidates and their encodings (N, C).

        Args:
            relatives: the best so far, from the best on; children of them are among the
                candidates of a space too large to list.

        Raises:
            SpaceExhaustedError: none is left.
        """
        if not self._is_listed:
            self._rows = self._draw_all(relatives)
        elif not self._rows:
            for params in self._space.enumerate():
                if self._is_new(params):
                    # what is infeasible is told when one is chosen
                    self._add(self._rows, params)
        if not self._rows:
            raise SpaceExhaustedError("every configuration of the space has been tried")
        params_of, encoded = zip(*self._rows.values(), strict=True)
        return list(params_of), np.array(encoded)

    def _is_new(self, params: Params) -> bool:
        return self._space.digest_of(params) not in self._seen

    def _draw_all(self, relatives: Sequence[Params]) -> dict[bytes, tuple[Params, Floats]]:
        """Return the candidates of this trial: unseen, and not known to be infeasible."""
        if list(relatives) != self._best:
            self._best = list(relatives)
            self._drawn = {key: each for key, each in self._drawn.items() if key[1] != 2}
        latest = range(max(0, self.number - _STAY + 1), self.number + 1)
        wanted = [
            (self.number // _STEADY_TRIALS, 0),
            *((number, 1) for number in latest),
            *((number, 2) for number in latest if relatives),
        ]
        self._drawn = {key: self._drawn.get(key) or self._draw(*key) for key in wanted}
        return {
            key: row
            for rows in self._drawn.values()
            for key, row in rows.items()
            if key not in self._seen_keys and self._accept(row[0])
        }

    def _draw(self, number: int, kind: int) -> dict[bytes, tuple[Params, Floats]]:
        """Return what belongs to a number: 0 steady random ones, 1 fresh ones, 2 relatives."""
        space, rows = self._space, dict[bytes, tuple[Params, Floats]]()
        rng = np.random.default_rng((self._seed, number, 2 + kind))
        if kind < 2:
            for _ in range((_STEADY, _FRESH)[kind]):
                self._add(rows, space.sample(rng))
            return rows
        for _ in range(_RELATIVES):
            # the best are chosen more often: half of the draws fall on the first fifth
            places = [int(len(self._best) * rng.random() ** 2.3) for _ in "ab"]
            first, second = (self._best[place] for place in places)
            if rng.random() < _CROSSOVER:
                self._add(rows, space.crossover(first, second, rng))
            else:
                self._add(rows, space.mutate(first, rng, n=1 + int(rng.random() < 0.4)))
        return rows

    def _add(self, rows: dict[bytes, tuple[Params, Floats]], params: Params) -> None:
        # what the space's moves return is active and complete
        encoded = self._space.encoding.encode(params)
        rows.setdefault(encoded.tobytes(), (params, encoded))

"""The candidate pool of the acquisition: valid, unseen and not known to be infeasible."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.search.samplers.space_sampler import SpaceExhaustedError
from archsearch.space import Params, SearchSpace

Floats = NDArray[np.float64]

#: spaces up to this size are listed once, and every candidate is looked at
_LISTED = 20_000
#: of larger spaces: random candidates at first, and what each proposal adds
_FIRST = 384
_FRESH = 32
_RELATIVES = 96
#: candidates that stay for the next proposals, the latest
_KEPT = 768
_CROSSOVER = 0.35
_MAX_TRIES = 400
#: candidates of which the least unlikely is taken where none is likely
_UNLIKELY = 200


class CandidatePool:
    """Draws candidates and remembers which were seen.

    Two configurations may make one network: encodings tell candidates apart cheaply, and the
    identity that counts is computed for those that are about to be proposed.

    Args:
        space: what is searched.
        accept: refuses candidates that are known to be infeasible.
    """

    def __init__(self, space: SearchSpace, accept: Callable[[Params], bool]) -> None:
        self._space = space
        self._accept = accept
        self._seen: set[str] = set()
        self._rows: dict[bytes, tuple[Params, Floats]] = {}
        self._is_listed = space.count() <= _LISTED

    def mark_seen(self, params: Params) -> None:
        """Never offer an equal network again."""
        self._seen.add(self._space.digest_of(params))
        self._rows.pop(self._space.encode(params).tobytes(), None)

    def draw(self, rng: np.random.Generator) -> Params:
        """Return one random candidate.

        Raises:
            SpaceExhaustedError: none is left.
        """
        for _ in range(_MAX_TRIES):
            params = self._space.sample(rng)
            if self._is_new(params) and self._accept(params):
                return params
        candidates, _ = self.candidates(rng, [])
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

    def candidates(
        self, rng: np.random.Generator, relatives: Sequence[Params]
    ) -> tuple[list[Params], Floats]:
        """Return candidates and their encodings (N, C).

        Args:
            rng: source of randomness.
            relatives: the best so far, from the best on; children of them are among the
                candidates of a space too large to list.

        Raises:
            SpaceExhaustedError: none is left.
        """
        space = self._space
        if not self._is_listed:
            for _ in range(_FRESH if self._rows else _FIRST):
                self._add(space.sample(rng))
            for _ in range(_RELATIVES if relatives else 0):
                # the best are chosen more often: half of the draws fall on the first fifth
                first, second = (relatives[int(len(relatives) * rng.random() ** 2.3)] for _ in "ab")
                if rng.random() < _CROSSOVER:
                    self._add(space.crossover(first, second, rng))
                else:
                    self._add(space.mutate(first, rng, n=1 + int(rng.random() < 0.4)))
            for key in list(self._rows)[:-_KEPT]:
                del self._rows[key]
        elif not self._rows:
            for params in space.enumerate():
                if self._is_new(params):
                    self._add(params)
        if not self._rows:
            raise SpaceExhaustedError("every configuration of the space has been tried")
        params_of, encoded = zip(*self._rows.values(), strict=True)
        return list(params_of), np.array(encoded)

    def _is_new(self, params: Params) -> bool:
        return self._space.digest_of(params) not in self._seen

    def _add(self, params: Params) -> None:
        # what the space's moves return is active and complete
        encoded = self._space.encoding.encode(params)
        key = encoded.tobytes()
        if key in self._rows:
            # a relative that came up again stays longer
            self._rows[key] = self._rows.pop(key)
        elif self._is_listed or self._accept(params):
            # a list is the same in every session: what is infeasible is told when one is chosen
            self._rows[key] = (params, encoded)

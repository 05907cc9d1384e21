"""Candidates to choose from: valid, unseen and not known to be infeasible."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from archsearch.errors import RunError
from archsearch.space import Params, SearchSpace

Floats = NDArray[np.float64]

#: spaces up to this size are listed once, and every candidate is looked at
_LISTED = 20_000
#: of larger spaces: random candidates kept, drawn anew each time, and relatives of the best
_KEPT = 512
_FRESH = 64
_RELATIVES = 192
_CROSSOVER = 0.35
_MAX_TRIES = 400


class SpaceExhaustedError(RunError):
    """Every configuration of the space has been proposed."""


class CandidatePool:
    """Draws candidates and remembers which were seen.

    Args:
        space: what is searched.
        accept: refuses candidates that are known to be infeasible.
    """

    def __init__(self, space: SearchSpace, accept: Callable[[Params], bool]) -> None:
        self._space = space
        self._accept = accept
        self._seen: set[str] = set()
        self._all: _Rows | None = None
        self._kept = _Rows()

    def mark_seen(self, digest: str) -> None:
        """Never offer what has this identity again."""
        self._seen.add(digest)

    def draw(self, rng: np.random.Generator) -> Params:
        """Return one random candidate.

        Raises:
            SpaceExhaustedError: none is left.
        """
        for _ in range(_MAX_TRIES):
            params = self._space.sample(rng)
            if self._space.digest_of(params) not in self._seen and self._accept(params):
                return params
        rows, _ = self._listed() if self._is_listed else self.candidates(rng, [])
        return rows[int(rng.integers(len(rows)))]

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
        if self._is_listed:
            return self._listed()
        space = self._space
        self._kept = self._kept.without(self._seen)
        for _ in range(_FRESH if len(self._kept) else _KEPT):
            self._add(self._kept, space.sample(rng))
        self._kept = self._kept.last(_KEPT)
        rows = self._kept.copy()
        for _ in range(_RELATIVES if relatives else 0):
            # the best are chosen more often: half of the draws fall on the first fifth
            first, second = (relatives[int(len(relatives) * rng.random() ** 2.3)] for _ in "ab")
            if rng.random() < _CROSSOVER:
                child = space.crossover(first, second, rng)
            else:
                child = space.mutate(first, rng, n=1 + int(rng.random() < 0.4))
            self._add(rows, child)
        if not len(rows):
            raise SpaceExhaustedError("no unseen configuration was found")
        return rows.params, np.array(rows.encoded)

    @property
    def _is_listed(self) -> bool:
        return self._space.count() <= _LISTED

    def _listed(self) -> tuple[list[Params], Floats]:
        if self._all is None:
            self._all = _Rows()
            for params in self._space.enumerate():
                self._add(self._all, params)
        self._all = self._all.without(self._seen)
        if not len(self._all):
            raise SpaceExhaustedError("every configuration of the space has been tried")
        return self._all.params, np.array(self._all.encoded)

    def _add(self, rows: "_Rows", params: Params) -> None:
        digest = self._space.digest_of(params)
        if digest not in self._seen and digest not in rows.digests and self._accept(params):
            rows.add(digest, params, self._space.encode(params))


class _Rows:
    """Candidates with identity and encoding, in the order in which they came."""

    def __init__(self) -> None:
        self.params: list[Params] = []
        self.encoded: list[Floats] = []
        self.digests: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.params)

    def add(self, digest: str, params: Params, encoded: Floats) -> None:
        self.params.append(params)
        self.encoded.append(encoded)
        self.digests[digest] = None

    def copy(self) -> "_Rows":
        return self.without(set())

    def without(self, digests: set[str]) -> "_Rows":
        rows = _Rows()
        for digest, params, encoded in zip(self.digests, self.params, self.encoded, strict=True):
            if digest not in digests:
                rows.add(digest, params, encoded)
        return rows

    def last(self, count: int) -> "_Rows":
        if len(self) <= count:
            return self
        rows = _Rows()
        start = len(self) - count
        for digest, params, encoded in zip(
            list(self.digests)[start:], self.params[start:], self.encoded[start:], strict=True
        ):
            rows.add(digest, params, encoded)
        return rows

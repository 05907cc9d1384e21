"""A table of measured parts that predicts whole networks, kept on disk by environment."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field, ValidationError

from archsearch.arch import Arch, Spec
from archsearch.cost.breakdown import CLOCKED_RUNTIMES
from archsearch.cost.latency_model import (
    NOISE_SHARE,
    OTHER_SCALE,
    SAME_SCALE,
    LatencyModel,
    Observation,
    PartTime,
    Vector,
    estimate_part_ms,
)
from archsearch.cost.network_parts import count_parts, parts_of, role_of
from archsearch.cost.protocol import LatencyProtocol
from archsearch.errors import InputError, Problem
from archsearch.files import write_text
from archsearch.record import Environment, LatencyResult
from archsearch.resources import cache_dir

_FORMAT: Final = 2
#: half width of an interval over the standard error of a measurement: it is for the difference
#: of two
_TWO_MEASUREMENTS_95 = 1.96 * math.sqrt(2)
#: networks that a table remembers, the latest; predicting needs the inverse of a matrix this size
_MAX_NETWORKS = 500
_SIZES = re.compile(r"[CSTPK>](\d+)(?:x(\d+))?")


@dataclass(frozen=True)
class Prediction:
    """Latency that a table expects.

    Attributes:
        ms: expected latency.
        interval_ms: range expected of a first measurement.
        unknown_parts: parts that were never measured, their times inferred from others.
        known_share: share of the latency that measured parts make up, 0 to 1.
    """

    ms: float
    interval_ms: tuple[float, float]
    unknown_parts: int
    known_share: float = 1.0


class TableKey(Spec):
    """What the numbers of a table belong to.

    Attributes:
        environment: fingerprint of the `Environment`.
        device: product name of the device.
        threads: intra-op threads.
        batch_size: images per inference.
        dtype: of weights and inputs.
        memory_format: of weights and inputs.
        runtime: what ran the networks.
        mode: ``latency`` or ``throughput``.
    """

    environment: str
    device: str
    threads: int
    batch_size: int
    dtype: str
    memory_format: str
    runtime: str
    mode: str

    @classmethod
    def of(cls, environment: Environment, protocol: LatencyProtocol, threads: int) -> "TableKey":
        """Return the key of measurements by ``protocol``; its threads win where given."""
        return cls(
            environment=environment.fingerprint,
            device=environment.device,
            threads=protocol.threads or threads,
            batch_size=protocol.batch_size,
            dtype=protocol.dtype,
            memory_format=protocol.memory_format,
            runtime=protocol.runtime,
            mode=protocol.mode,
        )

    @property
    def file_name(self) -> str:
        """Name of the table's file."""
        return (
            f"{self.environment}-{self.runtime}-{self.dtype}-b{self.batch_size}-t{self.threads}"
            f"-{self.memory_format}-{self.mode}.json"
        )


class _Stored(Spec):
    """Contents of a table's file."""

    format: Literal[2] = _FORMAT
    key: TableKey
    samples: dict[str, list[float]] = Field(default_factory=dict)
    observations: list[tuple[dict[str, int], float, bool, float]] = Field(default_factory=list)


class LatencyTable:
    """Times of parts, and whole networks that correct what their sum predicts.

    Args:
        key: what the numbers belong to.
    """

    def __init__(self, key: TableKey) -> None:
        self.key = key
        self._samples: dict[str, list[float]] = {}
        self._observations: list[Observation] = []
        self._model: LatencyModel | None = None

    def __len__(self) -> int:
        """Return the number of parts that were measured."""
        return len(self._samples)

    @property
    def num_networks(self) -> int:
        """Whole networks that were measured."""
        return len(self._observations)

    @property
    def known(self) -> frozenset[str]:
        """Keys of the parts that were measured."""
        return frozenset(self._samples)

    def known_share(self, archs: Iterable[Arch]) -> float:
        """Return the share of the parts of ``archs``, each as often as it occurs, that is known."""
        counts: Counter[str] = sum((count_parts(arch) for arch in archs), Counter())
        known = sum(often for key, often in counts.items() if key in self._samples)
        return known / max(1, counts.total())

    def count_known(self, archs: Iterable[Arch]) -> tuple[int, int]:
        """Return how many different parts ``archs`` have, and how many of these are known."""
        keys = {key for arch in archs for key in count_parts(arch)}
        return len(keys), len(keys & self.known)

    def predict(self, arch: Arch) -> Prediction:
        """Return the latency that the table expects of ``arch``.

        Raises:
            InputError: the table is empty.
        """
        if not self._samples:
            raise InputError(Problem("", "the latency table is empty", remedy="calibrate it first"))
        parts = count_parts(arch)
        unknown = {key: self._inferred(key) for key in parts if key not in self._samples}
        ms, spread = self._fitted().predict(parts, unknown)
        interval = (max(0.0, ms - 1.96 * spread), ms + 1.96 * spread)
        inferred = sum(parts[key] * unknown[key].ms for key in unknown)
        known = sum(
            often * median(self._samples[k]) for k, often in parts.items() if k not in unknown
        )
        share = known / (known + inferred) if known + inferred > 0 else 0.0
        return Prediction(ms, interval, len(unknown), share)

    def held_out_error(self) -> tuple[int, float]:
        """Return how many networks were measured whole, and the median of their relative errors.

        Each is predicted by a table that did not see it (leave one out, in closed form).
        """
        errors = self._fitted().left_out_errors() if self._observations else []
        return len(errors), median(errors) if errors else 0.0

    def predict_units(self, arch: Arch) -> dict[str, float]:
        """Return the time that the table holds for each module of ``arch``, by dotted name.

        A block's time includes its parts. These are times as measured: what whole networks
        correct, `predict` alone shows.
        """
        times: dict[str, float] = {}
        for part in parts_of(arch):
            known = self._samples.get(part.key)
            own = median(known) if known else self._inferred(part.key).ms
            times[part.name] = own + sum(times[name] for name in part.inside)
        return times

    def add_parts(self, times_ms: Mapping[str, float]) -> None:
        """Add one measured time of each part, by key."""
        for key, ms in times_ms.items():
            self._samples.setdefault(key, []).append(max(ms, 0.0))
        self._model = None

    def observe(self, arch: Arch, result: LatencyResult) -> None:
        """Let a measured network correct the table; the narrower its interval is, the more.

        Where the spread is unknown, it does not count.

        Raises:
            InputError: the measurement belongs to another environment or protocol.
        """
        self._check(result)
        if result.interval_ms is None:
            return
        low, high = result.interval_ms
        noise = max(NOISE_SHARE, (high - low) / (2 * _TWO_MEASUREMENTS_95 * result.median_ms))
        self.add_network(count_parts(arch), result.median_ms, noise_share=noise)

    def add_network(
        self,
        parts: Mapping[str, int],
        ms: float,
        *,
        held_out: bool = True,
        noise_share: float = NOISE_SHARE,
    ) -> None:
        """Add a measured network; see `Observation`."""
        self._observations.append(Observation(dict(parts), ms, held_out, noise_share))
        del self._observations[:-_MAX_NETWORKS]
        self._model = None

    def _check(self, result: LatencyResult) -> None:
        mine = self.key.model_dump(exclude={"device", "mode"})
        problems = [
            Problem(
                name, "must be that of the latency table", getattr(result, name), f"it is {own}"
            )
            for name, own in mine.items()
            if getattr(result, name) != own
        ]
        if problems:
            raise InputError(problems)

    def _fitted(self) -> LatencyModel:
        if self._model is None:
            times = {key: PartTime(median(values)) for key, values in self._samples.items()}
            for observation in self._observations:
                for key in observation.parts:
                    if key not in times:
                        times[key] = self._inferred(key)
            has_own_parts = self.key.runtime in CLOCKED_RUNTIMES
            scale = SAME_SCALE if has_own_parts else OTHER_SCALE
            self._model = LatencyModel(times, self._observations, scale)
        return self._model

    def _inferred(self, key: str) -> PartTime:
        """Return a time for a part that was never measured, from parts of its role."""
        role = role_of(key)
        for like in (role, role.split(" ")[0], ""):
            known = [
                (sizes_of(other), median(values))
                for other, values in self._samples.items()
                if role_of(other).startswith(like) and len(sizes_of(other)) == len(sizes_of(key))
            ]
            guess = estimate_part_ms(sizes_of(key), known)
            if guess is not None:
                return PartTime(guess, measured=False)
        return PartTime(0.0, measured=False)

    def save(self, path: Path | None = None) -> Path:
        """Write the table; by default to the user's cache, under its environment."""
        path = path or table_path(self.key)
        stored = _Stored(
            key=self.key,
            samples=self._samples,
            observations=[
                (dict(o.parts), o.ms, o.held_out, o.noise_share) for o in self._observations
            ],
        )
        # another process may write the same table: the last whole one wins
        return write_text(path, stored.model_dump_json())

    @classmethod
    def load(cls, key: TableKey, path: Path | None = None) -> "LatencyTable":
        """Read the table of ``key``; an empty one when there is none in the cache.

        Args:
            key: environment and protocol that the numbers must belong to.
            path: file to read; None for the user's cache.

        Raises:
            InputError: ``path`` is missing, is no table, or belongs to another environment.
        """
        table = cls(key)
        place = path or table_path(key)
        if path is None and not place.is_file():
            return table
        stored = _read(place)
        if stored.key != key:
            mine, theirs = key.model_dump(), stored.key.model_dump()
            raise InputError(
                [
                    Problem(
                        name,
                        "this latency table was measured elsewhere or otherwise",
                        theirs[name],
                        f"here it is {own!r}: calibrate again",
                        file=str(place),
                    )
                    for name, own in mine.items()
                    if own != theirs[name]
                ]
            )
        table._samples = {name: list(values) for name, values in stored.samples.items()}
        table._observations = [
            Observation(parts, ms, held_out, noise)
            for parts, ms, held_out, noise in stored.observations
        ]
        return table


def _read(path: Path) -> _Stored:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        return _Stored.model_validate(data)
    except FileNotFoundError:
        raise InputError(Problem("", "there is no such file", file=str(path))) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError, RecursionError):
        raise InputError(
            Problem("", "is no latency table", remedy="delete it", file=str(path))
        ) from None


def table_path(key: TableKey) -> Path:
    """Return where the table of ``key`` is kept."""
    return cache_dir() / "latency" / key.file_name


@lru_cache(maxsize=65536)
def sizes_of(key: str) -> Vector:
    """Return the numbers of a key's shape (widths, side, tokens, classes), each plus one.

    A rectangle has the side of the square of its area.
    """
    shape = key.split("|")[1] if "|" in key else ""
    sides = ((float(first), float(second or first)) for first, second in _SIZES.findall(shape))
    return np.array([1.0 + math.sqrt(first * second) for first, second in sides])

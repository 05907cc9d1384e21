"""A tracking entry: one search, trial, training or ablation, as plain values."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from archsearch.record import EpochMetrics
from archsearch.settings import leaves
from archsearch.yaml_source import dotted

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Point:
    """Values at one step of a curve; epochs are counted from 1."""

    step: int
    values: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """Rows under columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar | None, ...], ...]


@dataclass(frozen=True)
class Entry:
    """One thing that a tool shows as a run of its own.

    Attributes:
        key: unique in its folder, e.g. ``trial-0003``.
        parent: key of the entry that this one is a part of; empty for none.
        config: what it was made with.
        points: its curve, by step.
        results: what came out.
        table: e.g. a front; None without one.
        files: to keep beside it, e.g. a page.
        has_failed: it ended with an error.
        is_open: more points will come.
    """

    key: str
    parent: str = ""
    config: Mapping[str, Scalar] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    results: Mapping[str, Scalar] = field(default_factory=dict)
    table: Table | None = None
    files: tuple[Path, ...] = ()
    has_failed: bool = False
    is_open: bool = False

    @property
    def digest(self) -> str:
        """Identity of all but the points: what is equal need not be written again."""
        data = {name: value for name, value in asdict(self).items() if name != "points"}
        data["files"] = [
            (path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in self.files
        ]
        return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def numbers(self) -> dict[str, float]:
        """The results that are numbers."""
        return {
            name: float(value)
            for name, value in self.results.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }


def curve_points(curve: Sequence[EpochMetrics], rates: Sequence[float] = ()) -> tuple[Point, ...]:
    """Return the points of a training.

    Args:
        curve: what each epoch showed.
        rates: learning rate at the end of epoch 1, 2, ...; may be empty.
    """
    return tuple(
        Point(
            each.epoch,
            {
                "train/loss": each.train_loss,
                "val/loss": each.val_loss,
                "val/accuracy": each.accuracy,
                "train/images_per_s": each.images_per_s,
                **({"train/learning_rate": rates[each.epoch - 1]} if rates else {}),
            },
        )
        for each in curve
    )


def flat(data: Any) -> dict[str, Scalar]:
    """Return nested plain data by dotted keys; None and empty lists are left out."""
    return {dotted(path): value for path, value in leaves(data).items() if value is not None}


def known(values: Mapping[str, Scalar | None]) -> dict[str, Scalar]:
    """Return the values that there are."""
    return {key: value for key, value in values.items() if value is not None and value != ""}

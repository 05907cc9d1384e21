"""Tracking entries of an ablation: each training of each network."""

import re
from collections.abc import Iterator
from pathlib import Path

from archsearch.ablation_record import AblationRecord, VariantRecord
from archsearch.record import EpochMetrics
from archsearch.tracking.entry import Entry, Table, curve_points, flat, known
from archsearch.train import Recipe
from archsearch.train.optimization import epoch_rates

ABLATION = "ablation"
_COLUMNS = ("variant", "seeds", "mean_accuracy", "latency_ms", "verdict", "params", "macs")


def training_entry(
    name: str,
    seed: int,
    curve: tuple[EpochMetrics, ...],
    recipe: Recipe,
    num_train: int,
    reason: str = "",
) -> Entry:
    """Return one training of one network."""
    plain = re.sub(r"[^\w.-]+", "_", name)
    return Entry(
        f"{plain}-seed-{seed}",
        ABLATION,
        config={"variant": name, "seed": seed},
        points=curve_points(curve, epoch_rates(recipe, num_train)),
        results=known({"accuracy": curve[-1].accuracy if curve else None, "reason": reason}),
        has_failed=bool(reason),
    )


def ablation_entries(
    record: AblationRecord, recipe: Recipe, files: tuple[Path, ...] = ()
) -> Iterator[Entry]:
    """Yield every training, and the ablation itself with a table of its variants."""
    for variant in record.variants:
        for seed, curve in variant.curves.items():
            yield training_entry(variant.name, seed, curve, recipe, record.num_train)
        for seed, reason in variant.failures.items():
            yield training_entry(variant.name, seed, (), recipe, record.num_train, reason)
    yield Entry(
        ABLATION,
        config={
            **flat({"recipe": record.recipe}),
            "study": record.name,
            "scale": record.scale,
            "data": record.data,
        },
        table=Table(_COLUMNS, tuple(map(_row, record.variants))),
        files=tuple(path for path in files if path.is_file()),
    )


def _row(variant: VariantRecord) -> tuple[str | int | float | None, ...]:
    found = list(variant.accuracies.values())
    return (
        variant.name,
        len(found),
        sum(found) / len(found) if found else None,
        variant.latency.median_ms if variant.latency else None,
        variant.latency.verdict if variant.latency else None,
        variant.params,
        variant.macs,
    )

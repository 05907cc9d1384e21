"""Tracking entries of a search: its trials and its front."""

from collections.abc import Iterator
from pathlib import Path

from archsearch.record import RunRecord, TrialRecord
from archsearch.run.preparation import Prepared
from archsearch.tracking.entry import Entry, Table, curve_points, flat, known
from archsearch.train.optimization import epoch_rates

SEARCH = "search"
FRONT = "front"
_COLUMNS = ("trial", "accuracy", "test_accuracy", "latency_ms", "verdict", "params", "macs")


class SearchEntries:
    """Makes the entries of one run.

    Args:
        prepared: the run.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._config = flat(prepared.written["identity"]) | flat(
            {"recipe": prepared.written["recipe"], "environment": prepared.written["environment"]}
        )
        self._rates = epoch_rates(prepared.recipe, len(prepared.data.train))

    def search(self) -> Entry:
        """Return the run itself, while it is going on."""
        return Entry(SEARCH, config=self._config, is_open=True)

    def trial(self, record: TrialRecord) -> Entry:
        """Return one trial, with everything that is known about it."""
        latency = record.final_latency or record.latency
        return Entry(
            f"trial-{record.number:04d}",
            SEARCH,
            config={**record.choices, "seed": record.seed, "digest": record.digest[:16]},
            points=curve_points(record.curve, self._rates),
            results=known(
                {
                    "accuracy": record.accuracy,
                    "test_accuracy": record.test_accuracy,
                    "latency_ms": record.latency_ms,
                    "latency_verdict": latency.verdict if latency else None,
                    "params": record.params,
                    "macs": record.macs,
                    "state": record.state,
                    "origin": record.origin,
                    "reason": record.reason,
                    **{
                        f"accuracy_seed_{seed}": accuracy
                        for seed, accuracy in record.seed_accuracies.items()
                    },
                }
            ),
            has_failed=record.state == "failed",
        )

    def all(self, record: RunRecord) -> Iterator[Entry]:
        """Yield every trial as it is at the end, the front, and the run itself."""
        for trial in record.trials:
            yield self.trial(trial)
        yield front_entry(record)
        best = max(
            (t.accuracy or 0.0 for t in record.trials if t.number in record.front), default=0
        )
        yield Entry(
            SEARCH,
            config=self._config,
            results={
                "front_size": len(record.front),
                "best_accuracy": best,
                "trials": len(record.trials),
                "wall_s": record.wall_s,
            },
        )


def front_entry(record: RunRecord, files: tuple[Path, ...] = ()) -> Entry:
    """Return the front as a table, with the pages about it."""
    by_number = {trial.number: trial for trial in record.trials}
    rows = []
    for number in record.front:
        trial = by_number[number]
        latency = trial.final_latency or trial.latency
        rows.append(
            (
                number,
                trial.accuracy,
                trial.test_accuracy,
                trial.latency_ms,
                latency.verdict if latency else None,
                trial.params,
                trial.macs,
            )
        )
    table = Table(_COLUMNS, tuple(rows))
    return Entry(FRONT, SEARCH, table=table, files=tuple(f for f in files if f.is_file()))

"""A run as Optuna's dashboard shows it, with constraints, notes, files and figures added."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from archsearch.analysis import exceeds
from archsearch.dashboard.figures import FigureBook
from archsearch.dashboard.files import TrialFiles, file_entries
from archsearch.dashboard.notes import (
    known_latencies,
    measurements,
    other_seeds,
    study_note,
    trial_note,
)
from archsearch.dashboard.package import OVER_BY_NUMBER, NotedAttrs
from archsearch.record import FIRST_TARGET, RunRecord, TrialRecord, better_known
from archsearch.run.run_folder import RunFolder
from archsearch.run.run_reader import aims_of, run_record
from archsearch.search.storage_view import shown_trial
from archsearch.search.study_store import FINALS, OTHER_SEEDS, RECORD, REPEAT_OF

_CONSTRAINT = "constraints:"
_PLOT = "dashboard:plot_data:"
_NOTE = "dashboard:note_ver"


class RunOverlay:
    """The view of a run; see `archsearch.search.storage_view.Overlay`.

    Args:
        folder: of the run.
        config: its resolved configuration.
        editable: notes may be changed.

    Attributes:
        figures: our figures.
        files: makes the files of trials.
        on_change: called when trials that have ended are to be shown differently.
    """

    def __init__(self, folder: RunFolder, config: dict[str, Any], *, editable: bool) -> None:
        self._folder = folder
        self._config = config
        self._note = study_note(folder.name, config, editable=editable)
        self._attrs: dict[str, Any] = {}
        self._finals: dict[str, Any] = {}
        self._seeds: dict[str, Any] = {}
        self._raw: dict[int, dict[str, Any]] = {}
        self._ids: dict[int, int] = {}
        self._records: dict[int, TrialRecord] = {}
        self._notes: dict[int, str] = {}
        self._ended = not folder.is_driven
        self._lock = threading.Lock()
        self.on_change: Callable[[], None] = lambda: None
        self.figures = FigureBook(self.run)
        self.files = TrialFiles(self.record_of, self.run)

    def study_attrs(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Return a few readable facts in place of the search's internal attributes."""
        ended = not self._folder.is_driven
        finals, seeds = attrs.get(FINALS, {}), attrs.get(OTHER_SEEDS, {})
        with self._lock:
            known = (self._finals, self._seeds, self._ended)
            changed = (finals, seeds, ended) != known
            if changed:
                self._finals, self._seeds, self._ended = finals, seeds, ended
                self._records.clear()
                self._notes.clear()
            self._attrs = dict(attrs)
        if changed:
            self.on_change()
        identity = self._config["identity"]
        facts = {
            "space": self._config.get("space_name", ""),
            "data": identity["data"],
            "sampler": identity["sampler"],
            "device": self._config["environment"]["device"],
            "hours": round(attrs.get("wall_s", 0.0) / 3600, 3),
            "state": "ended" if ended else "going on",
        }
        limits = {f"budget {k}": v for k, v in identity["budgets"].items() if v is not None}
        return {**facts, **limits}

    def study_system_attrs(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the system attributes with our note, figures and the notes of trials."""
        shown = dict(attrs)
        if _NOTE not in shown:
            shown |= {_NOTE: 0, "dashboard:note_str:0": self._note}
        stamp = (len(self._raw), len(self._finals), sum(map(len, self._seeds.values())))
        for key, text in self.figures.current(stamp).items():
            shown[f"{_PLOT}{key}:0"] = text
        return NotedAttrs(shown, self._note_of)

    def trial(self, trial: Any) -> Any:
        """Return a trial with constraints where the dashboard looks, curve, facts and files."""
        constraints = dict(trial.constraints)
        own = {k: v for k, v in trial.system_attrs.items() if not k.startswith(_CONSTRAINT)}
        record = self._merged(trial)
        if record is None:
            system = own | ({"constraints": list(constraints.values())} if constraints else {})
            return shown_trial(
                trial,
                values=trial.values,
                user_attrs=trial.user_attrs,
                system_attrs=system,
                intermediate_values=trial.intermediate_values,
            )
        aims = aims_of(self._config["identity"])
        own[OVER_BY_NUMBER] = record["state"] == "complete" and exceeds(
            known_latencies(record), aims
        )
        values = list(trial.values) if trial.values is not None else None
        first, final = measurements(record)
        known = better_known(first, final)
        if final is not None and known is final:
            # the front counts by the final measurement, and so must these pages
            names = aims.objectives
            if values is not None and len(values) == len(names) and FIRST_TARGET in names:
                values[names.index(FIRST_TARGET)] = known.median_ms
            limit = self._config["identity"]["budgets"].get("latency_ms")
            if limit is not None and "latency_ms" in constraints:
                # over the budget only where the measurement says so
                share = (known.median_ms - limit) / limit
                confidence = aims_of(self._config["identity"]).confidence
                is_over = known.is_over(limit, confidence)
                constraints["latency_ms"] = max(share, 0.0) if is_over else min(share, 0.0)
        return shown_trial(
            trial,
            values=values,
            user_attrs=_facts(record, trial.user_attrs.get(REPEAT_OF)),
            system_attrs={
                **own,
                "constraints": list(constraints.values()),
                **file_entries(trial.number, record, ended=self._ended),
            },
            intermediate_values={e["epoch"]: e["accuracy"] for e in record.get("curve", ())},
        )

    def record_of(self, number: int) -> Mapping[str, Any]:
        """Return the record of a trial as plain data.

        Raises:
            KeyError: it has none.
        """
        with self._lock:
            return self._raw[number]

    def run(self) -> RunRecord:
        """Return the run as far as it was read."""
        with self._lock:
            raw, attrs, known = dict(self._raw), self._attrs, dict(self._records)
        own = {number: record for number, record in raw.items() if record["number"] == number}
        for number, record in own.items():
            if number not in known:
                known[number] = TrialRecord.model_validate(record)
        with self._lock:
            self._records = known
        trials = [known[number] for number in sorted(own)]
        return run_record(self._folder, self._config, trials, attrs)

    def _merged(self, trial: Any) -> dict[str, Any] | None:
        """Return the record of a trial that has ended, with what the end of the run added."""
        repeat_of = trial.user_attrs.get(REPEAT_OF)
        with self._lock:
            stored = trial.user_attrs.get(RECORD) or self._raw.get(repeat_of)
            if stored is None or not trial.state.is_finished():
                return None
            finals = self._finals.get(str(stored["number"]), {})
            seeds = self._seeds.get(str(stored["number"]), stored.get("other_seeds", ()))
            record = {**stored, **finals, "other_seeds": seeds, "choices": trial.params}
            self._raw[trial.number] = record
            self._ids[trial._trial_id] = trial.number
        return record

    def _note_of(self, trial_id: int) -> str:
        with self._lock:
            number = self._ids.get(trial_id)
            known = self._notes.get(trial_id)
            record = self._raw.get(number) if number is not None else None
        if known is not None or number is None or record is None:
            return known or ""
        text = trial_note(number, record, aims_of(self._config["identity"]))
        with self._lock:
            self._notes[trial_id] = text
        return text


def _facts(record: Mapping[str, Any], repeat_of: int | None) -> dict[str, Any]:
    """Return what the table of trials shows; numbers can be sorted by."""
    first, final = measurements(record)
    latency = better_known(first, final)
    confirmed = final is not None and latency is final and not final.is_guess
    seeds = other_seeds(record)
    facts = {
        "state": record["state"],
        "origin": record.get("origin", ""),
        "repeat of": repeat_of,
        "reason": record.get("reason") or None,
        "params": record.get("params"),
        "MACs": record.get("macs"),
        "latency_ms": latency.median_ms if latency else None,
        "latency p90": latency.p90_ms if latency else None,
        "verdict": latency.verdict if latency else None,
        "confirmed": True if confirmed else None,
        "accuracy, other seeds": sum(seeds) / len(seeds) if seeds else None,
        "other seeds": len(seeds) or None,
        "test accuracy": record.get("test_accuracy"),
        "epochs": len(record.get("curve", ())) or None,
        "digest": record["digest"][:12],
    }
    return {key: value for key, value in facts.items() if value is not None}

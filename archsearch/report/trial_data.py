"""All trials as columns, small enough for a page to carry ten thousand of them.

Strings and blocks that repeat stand once in a table, and the columns hold their places.
"""

import json
import math
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np

from archsearch.analysis import (
    Reported,
    accuracy_interval,
    front_trials,
    num_images,
    run_accuracies,
)
from archsearch.arch import Arch, summary
from archsearch.percent import percent_text
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.front_columns import FRONT_COLUMNS
from archsearch.report.latency_verdicts import latency_words
from archsearch.report.network_view import block_view, head_words, stage_words, stem_words
from archsearch.report.number_format import count_text, ms_text


class TrialColumn(NamedTuple):
    """A column of the page's table of all trials.

    Attributes:
        key: of the page's data.
        header: for people.
        form: what the page's script shows: ``trial`` (a button), ``word`` (of ``words``),
            ``number`` (its text), ``length`` (of a list) or ``code`` (of ``parts``).
        about: what it means, in one line.
        text: value to its text, of a ``number``; the script formats none.
    """

    key: str
    header: str
    form: str
    about: str = ""
    text: Callable[[Any], str] = str


def _as_in_front(
    key: str, form: str, front_key: str = "", text: Callable[[Any], str] = str
) -> TrialColumn:
    """Return a column that the table of the front has too, under its words."""
    (same,) = (each for each in FRONT_COLUMNS if each.key == (front_key or key))
    return TrialColumn(key, same.header, form, same.about, text)


#: of the table of all trials, left to right
TRIAL_TABLE: tuple[TrialColumn, ...] = (
    _as_in_front("number", "trial", "trial"),
    TrialColumn("state", "state", "word"),
    _as_in_front("accuracy", "number", "selected_accuracy", percent_text),
    _as_in_front("latency", "number", "latency_ms", ms_text),
    TrialColumn("verdict", "verdict", "word", "how well the latency is known"),
    _as_in_front("params", "number", text=count_text),
    _as_in_front("macs", "number", text=count_text),
    TrialColumn("curve", "epochs", "length", "epochs trained"),
    _as_in_front("line", "code", "summary"),
)


class _Table:
    """Values in the order in which they first came, each once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[Hashable, int] = {}

    def place(self, key: Hashable, view: Callable[[Any], Any] | None = None) -> int:
        """Return the place of ``key``; a new one is stored as itself or as its ``view``."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.values)
            self.values.append(key if view is None else view(key))
        return place


def trial_columns(run: RunRecord) -> dict[str, Any]:
    """Return the trials of a run as columns, the tables that these point into, and `TRIAL_TABLE`.

    Columns (one entry a trial): ``number``, ``state``, ``origin`` and ``reason`` (places in
    ``words``), ``seed``, ``params``, ``macs``, ``latency`` (ms), ``interval`` and ``p90`` (ms),
    ``verdict`` (place in ``words`` of how well the latency is known), ``accuracy`` (with the seed
    that chose), ``accuracy_interval``, ``reported`` (the accuracy that leads, with its interval),
    ``seeds`` (accuracies with other seeds), ``test``, ``curve``
    (accuracies), ``digest`` (12 digits), ``line`` (places in ``parts`` that make the one-line
    architecture), ``net`` (see `_network`), ``share`` (of the time of stem, stages, head; None
    when unknown).
    """
    words, parts, blocks = _Table(), _Table(), _Table()
    n = num_images(run)
    reported = run_accuracies(run)
    on_front = {trial.number for trial in front_trials(run)}
    rows = []
    for trial in run.trials:
        known = latency_words(trial, run.aims, on_front=trial.number in on_front)
        found = reported.get(trial.number)
        rows.append(_row(trial, n, found, ", ".join(known), words, parts, blocks))
    columns = {key: [row[key] for row in rows] for key in rows[0]} if rows else {"number": []}
    return {
        "columns": columns,
        "words": words.values,
        "parts": parts.values,
        "blocks": blocks.values,
        **_table(columns),
    }


def _table(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """Return the columns of the page's table, with the places of their numbers' texts."""
    texts = _Table()
    table = []
    for each in TRIAL_TABLE:
        shown: dict[str, Any] = {
            "key": each.key,
            "header": each.header,
            "form": each.form,
            "about": each.about,
        }
        if each.form == "number":
            values = columns.get(each.key, [])
            shown["texts"] = [texts.place(each.text(value)) for value in values]
        table.append(shown)
    return {"table": table, "texts": texts.values}


def _row(
    trial: TrialRecord,
    n: int | None,
    reported: Reported | None,
    verdict: str,
    words: _Table,
    parts: _Table,
    blocks: _Table,
) -> dict[str, Any]:
    latency = trial.known_latency
    plain = trial.arch.canonical()
    accuracy, known = trial.accuracy, n is not None and trial.accuracy is not None
    return {
        "number": trial.number,
        "state": words.place(trial.state),
        "origin": words.place(_origin(trial)),
        "reason": words.place(trial.reason),
        "seed": trial.seed,
        "params": trial.params,
        "macs": trial.macs,
        "latency": latency.median_ms if latency else None,
        "interval": latency.interval_ms if latency else None,
        "p90": latency.p90_ms if latency else None,
        "verdict": words.place(verdict),
        "accuracy": accuracy,
        "accuracy_interval": accuracy_interval(accuracy or 0.0, n or 1) if known else None,
        "reported": [reported.value, *(reported.interval or (None, None))] if reported else None,
        "seeds": list(trial.seed_accuracies.values()),
        "test": trial.test_accuracy,
        "curve": [metrics.accuracy for metrics in trial.curve],
        "digest": trial.digest[:12],
        "line": [parts.place(part) for part in summary(plain).split(" | ")],
        "net": _network(plain, words, blocks),
        "share": _shares(trial, len(plain.stages)),
    }


def _origin(trial: TrialRecord) -> str:
    """Return how it was proposed, and what it began with where that is not new weights."""
    parts = [trial.origin, trial.inherited.words if trial.inherited else ""]
    return "; ".join(part for part in parts if part)


def _shares(trial: TrialRecord, num_stages: int) -> list[float | None] | None:
    """Return the share of time of stem, stages and head, in this order; None when unknown."""
    if not trial.time_share:
        return None
    names = ["stem", *(f"stages.{index}" for index in range(num_stages)), "head"]
    return [trial.time_share.get(name) for name in names]


def _network(plain: Arch, words: _Table, blocks: _Table) -> list[Any]:
    """Return ``[image_size, stem, head, stage, ...]`` of a canonical architecture.

    Sizes that are not square are ``[height, width]``. Stem and head are places in ``words``.
    A stage is ``[depth, width, heads, side, downsample, position, blocks]`` with places for the
    last three: words, words, and one place in ``blocks`` for each entry of the pattern.
    """
    stages = []
    for stage, side in zip(plain.stages, plain.map_sizes, strict=True):
        down, position = (words.place(word) for word in stage_words(stage))
        entries = [blocks.place(block, block_view) for block in stage.blocks[: stage.depth]]
        stages.append([stage.depth, stage.width, stage.heads, side, down, position, entries])
    stem, head = words.place(stem_words(plain)), words.place(head_words(plain))
    return [plain.image_size, stem, head, *stages]


def compact(value: Any) -> Any:
    """Return plain data with floats rounded to six significant digits and NaN as None."""
    if isinstance(value, dict):
        return {key: compact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [compact(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return compact(value.tolist())
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        rounded = float(f"{value:.6g}")
        return int(rounded) if rounded.is_integer() else rounded
    return value


def script_json(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in, whatever strings it holds."""
    text = json.dumps(compact(value), separators=(",", ":"), ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text

"""The package optuna-dashboard: its import, and workarounds for two of its faults.

It reads constraints where Optuna 5 no longer writes them, which `RunOverlay` answers by writing
them where it looks; and it lists infeasible trials among the best, by a search that is quadratic
from three objectives on, which is answered here by replacing the one function that lists them. Two
more replacements keep figures in order, and keep the note of each trial from being looked for among
the notes of all.
"""

import importlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Protocol

import numpy as np

from archsearch.analysis import nondominated
from archsearch.errors import InputError, Problem

logger = logging.getLogger(__name__)

#: system attribute of a shown trial: a latency is over its budget by its plain number
OVER_BY_NUMBER = "archsearch:over_by_number"


class Trial(Protocol):
    """The attributes of Optuna's trials that are used here."""

    state: Any
    values: Any
    constraints: Any
    system_attrs: Any


def load_dashboard() -> Any:
    """Return the module ``optuna_dashboard._app``, its faults wrapped.

    Raises:
        InputError: the package is not installed.
    """
    try:
        application = importlib.import_module("optuna_dashboard._app")
        notes = importlib.import_module("optuna_dashboard._note")
    except ImportError:
        raise InputError(
            Problem(
                "",
                "archsearch dashboard needs the package optuna-dashboard, which is not installed",
                remedy="pip install 'archsearch[dashboard]'",
            )
        ) from None
    _replace(application, "get_pareto_front_trials", lambda original: best_trials)
    _replace(application, "get_plotly_graph_objects", _in_order)
    _replace(notes, "get_note_from_system_attrs", _own_notes)
    return application


def best_trials(trials: Sequence[Trial], directions: Sequence[Any]) -> list[Any]:
    """Return the non-dominated trials among the complete ones that keep every constraint.

    Who is over a budget by an uncertain latency counts only where the others leave none.
    """
    known = [
        trial
        for trial in trials
        if trial.state.name == "COMPLETE" and all(c <= 0.0 for c in trial.constraints.values())
    ]
    points = np.array([trial.values for trial in known], dtype=np.float64)
    if not known:
        return []
    mask = nondominated(points, tuple(each.name == "MAXIMIZE" for each in directions))
    front = [trial for trial, kept in zip(known, mask, strict=True) if kept]
    return [each for each in front if not each.system_attrs.get(OVER_BY_NUMBER)] or front


class NotedAttrs(dict[str, Any]):
    """System attributes of a study that also know the notes of its trials.

    Args:
        attrs: the attributes.
        note_of: trial id to its note, in Markdown; empty for none.
    """

    def __init__(self, attrs: Mapping[str, Any], note_of: Callable[[int], str]) -> None:
        super().__init__(attrs)
        self.note_of = note_of


def _in_order(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def figures(system_attrs: dict[str, Any]) -> dict[str, str]:
        return dict(sorted(original(system_attrs).items()))

    return figures


def _own_notes(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def note(system_attrs: dict[str, Any], trial_id: int | None) -> Any:
        written = f"dashboard:{trial_id}:note_ver" in system_attrs
        if trial_id is None or written or not isinstance(system_attrs, NotedAttrs):
            return original(system_attrs, trial_id)
        return {"version": 0, "body": system_attrs.note_of(trial_id)}

    return note


def _replace(module: Any, name: str, by: Callable[[Any], Any]) -> None:
    original = getattr(module, name, None)
    if original is None:
        logger.warning("%s has no %s: this version of it is not known", module.__name__, name)
    elif not getattr(original, "_archsearch", False):
        replacement = by(original)
        replacement._archsearch = True
        setattr(module, name, replacement)

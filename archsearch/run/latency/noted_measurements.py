"""First measurements in the notes of a trial, from which a later session goes on."""

from collections.abc import Mapping
from typing import Any

from archsearch.errors import TrialError
from archsearch.record import LatencyPrediction, LatencyResult
from archsearch.run.latency.first_measurement import FirstMeasurement
from archsearch.run.network_values import record_of
from archsearch.search.evaluation import Evaluation
from archsearch.search.interrupted import LOOKS

_PREDICTED = "predicted"


def look_note(
    candidate: Evaluation, name: str, look: FirstMeasurement | TrialError
) -> dict[str, Any]:
    """Return what to note of a first measurement; nothing of one that failed.

    Args:
        candidate: what was measured.
        name: of the latency.
        look: its measurement.
    """
    if isinstance(look, TrialError):
        return {}
    taken = [look.latency, *look.rejected]
    known = candidate.notes.get(LOOKS, {})
    note: dict[str, Any] = {
        LOOKS: {**known, name: [each.model_dump(mode="json") for each in taken]}
    }
    if (predicted := record_of(candidate).predicted) is not None:
        note[_PREDICTED] = predicted.model_dump(mode="json")
    return note


def noted_look(notes: Mapping[str, Any], name: str) -> FirstMeasurement | None:
    """Return the first measurement that the notes of a trial hold; None for none."""
    taken = notes.get(LOOKS, {}).get(name)
    if not taken:
        return None
    latency, *rejected = (LatencyResult.model_validate(each) for each in taken)
    return FirstMeasurement(latency, tuple(rejected))


def noted_prediction(notes: Mapping[str, Any]) -> LatencyPrediction | None:
    """Return the latency that was expected before the measurement; None for none."""
    predicted = notes.get(_PREDICTED)
    return LatencyPrediction.model_validate(predicted) if predicted else None

"""A read-only view of a run's Optuna storage, with added attributes, for other programs.

Optuna's tools read any storage. This one returns the contents of the run's own storage,
with additions in memory, so that nothing is written where a search may be at work.
"""

import threading
from collections.abc import Container, Mapping, Sequence
from typing import Any, Protocol

import optuna
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from archsearch.errors import RunError
from archsearch.search.storage import Storage


class ReadOnlyError(RunError):
    """Something tried to write to a storage that was opened for reading."""


class Overlay(Protocol):
    """Additions to the storage, and replacements of its values."""

    def study_attrs(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the user attributes to show in place of ``attrs``."""

    def study_system_attrs(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the system attributes to show in place of ``attrs``."""

    def trial(self, trial: FrozenTrial) -> FrozenTrial:
        """Return the trial to show in place of ``trial``, which must not be changed."""


class StorageView(BaseStorage):
    """One study of a storage, seen through an `Overlay`.

    Args:
        storage: where the study is.
        study_name: the only study that is shown.
        overlay: what to add.
        writable: hand writes on to the storage.

    Raises:
        RunError: the storage or its study cannot be read.
    """

    def __init__(
        self, storage: Storage, study_name: str, overlay: Overlay, *, writable: bool = False
    ) -> None:
        self._overlay = overlay
        self._writable = writable
        self._lock = threading.Lock()
        self._shown: dict[int, tuple[FrozenTrial, FrozenTrial]] = {}
        with storage.explain_errors("cannot be read", Exception):
            self._inner = storage.open() if writable else storage.open_to_read()
            self._study_id = self._inner.get_study_id_from_name(study_name)

    @property
    def study_id(self) -> int:
        """Optuna's id of the study."""
        return int(self._study_id)

    def refresh(self) -> None:
        """Clear the cache of finished trials: the overlay makes them anew."""
        with self._lock:
            self._shown.clear()

    # reading

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study."""
        return self._inner.get_study_id_from_name(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of the study."""
        return self._inner.get_study_name_from_id(self._known(study_id))

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of the study."""
        return self._inner.get_study_directions(self._known(study_id))

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return what the overlay shows of the study's attributes."""
        return self._overlay.study_attrs(self._inner.get_study_user_attrs(self._known(study_id)))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the study's system attributes and what the overlay adds."""
        attrs = self._inner.get_study_system_attrs(self._known(study_id))
        return self._overlay.study_system_attrs(attrs)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return the one study."""
        return [
            FrozenStudy(
                study_name=self.get_study_name_from_id(self._study_id),
                direction=None,
                directions=self.get_study_directions(self._study_id),
                user_attrs=self.get_study_user_attrs(self._study_id),
                system_attrs=self.get_study_system_attrs(self._study_id),
                study_id=self._study_id,
            )
        ]

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial as the overlay shows it."""
        return self._show(self._inner.get_trial(trial_id))

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials as the overlay shows them; they are the caller's to keep, not change.

        A deep copy of ten thousand trials takes seconds, so none is made.
        """
        trials = self._inner.get_all_trials(self._known(study_id), deepcopy=False, states=states)
        return [self._show(trial) for trial in trials]

    def _known(self, study_id: int) -> int:
        if study_id != self._study_id:
            raise KeyError(f"study {study_id} is not shown here")
        return study_id

    def _show(self, trial: FrozenTrial) -> FrozenTrial:
        with self._lock:
            known = self._shown.get(trial.number)
            if known is not None and known[0] is trial and trial.state.is_finished():
                return known[1]
        shown = self._overlay.trial(trial)
        with self._lock:
            self._shown[trial.number] = (trial, shown)
        return shown

    # writing

    def _write(self) -> BaseStorage:
        if not self._writable:
            raise ReadOnlyError("this view of the study is read-only")
        return self._inner

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Refuse: a view shows one study."""
        raise ReadOnlyError("this view holds one study and makes no other")

    def delete_study(self, study_id: int) -> None:
        """Delete the study."""
        self._write().delete_study(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set an attribute of the study."""
        self._write().set_study_user_attr(study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a system attribute of the study, e.g. a note."""
        self._write().set_study_system_attr(study_id, key, value)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Create a trial."""
        return self._write().create_new_trial(study_id, template_trial)

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: optuna.distributions.BaseDistribution,
    ) -> None:
        """Set a parameter of a trial."""
        self._write().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Finish a trial."""
        return self._write().set_trial_state_values(trial_id, state, values)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Set an intermediate value of a trial."""
        self._write().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set an attribute of a trial."""
        self._write().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a trial."""
        self._write().set_trial_system_attr(trial_id, key, value)


def shown_trial(
    trial: FrozenTrial,
    *,
    values: Sequence[float] | None,
    user_attrs: Mapping[str, Any],
    system_attrs: Mapping[str, Any],
    intermediate_values: Mapping[int, float],
) -> FrozenTrial:
    """Return a copy of ``trial`` with other contents."""
    return FrozenTrial(
        number=trial.number,
        trial_id=trial._trial_id,
        state=trial.state,
        value=None,
        values=values,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=dict(user_attrs),
        system_attrs=dict(system_attrs),
        intermediate_values=dict(intermediate_values),
    )

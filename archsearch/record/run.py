"""A whole run, as read back from its folder."""

import importlib
from typing import Any

from pydantic import Field, model_validator

from archsearch.arch import Spec
from archsearch.record.aims import FIRST_TARGET, Aims
from archsearch.record.environment import Environment
from archsearch.record.teacher_text import teacher_words
from archsearch.record.trial import BaselineRecord, TrialRecord


class RunRecord(Spec):
    """A whole run, as read back from its folder.

    Attributes:
        name: of the run.
        config: the resolved configuration, plain data.
        environment: where latency was measured.
        trials: in order of their numbers.
        front: numbers of the front's trials, by increasing latency.
        budget_ms: latency budget of the first target; None for no budget.
        aims: what the front trades off, and the budgets of all targets.
        wall_s: seconds spent over all sessions of the run.
        time_by_cause: where worker and driver time went, in seconds.
        notes: lines that the run printed for the reader, e.g. dropped front members.
        baselines: known networks beside the candidates, in the order of their names.
    """

    name: str
    config: dict[str, object]
    environment: Environment
    trials: tuple[TrialRecord, ...] = ()
    front: tuple[int, ...] = ()
    budget_ms: float | None = None
    aims: Aims = Aims()
    wall_s: float = 0.0
    time_by_cause: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    baselines: tuple[BaselineRecord, ...] = ()

    @model_validator(mode="after")
    def _aims_from_budget(self) -> "RunRecord":
        """Let a budget that is given alone count in the aims."""
        if self.budget_ms is not None and FIRST_TARGET not in self.aims.budgets_ms:
            budgets = {FIRST_TARGET: self.budget_ms, **self.aims.budgets_ms}
            object.__setattr__(self, "aims", self.aims.model_copy(update={"budgets_ms": budgets}))
        return self

    @property
    def teacher(self) -> str:
        """The teacher that candidates learned from beside the labels; empty for none."""
        return teacher_words(self.config.get("recipe"))

    @property
    def inherits(self) -> str:
        """What its candidates began with, as `SearchConfig.inherit`; empty for new weights."""
        identity = self.config.get("identity")
        asked = identity.get("inherit") if isinstance(identity, dict) else None
        return "" if asked in (None, "none") else str(asked)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on how its candidates were trained other than from new weights and labels."""
        teacher, start = self.teacher, self.inherits
        return (
            *([f"Every candidate learned from the teacher {teacher}."] if teacher else []),
            *([f"Candidates began with inherited weights ({start})."] if start else []),
        )

    def frame(self) -> Any:
        """Return the trials as a pandas frame; see `archsearch.report.notebook.run_frame`.

        Raises:
            InputError: pandas is not installed.
        """
        return _notebook().run_frame(self)

    def figures(self) -> dict[str, Any]:
        """Return the figures of the report as plotly objects, by key: ``front``, ``curves`` ..."""
        figures: dict[str, Any] = _notebook().run_figures(self)
        return figures

    def front_table(self) -> Any:
        """Return the front as an `archsearch.report.PlainTable`, which a notebook shows.

        It has its rows as plain data (``values``) and as ``markdown()``, ``latex()``, ``csv()``
        and ``json()``.
        """
        return importlib.import_module("archsearch.report.run_tables").front_table(self)

    def _repr_html_(self) -> str:
        """Return headline and front for a notebook, without scripts."""
        html: str = importlib.import_module("archsearch.report.notebook_html").run_html(self)
        return html


def _notebook() -> Any:
    """Return the module that draws runs, imported on use: records come before reports."""
    return importlib.import_module("archsearch.report.notebook")

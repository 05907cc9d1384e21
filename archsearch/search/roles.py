"""The parts of a search that differ between functions and networks, as the engine uses them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from archsearch.search.evaluation import Evaluation
from archsearch.search.trial_log import TrialLog

if TYPE_CHECKING:
    from archsearch.search.engine import Engine


@dataclass(frozen=True)
class Limits:
    """The limits that end a search.

    Attributes:
        trials: configurations to evaluate in all, those of earlier sessions included.
        time_limit_s: begin nothing new after this many seconds; None for no limit.
        patience: begin nothing new after this many configurations in a row without a
            gain in hypervolume; None for no such limit.
        first_failures: end the search if the first evaluations, this many, all fail.
    """

    trials: int
    time_limit_s: float | None = None
    patience: int | None = None
    first_failures: int = 5


@dataclass(frozen=True)
class Policy:
    """The order of results and proposals.

    Attributes:
        fill_first: results are used only when every worker has work, so that proposals do
            not depend on timing; otherwise as they arrive.
        reuse_results: a configuration that is proposed again gets the recorded result; otherwise
            a duplicate gets none.
        look_after: proposals in a row that need no evaluation, before results are looked at again.
        give_up_after: such proposals in a row after which nothing new is proposed any more.
        finish_one: one candidate at least goes on to the last rung.
        pause_when_idle: without a gain for too long, nothing goes on to a higher rung either.
    """

    fill_first: bool
    reuse_results: bool
    look_after: int
    give_up_after: int
    finish_one: bool
    pause_when_idle: bool


#: keeps plain data with trials in progress, by number
Note = Callable[[Mapping[int, Mapping[str, Any]]], None]


class Screening(Protocol):
    """Screens proposals before they are evaluated.

    A trial travels as a frozen `Evaluation`: ``running`` while there is something to be done.
    """

    @property
    def ended(self) -> str:
        """Why proposals end; empty while they go on."""
        ...

    def screen(self, proposed: Evaluation) -> Evaluation:
        """Return a new proposal with its cheap values; ended where they decide."""
        ...

    def is_enough(self, batch: Sequence[Evaluation], wanted: int, feasible_share: float) -> bool:
        """Tell whether a batch is to be measured now, or more proposals are to join it."""
        ...

    def measure(
        self, batch: Sequence[Evaluation], settle: Callable[[Evaluation], None], note: Note
    ) -> list[Evaluation]:
        """Measure what is needed before an evaluation; end those that fail, and return the rest.

        What a trial's notes tell is not measured again, and what was measured is noted.
        """
        ...

    def rescue(self, search: "Engine") -> list[Evaluation]:
        """Return candidates when no proposal was feasible so far; see `Engine.try_out`.

        Raises:
            BudgetUnreachableError: there is nothing.
        """
        ...

    def check_reachable(self, log: TrialLog) -> None:
        """Refuse a search in which nothing that was proposed keeps the limits.

        Raises:
            InputError: or `BudgetUnreachableError`, with what comes nearest.
        """
        ...

    @property
    def remark(self) -> str:
        """A remark to print when proposals end."""
        ...


class Evaluator(Protocol):
    """Evaluates candidates, and returns the attributes that the study keeps."""

    def room(self, running: int) -> int:
        """Return how many evaluations should be begun now."""
        ...

    def begin(self, trial: Evaluation, paused: Evaluation | None) -> None:
        """Begin to evaluate at the trial's rung; ``paused`` is what it goes on from."""
        ...

    def results(self) -> Iterable[Evaluation]:
        """Return evaluations that have ended since; may wait a moment for one."""
        ...

    def point(self, evaluation: Evaluation) -> Sequence[float] | None:
        """Return the objectives, smaller is better; None where there are none."""
        ...

    def attributes(self, evaluation: Evaluation) -> Mapping[str, Any]:
        """Return what the study keeps of a trial, plain data."""
        ...

    def recorded(self, evaluation: Evaluation, log: TrialLog) -> None:
        """Note a finished trial."""
        ...

    def restored(self) -> Iterable[Evaluation]:
        """Return the trials of earlier sessions, in the order in which they count."""
        ...


@dataclass
class Watch:
    """Callbacks for the progress of a search; by default none.

    Attributes:
        line: prints a line.
        show: shows a snapshot: what happens now, whether it must be seen, and every trial.
        hint: ends the sentence on a search whose first evaluations all failed.
    """

    line: Callable[[str], None] = lambda text: None
    show: Callable[[str, bool, TrialLog], None] = lambda phase, force, log: None
    hint: str = ""

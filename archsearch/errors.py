"""Every error that archsearch raises on purpose.

ArchsearchError
├── InputError (ValueError)      the input is wrong: exit code 2, lists every problem found
├── RunError                     the run failed: exit code 1
│   ├── BudgetUnreachableError   nothing in the space meets the budget
│   ├── NotQuietError            training did not pause for a measurement in time
│   └── ProbeError               latency could not be measured
└── TrialError                   one candidate failed; the run goes on
    └── DivergedError            its loss became NaN or infinite
"""

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

#: names that a list holds; timm has more than a thousand models
_LISTED = 40
_REQUIREMENT = re.compile(r"\b(must|at least|or more)\b")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input, and the way out; written out, it is one sentence.

    The rule is a requirement (``must``, ``at least``), and the value follows it: ``--trials:
    must be at least 1, but got 0``. Or it is a finding, and the value stands in brackets:
    ``--device: no CUDA device can be used here (got 'cuda')``.

    Attributes:
        key: what the user wrote the value at: the flag (``--trials``), the dotted path in a file
            (``stages.1.width``) or the name of an argument; empty for a whole file.
        rule: what must hold or what was found, as a clause with a verb. With a key or a file in
            front it may start with the verb: ``must be at least 1``, ``is an unknown key``.
        value: the offending value as the user wrote it; None when there is none to show.
        remedy: what to do instead; empty when the rule already says it.
        file: file the value came from; empty when it came from the command line or from code.
        line: 1-based line in ``file``; 0 when unknown.
    """

    key: str
    rule: str
    value: object = None
    remedy: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        where = ": ".join(part for part in (place, self.key) if part)
        text = f"{where}: {self.rule}" if where else self.rule
        if self.value is not None:
            shown = repr(self.value)
            shown = shown if len(shown) <= 200 else shown[:197] + "..."
            text += f", but got {shown}" if _REQUIREMENT.search(self.rule) else f" (got {shown})"
        return f"{text}; {self.remedy}" if self.remedy else text


class ArchsearchError(Exception):
    """Base of every error raised on purpose."""


class InputError(ArchsearchError, ValueError):
    """The input is wrong.

    Attributes:
        problems: everything that was found, not only the first.

    Examples:
        >>> from archsearch import InputError, load_space
        >>> try:
        ...     load_space("tinny")
        ... except InputError as error:
        ...     print(error.problems[0].remedy)
        did you mean 'tiny'?
    """

    def __init__(self, problems: Problem | Sequence[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ProblemList:
    """Collects the problems of several checks, so that a user sees all of them at once."""

    def __init__(self) -> None:
        self._found: dict[str, Problem] = {}

    def add(self, *problems: Problem | None) -> None:
        """Add problems; None is none."""
        self._found.update({str(each): each for each in problems if each is not None})

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Add the problems of an `InputError` that is raised inside, and go on after the block."""
        try:
            yield
        except InputError as error:
            self.add(*error.problems)

    @property
    def problems(self) -> list[Problem]:
        """What was found so far."""
        return list(self._found.values())

    def check(self) -> None:
        """Raise what was found.

        Raises:
            InputError: something was.
        """
        if self._found:
            raise InputError(list(self._found.values()))


class RunError(ArchsearchError):
    """The run failed although its input was right."""


class BudgetUnreachableError(RunError):
    """No architecture of the space meets the budget."""


class NotQuietError(RunError):
    """Training on this machine did not pause for a measurement in time."""


class ProbeError(RunError):
    """Latency could not be measured."""


class TrialError(ArchsearchError):
    """One candidate failed; the run goes on without it."""


class DivergedError(TrialError):
    """The loss of a candidate became NaN or infinite."""


def limited(problems: Sequence[Problem], what: str, most: int = 20) -> list[Problem]:
    """Return the first ``most`` problems, and one that counts the rest: ``and 7 more WHAT``."""
    if len(problems) <= most:
        return list(problems)
    return [*problems[:most], Problem("", f"and {len(problems) - most} more {what}")]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a remedy that offers the names closest to ``name``, or lists those there are."""
    names = sorted(known)
    close = difflib.get_close_matches(str(name), names, n=3, cutoff=0.6)
    # lr for learning_rate
    initials = [each for each in names if name == "".join(word[:1] for word in each.split("_"))]
    close = initials + [each for each in close if each not in initials]
    if close:
        return "did you mean " + " or ".join(f"'{match}'" for match in close) + "?"
    more = f", and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return "known: " + ", ".join(names[:_LISTED]) + more

"""One finding of a check."""

from dataclasses import dataclass
from typing import Literal

#: ``problem``: a run would fail; ``note``: it would be slower, or its numbers less sure
Level = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Finding:
    """One finding of a check.

    Attributes:
        name: what.
        value: what was found.
        level: how it matters.
        means: what would go wrong; empty where nothing would.
        remedy: what to do; empty where there is nothing to do.
    """

    name: str
    value: str
    level: Level = "ok"
    means: str = ""
    remedy: str = ""

"""The registry of trackers, and their interface."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from archsearch.errors import InputError, Problem, nearest
from archsearch.tracking.entry import Entry


class Sink(Protocol):
    """One tracker. Its methods are called from one thread, and may raise anything."""

    def write(self, entry: Entry, done: int, version: int) -> None:
        """Write an entry, or what is new of one.

        Args:
            entry: the whole of it as it is now.
            done: the last step of its points that was written before; 0 for none.
            version: how often the entry was written with results before.
        """
        ...

    def close(self) -> None:
        """Write what is still in memory."""
        ...


@dataclass(frozen=True)
class SinkKind:
    """How a tool is opened.

    Attributes:
        package: that it needs; also the name of the extra that brings it.
        open: returns the sink, given the folder of the results and their name.
    """

    package: str
    open: Callable[[Path, str], Sink]


def _later(module: str, name: str) -> Callable[[Path, str], Sink]:
    def opened(folder: Path, group: str) -> Sink:
        # these packages take seconds to import, and are extras
        sink: Sink = getattr(importlib.import_module(f"archsearch.tracking.{module}"), name)(
            folder, group
        )
        return sink

    return opened


#: name, as ``--log`` takes it -> tool
SINKS: dict[str, SinkKind] = {
    "tensorboard": SinkKind("tensorboard", _later("tensorboard_sink", "TensorBoardSink")),
    "wandb": SinkKind("wandb", _later("wandb_sink", "WandbSink")),
    "mlflow": SinkKind("mlflow", _later("mlflow_sink", "MlflowSink")),
}


def check_sinks(names: Sequence[str], key: str = "--log") -> tuple[Any, ...]:
    """Return the names of tools, each once.

    Raises:
        InputError: with each that is unknown or not installed.
    """
    problems = []
    for name in names:
        if name not in SINKS:
            rule = f"must be one of {', '.join(SINKS)}"
            problems.append(Problem(key, rule, name, nearest(name, SINKS)))
        elif importlib.util.find_spec(SINKS[name].package) is None:
            remedy = f"run pip install 'archsearch[{SINKS[name].package}]'"
            problems.append(Problem(key, f"needs the package {name}", None, remedy))
    if problems:
        raise InputError(problems)
    return tuple(dict.fromkeys(names))

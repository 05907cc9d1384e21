"""All checks, independent of each other: a check that fails is a finding."""

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archsearch.doctor import hardware, software, storage
from archsearch.doctor.finding import Finding
from archsearch.doctor.import_check import Answer, Question
from archsearch.resources import cache_dir

#: longest wait for other processes; all checks together take less than 15 s
LIMIT_S = 8.0
_RAY = """
import json, logging, time, ray
began = time.monotonic()
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
answer = ray.get(ray.remote(num_cpus=1)(lambda: 42).remote())
store = ray.cluster_resources().get("object_store_memory", 0)
print(json.dumps({"seconds": time.monotonic() - began, "store": store, "answer": answer}))
ray.shutdown()
"""


@dataclass
class Examination:
    """State that the checks share.

    Attributes:
        runs_dir: folder of all runs.
        limit_s: longest wait for other processes.
    """

    runs_dir: Path
    limit_s: float = LIMIT_S
    _questions: dict[str, Question] = field(default_factory=dict)
    _deadline: float = 0.0

    def begin(self) -> None:
        """Start the processes that are asked later; they take the longest."""
        self._deadline = time.monotonic() + self.limit_s
        asked = {"ray": _RAY, "torch": software.TORCH, **software.RUNTIMES}
        quiet = {"RAY_USAGE_STATS_ENABLED": "0"}
        for name, code in asked.items():
            if importlib.util.find_spec(name) is not None:
                self._questions[name] = Question(code, quiet)

    def ask(self, name: str) -> Answer | None:
        """Return the answer of a process; None where the package is not installed."""
        question = self._questions.pop(name, None)
        return question.answer(self._deadline) if question is not None else None

    def close(self) -> None:
        """End the processes that were not asked."""
        for name in list(self._questions):
            self._questions.pop(name).answer(0.0)


Check = Callable[[Examination], list[Finding]]


def _torch(examination: Examination) -> list[Finding]:
    answer = examination.ask("torch")
    return software.torch_findings(answer) if answer is not None else []


def _runtimes(examination: Examination) -> list[Finding]:
    found = []
    for name in software.RUNTIMES:
        answer = examination.ask(name)
        if answer is not None:
            found += software.runtime_findings(name, answer)
    return found


def _ray(examination: Examination) -> list[Finding]:
    answer = examination.ask("ray")
    return ray_findings(answer, examination.limit_s) if answer is not None else []


def ray_findings(answer: Answer, limit_s: float) -> list[Finding]:
    """Return whether Ray starts here."""
    if answer.data is not None:
        store = answer.data["store"] / 2**30
        return [
            Finding("start", f"in {answer.data['seconds']:.1f} s, object store {store:.1f} GiB")
        ]
    if answer.is_late:
        value = f"not within {limit_s:.0f} s"
        means = "a run waits as long for its workers"
        return [Finding("start", value, "note", means, "or use --executor inline")]
    means = "a run with the executor ray fails"
    return [Finding("start", answer.error, "problem", means, "use --executor inline")]


#: title -> what is looked at; in the order in which it is shown
CHECKS: dict[str, Check] = {
    "software": lambda examination: software.versions(),
    "limits": lambda examination: hardware.limits(),
    "processor": lambda examination: [
        *hardware.instructions(),
        *hardware.clock(),
        *hardware.allocator(),
    ],
    "storage": lambda examination: [
        *storage.folder("runs", examination.runs_dir),
        *storage.folder("cache", cache_dir(), is_needed=False),
    ],
    "display": lambda examination: storage.terminal(),
    "extras": lambda examination: software.extras(),
    "devices": _torch,
    "runtimes": _runtimes,
    "ray": _ray,
    # last: by now none of our processes is working
    "neighbours": lambda examination: hardware.neighbours(),
}


def examine(runs_dir: Path, limit_s: float = LIMIT_S) -> Iterator[tuple[str, list[Finding]]]:
    """Yield each title with what was found, as soon as it is known.

    Args:
        runs_dir: folder of all runs; it need not exist.
        limit_s: longest wait for other processes.
    """
    examination = Examination(runs_dir, limit_s)
    examination.begin()
    try:
        for title, check in CHECKS.items():
            try:
                found = check(examination)
            except Exception as error:
                means = "its finding is unknown"
                value = f"{type(error).__name__}: {error}"
                found = [Finding("check", value, "note", means)]
            yield title, found
    finally:
        examination.close()

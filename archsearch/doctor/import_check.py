"""Imports packages in other processes, so that a crash at import ends only that process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import IO, Any


@dataclass
class Answer:
    """The answer of a process, or its failure.

    Attributes:
        data: what it printed as JSON on its last line; None when it failed.
        error: last line of what it complained about; empty when it did not.
        is_late: it was still at work when its time was over.
    """

    data: Any = None
    error: str = ""
    is_late: bool = False


class Question:
    """A Python program that runs beside the rest until it is asked for its answer.

    Args:
        code: prints JSON on its last line.
        environment: variables beside those of this process.
    """

    def __init__(self, code: str, environment: dict[str, str] | None = None) -> None:
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the answer
        self._process = subprocess.Popen(
            # -P: no file of the folder where doctor was started takes the place of a package
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ | (environment or {}),
            start_new_session=True,
        )

    def _end(self) -> None:
        """End the process and those that it started."""
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.communicate()

    def answer(self, deadline: float) -> Answer:
        """Wait until ``deadline`` (of `time.monotonic`) at the latest."""
        try:
            out, _ = self._process.communicate(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._end()
            return Answer(is_late=True)
        finally:
            self._log.seek(0)
            said = self._log.read().decode(errors="replace").strip().splitlines()
            self._log.close()
        code = self._process.returncode
        if code != 0:
            return Answer(error=said[-1][:300] if said else f"ended with exit code {code}")
        try:
            return Answer(json.loads(out.decode(errors="replace").strip().splitlines()[-1]))
        except (ValueError, IndexError):
            return Answer(error="printed nothing that can be read")

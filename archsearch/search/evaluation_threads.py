"""Threads that evaluate, and that nobody has to wait for: a user's function may hang.

`concurrent.futures.ThreadPoolExecutor` waits for its threads when it is left, and once more when
the interpreter ends, so that an interruption would end nothing.
"""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self


class EvaluationThreads:
    """Daemon threads that call functions; use as a context manager.

    Without an error it waits for what was submitted; with one it drops what no thread has begun,
    and leaves the rest alone.

    Args:
        count: how many threads.
    """

    def __init__(self, count: int) -> None:
        self._work: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._work = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._serve, name=f"evaluate_{number}", daemon=True)
            for number in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        for _ in self._threads:
            self._work.put(None)
        if kind is None:
            for thread in self._threads:
                thread.join()

    def submit(self, work: Callable[[], Any]) -> "Future[Any]":
        """Let the next free thread call ``work``."""
        future: Future[Any] = Future()
        self._work.put((future, work))
        return future

    def _serve(self) -> None:
        while (item := self._work.get()) is not None:
            future, work = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # it is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(result)
            # a result that nobody needs any more is not kept until the next one comes
            del future, work, item

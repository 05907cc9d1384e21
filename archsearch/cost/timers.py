"""Clocks around inferences: the host's, and CUDA's."""

import time
from collections.abc import Callable
from itertools import pairwise

import torch

from archsearch.cost.measurement import TimedBlock, Timer

Run = Callable[[], object]


def host_timer(run: Run) -> Timer:
    """Time inferences that end when the call returns.

    A block starts with ``lead`` inferences off the clock: they bring the weights back into the
    caches, which the block before used for another network.
    """

    def timed(count: int, lead: int) -> TimedBlock:
        for _ in range(lead):
            run()
        clock = time.perf_counter_ns
        marks = [clock()]
        busy = time.process_time_ns()
        for _ in range(count):
            run()
            marks.append(clock())
        busy = time.process_time_ns() - busy
        times = tuple((end - begin) / 1e6 for begin, end in pairwise(marks))
        return TimedBlock(times, busy / max(1, marks[-1] - marks[0]))

    return timed


def cuda_timer(run: Run, device: torch.device) -> Timer:
    """Time inferences by CUDA events, each waited for before the next begins.

    The device is idle when an inference starts, so the time from the first event to the second
    includes what the host needs to launch it: what a caller waits for.
    """

    def timed(count: int, lead: int) -> TimedBlock:
        for _ in range(lead):
            run()
        stream = torch.cuda.current_stream(device)
        begin, end = _event(), _event()
        times = []
        torch.cuda.synchronize(device)
        for _ in range(count):
            begin.record(stream)
            run()
            end.record(stream)
            end.synchronize()
            times.append(begin.elapsed_time(end))
        return TimedBlock(tuple(times))

    return timed


def cuda_throughput_timer(run: Run, device: torch.device) -> Timer:
    """Time a block of inferences started back to back on CUDA; each gets an equal share."""

    def timed(count: int, lead: int) -> TimedBlock:
        for _ in range(max(1, lead)):
            run()
        stream = torch.cuda.current_stream(device)
        begin, end = _event(), _event()
        torch.cuda.synchronize(device)
        begin.record(stream)
        for _ in range(count):
            run()
        end.record(stream)
        end.synchronize()
        return TimedBlock((begin.elapsed_time(end) / count,) * count)

    return timed


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

"""Clocks around inferences: the host's, and CUDA's."""

import time
from collections.abc import Callable

import torch

from archsearch.cost.measurement import TimedBlock, Timer

Run = Callable[[], object]


def host_timer(run: Run) -> Timer:
    """Time inferences that end when the call returns.

    A block of several starts with one inference off the clock, which brings the weights back
    into the caches that the block before used for another network.
    """

    def timed(count: int) -> TimedBlock:
        if count > 1:
            run()
        clock = time.perf_counter_ns
        marks = [clock()]
        busy = time.process_time_ns()
        for _ in range(count):
            run()
            marks.append(clock())
        busy = time.process_time_ns() - busy
        times = tuple((end - begin) / 1e6 for begin, end in zip(marks, marks[1:], strict=False))
        return TimedBlock(times, busy / max(1, marks[-1] - marks[0]))

    return timed


def cuda_timer(run: Run, device: torch.device) -> Timer:
    """Time inferences by CUDA events, each waited for before the next begins.

    The device is idle when an inference starts, so the time from the first event to the second
    includes what the host needs to launch it: what a caller waits for.
    """

    def timed(count: int) -> TimedBlock:
        if count > 1:
            run()
        stream = torch.cuda.current_stream(device)
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
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

    def timed(count: int) -> TimedBlock:
        run()
        stream = torch.cuda.current_stream(device)
        begin = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize(device)
        begin.record(stream)
        for _ in range(count):
            run()
        end.record(stream)
        end.synchronize()
        return TimedBlock((begin.elapsed_time(end) / count,) * count)

    return timed

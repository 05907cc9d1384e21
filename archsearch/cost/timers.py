"""Clocks around inferences: the host's, and CUDA's."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import torch

from archsearch.cost.measurement import TimedBlock, Timer

Run = Callable[[], object]

#: share of a process's time that one thread took where it does all the work
_ALL_THE_WORK = 0.97
#: inferences that show whether the device waits for the host
_LAUNCHES = 7


def host_timer(run: Run) -> Timer:
    """Time inferences that end when the call returns.

    A block starts with ``lead`` inferences off the clock: they bring the weights back into the
    caches, which the block before used for another network.
    """

    def timed(count: int, lead: int) -> TimedBlock:
        for _ in range(lead):
            run()
        clock, own_clock = time.perf_counter_ns, time.thread_time_ns
        busy = time.process_time_ns()
        own, marks = [own_clock()], [clock()]
        for _ in range(count):
            run()
            own.append(own_clock())
            marks.append(clock())
        busy = time.process_time_ns() - busy
        return TimedBlock(
            _lengths_ms(marks),
            busy / max(1, marks[-1] - marks[0]),
            _lengths_ms(own) if own[-1] - own[0] >= _ALL_THE_WORK * busy else None,
        )

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


def launch_share(run: Run, device: torch.device) -> float:
    """Return the share of an inference on CUDA that the host takes to start it; about 1 or less.

    Near 1 the device waits for the host, and a slower host makes the inference slower; a graph's
    replay, or a large batch, is started long before it ends.
    """
    shares = []
    with torch.inference_mode():
        for _ in range(_LAUNCHES):
            torch.cuda.synchronize(device)
            begun = time.perf_counter()
            run()
            started = time.perf_counter()
            torch.cuda.synchronize(device)
            shares.append((started - begun) / (time.perf_counter() - begun))
    return median(shares)


def _lengths_ms(marks_ns: Sequence[int]) -> tuple[float, ...]:
    return tuple((end - begin) / 1e6 for begin, end in pairwise(marks_ns))


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

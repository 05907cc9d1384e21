"""Time of the parts of an inference, and the machine's peak rates: run in the probe."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch
from torch import nn

from archsearch.cost.latency_interval import is_narrow
from archsearch.cost.network_units import hooked

#: of the product that shows the matrix rate: a card needs larger ones to be filled
_MATRIX_SIDE = {"cpu": 768, "cuda": 8192}
_REPEATS = 5
#: pairs of inferences, with clocks and without, that a breakdown needs; fewer where its time is up
_ENOUGH = 15
#: width of the interval of both medians, over the median, from which more pairs say nothing new
_KNOWN_SHARE = 0.02


@dataclass(frozen=True)
class MachineRates:
    """Peak rates of the machine on this device, type and number of threads.

    Attributes:
        macs_per_s: in a product of two large square matrices.
        bytes_per_s: read and written, in a copy as large as the network's own data.
    """

    macs_per_s: float
    bytes_per_s: float


@dataclass(frozen=True)
class Breakdown:
    """Time of submodules inside whole inferences; means over the faster half of them.

    Means, not medians: what is inside an inference never adds up to more than the inference.

    Attributes:
        whole_ms: inference without clocks inside.
        clocked_ms: inference with them.
        unit_ms: submodule name to its time in an inference, parts included.
        num_inferences: that the clocked means are over.
        drift: latency of the reference around it over its calibration, minus 1; the larger of
            before and after.
        slowdown: how much slower the network ran than on a quiet machine, as the reference says.
    """

    whole_ms: float
    clocked_ms: float
    unit_ms: dict[str, float]
    num_inferences: int
    drift: float = 0.0
    slowdown: float = 1.0

    def in_quiet(self) -> "Breakdown":
        """Return the times on a quiet machine: divided by the slowdown."""
        return replace(
            self,
            whole_ms=self.whole_ms / self.slowdown,
            clocked_ms=self.clocked_ms / self.slowdown,
            unit_ms={name: ms / self.slowdown for name, ms in self.unit_ms.items()},
            slowdown=1.0,
        )


def measure_units(
    model: nn.Module,
    inputs: torch.Tensor,
    names: Sequence[str],
    time_limit_s: float,
) -> Breakdown:
    """Time submodules by clocks around their calls, alternating with inferences without.

    On the host with one thread the clocks are those of the process: they stand still while others
    have the processor. It ends when the median inference is known to 2 % with clocks and without,
    or the time is up.
    """
    plain: list[float] = []
    clocked: list[tuple[float, dict[str, float]]] = []
    on_cuda = inputs.device.type == "cuda"
    now_ns = time.process_time_ns if torch.get_num_threads() == 1 else time.perf_counter_ns
    clocks = _CudaClocks() if on_cuda else _HostClocks(now_ns)

    def timed_ms() -> float:
        if on_cuda:
            return _timed_ms(lambda: model(inputs), on_cuda)
        begun = now_ns()
        model(inputs)
        return (now_ns() - begun) / 1e6

    for _ in range(3):
        model(inputs)
    deadline = time.perf_counter() + time_limit_s
    while len(clocked) < 5 or (time.perf_counter() < deadline and not _is_known(plain, clocked)):
        plain.append(timed_ms())
        with hooked(model, names, clocks.enter, clocks.leave):
            total_ms = timed_ms()
        clocked.append((total_ms, clocks.collect()))
    # the same inferences for the parts and the whole, so that the parts add up
    quiet = sorted(clocked, key=lambda each: each[0])[: (len(clocked) + 1) // 2]
    return Breakdown(
        whole_ms=fmean(sorted(plain)[: (len(plain) + 1) // 2]),
        clocked_ms=fmean(total_ms for total_ms, _ in quiet),
        unit_ms={name: fmean(spent.get(name, 0.0) for _, spent in quiet) for name in names},
        num_inferences=len(quiet),
    )


def _is_known(plain: list[float], clocked: list[tuple[float, dict[str, float]]]) -> bool:
    if len(plain) < _ENOUGH:
        return False
    whole = [total_ms for total_ms, _ in clocked]
    return is_narrow(plain, _KNOWN_SHARE) and is_narrow(whole, _KNOWN_SHARE)


def measure_rates(device: torch.device, dtype: torch.dtype, working_bytes: int) -> MachineRates:
    """Measure the matrix rate, and the bandwidth at a working set of ``working_bytes``.

    The best of several tries counts: a bound is the machine's capability.
    """
    on_cuda = device.type == "cuda"
    side = _MATRIX_SIDE[device.type]
    square = torch.randn(side, side, device=device).to(dtype)
    count = max(2**14, min(working_bytes, 2**28) // 8)
    source, copy = torch.zeros(2, count, device=device)

    def best_ms(action: Callable[[], object], inner: int) -> float:
        def several() -> None:
            for _ in range(inner):
                action()

        several()
        return min(_timed_ms(several, on_cuda) for _ in range(_REPEATS)) / inner

    product_ms = best_ms(lambda: square @ square, 1)
    copy_ms = best_ms(lambda: copy.copy_(source), max(1, 2**22 // count))
    return MachineRates(
        macs_per_s=side**3 / product_ms * 1000,
        bytes_per_s=2 * source.nbytes / copy_ms * 1000,
    )


def _timed_ms(action: Callable[[], object], on_cuda: bool) -> float:
    if on_cuda:
        torch.cuda.synchronize()
    begun = time.perf_counter_ns()
    action()
    if on_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter_ns() - begun) / 1e6


class _HostClocks:
    """Clocks that read the host's time, in nanoseconds."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._open: list[int] = []
        self._spent: dict[str, float] = defaultdict(float)

    def enter(self, name: str, args: Any) -> None:
        self._open.append(self._now_ns())

    def leave(self, name: str, output: Any) -> None:
        self._spent[name] += (self._now_ns() - self._open.pop()) / 1e6

    def collect(self) -> dict[str, float]:
        spent, self._spent = self._spent, defaultdict(float)
        return dict(spent)


class _CudaClocks:
    """Clocks that put events into the stream, read when the inference is over."""

    def __init__(self) -> None:
        self._open: list[torch.cuda.Event] = []
        self._pairs: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    def enter(self, name: str, args: Any) -> None:
        self._open.append(_recorded())

    def leave(self, name: str, output: Any) -> None:
        self._pairs.append((name, self._open.pop(), _recorded()))

    def collect(self) -> dict[str, float]:
        torch.cuda.synchronize()
        spent: dict[str, float] = defaultdict(float)
        for name, begin, end in self._pairs:
            spent[name] += begin.elapsed_time(end)
        self._pairs = []
        return dict(spent)


def _recorded() -> torch.cuda.Event:
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event

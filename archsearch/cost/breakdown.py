"""Time of the parts of an inference, and the machine's peak rates: run in the probe."""

import inspect
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
from archsearch.cost.runtimes import prepare

#: events that a CUDA graph records anew at each replay came with PyTorch 2.9
_HAS_GRAPH_CLOCKS = "external" in inspect.signature(torch.cuda.Event.__new__).parameters
#: runtimes whose inferences can hold clocks around submodules
CLOCKED_RUNTIMES = ("eager", "cuda_graph") if _HAS_GRAPH_CLOCKS else ("eager",)

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
    runtime: str = "eager",
) -> Breakdown:
    """Time submodules by clocks around their calls, alternating with inferences without.

    On the host with one thread the clocks are those of the process: they stand still while others
    have the processor. It ends when the median inference is known to 2 % with clocks and without,
    or the time is up.

    Args:
        model: network on its device.
        inputs: images on that device.
        names: dotted names of submodules.
        time_limit_s: longest measurement.
        runtime: one of `CLOCKED_RUNTIMES`.
    """
    plain: list[float] = []
    clocked: list[tuple[float, dict[str, float]]] = []
    for _ in range(3):
        model(inputs)
    kind = _GraphInferences if runtime == "cuda_graph" else _EagerInferences
    inferences = kind(model, inputs, names)
    deadline = time.perf_counter() + time_limit_s
    while len(clocked) < 5 or (time.perf_counter() < deadline and not _is_known(plain, clocked)):
        plain.append(inferences.plain_ms())
        clocked.append(inferences.clocked())
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
    """Clocks that put events into the stream, read when the inference is over.

    Args:
        in_graph: the events become nodes of the CUDA graph that is being recorded, and each of its
            replays sets them anew.
    """

    def __init__(self, *, in_graph: bool = False) -> None:
        self._in_graph = in_graph
        self._open: list[torch.cuda.Event] = []
        self._pairs: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    def enter(self, name: str, args: Any) -> None:
        self._open.append(self._recorded())

    def leave(self, name: str, output: Any) -> None:
        self._pairs.append((name, self._open.pop(), self._recorded()))

    def collect(self) -> dict[str, float]:
        torch.cuda.synchronize()
        spent: dict[str, float] = defaultdict(float)
        for name, begin, end in self._pairs:
            spent[name] += begin.elapsed_time(end)
        if not self._in_graph:
            self._pairs = []
        return dict(spent)

    def _recorded(self) -> torch.cuda.Event:
        event = _event(external=self._in_graph)
        event.record()
        return event


class _EagerInferences:
    """Inferences of which the host starts every kernel, on any device."""

    def __init__(self, model: nn.Module, inputs: torch.Tensor, names: Sequence[str]) -> None:
        self._model, self._inputs, self._names = model, inputs, names
        self._on_cuda = inputs.device.type == "cuda"
        alone = torch.get_num_threads() == 1
        self._now_ns = time.process_time_ns if alone else time.perf_counter_ns
        self._clocks = _CudaClocks() if self._on_cuda else _HostClocks(self._now_ns)

    def plain_ms(self) -> float:
        """Return the time of an inference without clocks inside."""
        if self._on_cuda:
            return _timed_ms(lambda: self._model(self._inputs), on_cuda=True)
        begun = self._now_ns()
        self._model(self._inputs)
        return (self._now_ns() - begun) / 1e6

    def clocked(self) -> tuple[float, dict[str, float]]:
        """Return the time of an inference with clocks, and that of each submodule."""
        with hooked(self._model, self._names, self._clocks.enter, self._clocks.leave):
            total_ms = self.plain_ms()
        return total_ms, self._clocks.collect()


class _GraphInferences:
    """Replays of two CUDA graphs, one with clocks inside: the host has no part in their times."""

    def __init__(self, model: nn.Module, inputs: torch.Tensor, names: Sequence[str]) -> None:
        self._clocks = _CudaClocks(in_graph=True)
        self._plain = prepare("cuda_graph", model, inputs)
        self._clocked = prepare("cuda_graph", _Clocked(model, names, self._clocks), inputs)

    def plain_ms(self) -> float:
        """Return the time of a replay without clocks inside."""
        return _replay_ms(self._plain)

    def clocked(self) -> tuple[float, dict[str, float]]:
        """Return the time of a replay with clocks, and that of each submodule."""
        total_ms = _replay_ms(self._clocked)
        return total_ms, self._clocks.collect()


class _Clocked(nn.Module):
    """A network with clocks inside, but only while a graph is being recorded."""

    def __init__(self, model: nn.Module, names: Sequence[str], clocks: _CudaClocks) -> None:
        super().__init__()
        self.model = model
        self._names, self._clocks = names, clocks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) -> what the network returns."""
        recording = torch.cuda.is_current_stream_capturing()
        names = self._names if recording else ()
        with hooked(self.model, names, self._clocks.enter, self._clocks.leave):
            output: torch.Tensor = self.model(x)
        return output


def _replay_ms(replay: Callable[[], object]) -> float:
    begin, end = _event(), _event()
    begin.record()
    replay()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end))


def _event(*, external: bool = False) -> torch.cuda.Event:
    if external:
        return torch.cuda.Event(enable_timing=True, external=True)  # type: ignore[no-untyped-call]
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

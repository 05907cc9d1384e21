"""The reference network on a device, and what it takes on a quiet machine."""

import time
from statistics import median

import torch

from archsearch.cost.measurement import TimedBlock, Timer, calibrate, reference_ms
from archsearch.cost.measurement_history import DEVICE_QUIET, HOST_QUIET
from archsearch.cost.reference_cache import ReferenceCache
from archsearch.cost.reference_network import ReferenceNetwork, build_reference
from archsearch.cost.runtimes import prepare
from archsearch.cost.timers import Run, cuda_timer, host_timer

_BALLAST_BYTES = 8 * 1024 * 1024
#: blocks of the reference before and after a breakdown
_LOOKS = 3


class QuietReference:
    """Times the reference network and remembers the quiet machine, by number of threads.

    Args:
        device: where it runs.
        environment: fingerprint of the environment, under which its latency is kept.
        is_host_bound: whether the host starts each of its kernels, as in eager inference of one
            image. False replays a CUDA graph, whose time is the device's alone.

    Attributes:
        environment: what its latencies and those measured beside it are kept under.
        quiet_spread: standard deviation, of the logarithm, that measurements beside it have.
    """

    def __init__(self, device: torch.device, environment: str, is_host_bound: bool = True) -> None:
        self.environment = environment if is_host_bound else f"{environment}-device"
        self.quiet_spread = HOST_QUIET if is_host_bound else DEVICE_QUIET
        self.timer = _timer(device, is_host_bound)
        self._ballast = torch.zeros(2, _BALLAST_BYTES // 8, device=device)
        self._calibrations: dict[int, float] = {}

    def calibrate(self, threads: int) -> float:
        """Time it afresh; return its latency on a quiet machine, in milliseconds."""
        with torch.inference_mode():
            now = calibrate(self.timer, self._disturb, time.perf_counter)
        self.add(threads, now)
        self._calibrations[threads] = now
        return self.quiet_ms(threads)

    def quiet_ms(self, threads: int) -> float:
        """Return its latency on a quiet machine; a new process times it first."""
        if threads not in self._calibrations:
            return self.calibrate(threads)
        # a cache that cannot be kept leaves what this process has seen
        return self._cache(threads).quiet_ms() or self._calibrations[threads]

    def add(self, threads: int, ms: float) -> None:
        """Remember a latency that a quiet machine had."""
        self._cache(threads).add(ms)

    def now_ms(self) -> float:
        """Return its latency now, in some blocks."""
        return median(reference_ms(self.timer) for _ in range(_LOOKS))

    def _cache(self, threads: int) -> ReferenceCache:
        return ReferenceCache(self.environment, threads)

    def _disturb(self) -> None:
        """Stream through more memory than a core's own caches hold."""
        self._ballast[0].copy_(self._ballast[1])


def inferring(timer: Timer) -> Timer:
    """Return a timer whose inferences keep no gradients."""

    def timed(count: int, lead: int) -> TimedBlock:
        with torch.inference_mode():
            return timer(count, lead)

    return timed


def _timer(device: torch.device, is_host_bound: bool) -> Timer:
    model = build_reference().to(device).to(memory_format=torch.channels_last)
    inputs = torch.zeros(ReferenceNetwork.input_shape, device=device)
    inputs = inputs.to(memory_format=torch.channels_last)
    run: Run = prepare("eager" if is_host_bound else "cuda_graph", model, inputs)
    return inferring(cuda_timer(run, device) if device.type == "cuda" else host_timer(run))

"""What trained networks of a run are worth in int8, where that is what their latency is of."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archsearch.arch import Arch
from archsearch.cluster import QuietLock
from archsearch.cluster.job import BuildsItself
from archsearch.cost.int8_instructions import slow_int8_note
from archsearch.data import DataSplits
from archsearch.deployment import Int8Judge
from archsearch.record import Quantization
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.status import Listener

#: (network, its weights as safetensors) -> int8 beside float32; raises `TrialError`
Judge = Callable[[Arch | BuildsItself, bytes], Quantization]


class Int8Accuracy:
    """Judges trained networks in int8, as a training slice beside other runs' measurements.

    Args:
        judge: quantises and evaluates.
        quiet: keeps it apart from measurements on this machine.
    """

    def __init__(self, judge: Int8Judge, quiet: QuietLock) -> None:
        self._judge, self._quiet = judge, quiet
        self.key = judge.key

    def __call__(
        self, network: Arch | BuildsItself, weights: bytes, *, is_tested: bool = False
    ) -> Quantization:
        """Return what a trained network is worth in int8.

        Args:
            network: that was trained.
            weights: safetensors.
            is_tested: evaluate on the test split too.

        Raises:
            TrialError: it cannot be quantised.
        """
        target = network if isinstance(network, Arch) else network.build()
        with self._quiet.training():
            return self._judge.judge(target, weights, is_tested=is_tested).result


@contextmanager
def open_int8(
    target: LatencyTarget, data: DataSplits, quiet: QuietLock, listener: Listener
) -> Iterator[Int8Accuracy | None]:
    """Open what judges in int8, if latency at the first target is measured in int8; else None."""
    if target.dtype != "int8":
        yield None
        return
    if note := slow_int8_note(target.dtype):
        listener.line(note)
    listener.line(
        f"accuracies are those of the networks in int8 ({target.runtime}), calibrated on training "
        "images; latencies are measured in the same form, calibrated on random ones"
    )
    with Int8Judge(target.runtime, data) as judge:
        yield Int8Accuracy(judge, quiet)

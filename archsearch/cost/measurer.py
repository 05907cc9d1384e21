"""The interface of a latency measurer: the probe of this machine, or of another."""

from collections.abc import Sequence
from typing import Protocol

from archsearch.arch import Arch
from archsearch.cost.breakdown import Breakdown
from archsearch.cost.comparison import Comparison
from archsearch.cost.measured_network import Target
from archsearch.cost.protocol import LatencyProtocol
from archsearch.record import LatencyResult


class Measurer(Protocol):
    """Measures networks; see `Probe` for what each method does and raises."""

    def prepare(self, target: Arch, protocol: LatencyProtocol) -> None:
        """Build a network ahead of `measure`."""
        ...

    def measure(self, target: Arch, protocol: LatencyProtocol) -> LatencyResult:
        """Measure one network."""
        ...

    def compare(self, targets: Sequence[Target], protocol: LatencyProtocol) -> Comparison:
        """Measure networks interleaved."""
        ...

    def breakdown(self, target: Arch, names: Sequence[str], protocol: LatencyProtocol) -> Breakdown:
        """Time the named submodules inside inferences."""
        ...

    def close(self) -> None:
        """End the measuring process; the next call starts a fresh one."""
        ...

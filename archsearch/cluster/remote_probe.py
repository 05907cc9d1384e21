"""A latency probe on the node of a Ray cluster that is the target."""

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import ray
import torch
from ray.exceptions import RayActorError, RayTaskError

from archsearch.arch import Arch
from archsearch.cluster.quiet_lock import machine_lock, quiet_or_not
from archsearch.cluster.ray_start import join_cluster
from archsearch.cost import GATE, Comparison, LatencyProtocol, Probe, current_environment
from archsearch.cost.breakdown import Breakdown
from archsearch.cost.measured_network import Target
from archsearch.cost.protocol import FINAL
from archsearch.errors import ArchsearchError, InputError, ProbeError, Problem
from archsearch.record import Environment, LatencyResult

logger = logging.getLogger(__name__)

#: a node that offers this resource is where latency is measured
RESOURCE = "latency_target"
Result = TypeVar("Result")


class RemoteProbe:
    """Measures like `Probe`, on the node that offers the resource ``latency_target``.

    The node's own probe process measures, while that machine's training (if any) rests. Training
    on other machines goes on.

    Args:
        address: of the Ray cluster.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` of that node.
        threads: intra-op threads.

    Raises:
        InputError: no node offers the resource.
        RunError: the cluster cannot be joined.
    """

    def __init__(self, address: str, device: str = "auto", threads: int = 1) -> None:
        join_cluster(address)
        if ray.cluster_resources().get(RESOURCE, 0) < 1:
            raise InputError(
                Problem(
                    "--target",
                    f"a node of the cluster must offer the resource {RESOURCE}",
                    None,
                    "there: ray start --address=HEAD:6379 --resources='{\"latency_target\": 1}'",
                )
            )
        self._arguments = (device, threads)
        self._actor: Any = None
        self.threads = threads

    def __enter__(self) -> "RemoteProbe":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def environment(self) -> Environment:
        """Describe the node as the home of measurements.

        Raises:
            InputError: it has no such device.
        """
        found: Environment = self._ask("environment")
        return found

    def prepare(self, target: Arch | str, protocol: LatencyProtocol = GATE) -> None:
        """Build a network ahead; see `Probe.prepare`."""
        self._ask("prepare", target, protocol)

    def measure(self, target: Arch | str, protocol: LatencyProtocol = GATE) -> LatencyResult:
        """Measure one network; see `Probe.measure`."""
        return self.compare([target], protocol).results[0]

    def compare(self, targets: Sequence[Target], protocol: LatencyProtocol = FINAL) -> Comparison:
        """Measure networks interleaved; see `Probe.compare`."""
        found: Comparison = self._ask("compare", list(targets), protocol)
        return found

    def breakdown(
        self, target: Arch | str, names: Sequence[str], protocol: LatencyProtocol = FINAL
    ) -> Breakdown:
        """Time the named submodules inside inferences; see `Probe.breakdown`."""
        found: Breakdown = self._ask("breakdown", target, list(names), protocol)
        return found

    def close(self) -> None:
        """End the node's probe."""
        if self._actor is not None:
            with contextlib.suppress(Exception):
                ray.kill(self._actor)
            self._actor = None

    def _ask(self, method: str, *arguments: Any) -> Any:
        if self._actor is None:
            self._actor = (
                ray.remote(ProbeHost)
                .options(num_cpus=0, resources={RESOURCE: 1})
                .remote(*self._arguments)
            )
        try:
            return ray.get(getattr(self._actor, method).remote(*arguments))
        except RayTaskError as error:
            if isinstance(error.cause, ArchsearchError):
                raise error.cause from None
            raise ProbeError(f"the latency target failed: {error.cause!r}") from None
        except RayActorError:
            self.close()
            raise ProbeError("the latency target was lost; is its node still there?") from None


class ProbeHost:
    """Lives on the target: owns its probe process, and keeps its machine quiet.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: intra-op threads.
    """

    def __init__(self, device: str, threads: int) -> None:
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device, self._threads = device, threads
        self._probe: Probe | None = None
        self._quiet = machine_lock()

    def environment(self) -> Environment:
        """Describe this node."""
        return current_environment(self._device)

    def prepare(self, target: Arch | str, protocol: LatencyProtocol) -> None:
        """Build a network ahead."""
        self._own().prepare(target, protocol)

    def compare(self, targets: Sequence[Target], protocol: LatencyProtocol) -> Comparison:
        """Measure networks interleaved, on a quiet machine."""
        return self._quietly(lambda probe: probe.compare(targets, protocol))

    def breakdown(
        self, target: Arch | str, names: Sequence[str], protocol: LatencyProtocol
    ) -> Breakdown:
        """Time submodules, on a quiet machine."""
        return self._quietly(lambda probe: probe.breakdown(target, names, protocol))

    def _own(self) -> Probe:
        if self._probe is None:
            self._probe = Probe(self._device, self._threads)
        return self._probe

    def _quietly(self, measure: Callable[[Probe], Result]) -> Result:
        probe = self._own()
        with quiet_or_not(self._quiet.measuring(), logger.warning):
            return measure(probe)

"""Latency of every network of an ablation, measured in quiet and by turns."""

import logging

from archsearch.ablation.folder import AblationFolder
from archsearch.ablation.prepare import PreparedAblation
from archsearch.ablation.status import AblationListener
from archsearch.arch import Arch
from archsearch.cluster import QuietLock
from archsearch.cost import FINAL, LatencyProtocol, Probe, current_environment
from archsearch.errors import TrialError
from archsearch.record import Environment, LatencyResult
from archsearch.search.config import LatencyTarget
from archsearch.search.gate import Gate

logger = logging.getLogger(__name__)

#: networks that take turns; more would hold the machine for too long
_TURNS = 10


def protocol_of(target: LatencyTarget) -> LatencyProtocol:
    """Return how latencies of an ablation are measured."""
    return FINAL.model_copy(
        update={
            "batch_size": target.batch_size,
            "threads": target.threads,
            "dtype": target.dtype,
            "runtime": target.runtime,
        }
    )


def measure_latencies(
    prepared: PreparedAblation,
    folder: AblationFolder,
    quiet: QuietLock,
    listener: AblationListener,
) -> tuple[Environment, dict[str, LatencyResult], list[str]]:
    """Measure what has not been measured here before.

    Returns:
        where it was measured; digest to latency; and a line for each network that cannot be.
    """
    target = prepared.study.latency
    protocol, environment = protocol_of(target), current_environment(prepared.device)
    known = folder.read_latencies(environment, protocol)
    archs = {each.arch.digest: each.arch for each in prepared.networks.all}
    missing = [arch for digest, arch in archs.items() if digest not in known]
    notes: list[str] = []
    if not missing:
        return environment, known, notes
    listener.line(f"measuring the latency of {len(missing)} networks in quiet")
    with Probe(prepared.device, target.threads) as probe:
        gate = Gate(probe, quiet, target, say=listener.line)
        for start in range(0, len(missing), _TURNS):
            results = _measured(gate, missing[start : start + _TURNS], notes)
            folder.add_latencies(environment, protocol, results)
            known |= results
    return environment, known, notes


def _measured(gate: Gate, archs: list[Arch], notes: list[str]) -> dict[str, LatencyResult]:
    try:
        results = gate.confirm(archs)
    except TrialError as error:
        if len(archs) == 1:
            logger.warning("latency: %s", error)
            notes.append(f"a network could not be measured: {error}")
            return {}
        # one of them cannot be measured: each alone tells which
        return {k: v for arch in archs for k, v in _measured(gate, [arch], notes).items()}
    return {arch.digest: result for arch, result in zip(archs, results, strict=True)}

"""Latency of every network of an ablation, measured on a quiet machine and by turns."""

from archsearch.ablation.ablation_folder import AblationFolder
from archsearch.ablation.preparation import PreparedAblation
from archsearch.ablation.status import AblationListener
from archsearch.cluster import QuietLock
from archsearch.cost import FINAL, LatencyProtocol, Probe, current_environment
from archsearch.record import Environment, LatencyResult
from archsearch.run.final.latency_confirmation import measure_to_publish, why_not
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.latency.measurement import LatencyMeasurer

#: longest time for repetitions on a busy machine, in each turn
_PATIENCE_S = 60.0
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
    """Measure what has no latency from here yet, or a rejected one.

    Returns:
        where it was measured; digest to latency; and a line for each network whose latency is a
        guess, or not known.
    """
    target = prepared.study.latency
    protocol, environment = protocol_of(target), current_environment(prepared.device)
    known = folder.read_latencies(environment, protocol)
    names: dict[str, list[str]] = {}
    for each in prepared.networks.all:
        names.setdefault(each.arch.digest, []).append(each.name)
    archs = {each.arch.digest: each.arch for each in prepared.networks.all}
    missing = [arch for digest, arch in archs.items() if not _is_known(known.get(digest))]
    notes: list[str] = []
    if not missing:
        return environment, known, notes
    listener.line(f"measuring the latency of {len(missing)} networks on a quiet machine")
    with Probe(prepared.device, target.threads) as probe:
        measurer = LatencyMeasurer(probe, quiet, target, say=listener.line)
        for start in range(0, len(missing), _TURNS):
            turn = missing[start : start + _TURNS]
            outcomes = measure_to_publish(measurer, turn, listener, _PATIENCE_S).outcomes
            results = {}
            for arch, outcome in zip(turn, outcomes, strict=True):
                if isinstance(outcome, LatencyResult):
                    results[arch.digest] = outcome
                if why := why_not(outcome):
                    own = ", ".join(names[arch.digest])
                    notes.append(f"the latency of {own} is not confirmed: {why}")
            folder.add_latencies(environment, protocol, results)
            known |= results
    return environment, known, notes


def _is_known(latency: LatencyResult | None) -> bool:
    """Return whether the latency is known; a rejected one is measured again by the next session."""
    return latency is not None and not latency.is_guess

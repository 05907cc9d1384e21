"""The costs of a network, whole and by part."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn

from archsearch.activity import doing
from archsearch.arch import Arch, Spec
from archsearch.cost.breakdown import CLOCKED_RUNTIMES, Breakdown, MachineRates
from archsearch.cost.counts import count_macs, count_params, evaluating, example_input
from archsearch.cost.fvcore_counts import count_by_fvcore
from archsearch.cost.latency_table import LatencyTable
from archsearch.cost.measured_network import InputShape, Target, build_target
from archsearch.cost.memory import ActivationMemory, activation_memory, weight_bytes
from archsearch.cost.network_units import find_units, unit_bytes
from archsearch.cost.probe import Probe
from archsearch.cost.protocol import FINAL, LatencyProtocol
from archsearch.record import LatencyResult

logger = logging.getLogger(__name__)


class UnitProfile(Spec):
    """One part of a network.

    Attributes:
        name: dotted module name.
        kind: class of the module.
        parent: unit that it is a part of; empty for the units that make up the network.
        params: parameters inside.
        macs: multiply-adds of one image inside.
        moved_bytes: weights, inputs and outputs of one image.
        time_ms: time inside whole inferences of the protocol's batch, scaled so that the units
            and what lies between them add up to the whole; None when not measured.
        share: of the inference; None when not measured.
        predicted_ms: time that a latency table expects; None without one.
        bound_ms: the most of MACs over the machine's matrix rate and bytes over its bandwidth;
            None when not measured.
    """

    name: str
    kind: str
    parent: str = ""
    params: int
    macs: int
    moved_bytes: int
    time_ms: float | None = None
    share: float | None = None
    predicted_ms: float | None = None
    bound_ms: float | None = None


class Profile(Spec):
    """The costs of a network.

    Attributes:
        name: how the network was named.
        input_shape: (C, H, W) of one image.
        params: parameters.
        macs: multiply-adds of one image.
        macs_by_operator: the same, by operator.
        unsupported: operators whose MACs are unknown, with their number of calls.
        fvcore_by_operator: what fvcore counts, by its operators: norms, interpolation and pooling
            too, as papers and model cards often print it. None for an architecture of ours, and
            where fvcore cannot trace.
        weight_bytes: weights and buffers by floating type.
        batch_size: images that activations and times are for.
        inference_bytes: most activations alive at once during an inference, float32; None for a
            user's network that looks at the values of its images, which cannot be known ahead.
        training_bytes: activations kept for the backward pass, float32; None likewise.
        latency: measured; None when nothing was measured.
        predicted_ms: latency that a table expects; None without one.
        predicted_interval_ms: range expected of a first measurement.
        units: parts of the network in order.
        units_ms: sum of the units' times (parts of units not counted twice).
        units_of_ms: inference that they are parts of: the latency where its runtime is the one that
            the units were timed in, else an inference in eager mode.
        units_runtime: what ran the network when its units were timed; empty when they
            were not.
        clocks_share: by how much the clocks around the units slow an inference, as a share; the
            times of the units are without it.
        macs_per_s: matrix rate of this machine.
        bytes_per_s: bandwidth of this machine at the network's working set.
        bound_ms: sum of the units' bounds.
    """

    name: str
    input_shape: tuple[int, int, int]
    params: int
    macs: int
    macs_by_operator: dict[str, int]
    unsupported: dict[str, int]
    fvcore_by_operator: dict[str, int] | None = None
    weight_bytes: dict[str, int]
    batch_size: int
    inference_bytes: int | None
    training_bytes: int | None
    latency: LatencyResult | None = None
    predicted_ms: float | None = None
    predicted_interval_ms: tuple[float, float] | None = None
    units: tuple[UnitProfile, ...] = ()
    units_ms: float | None = None
    units_of_ms: float | None = None
    units_runtime: str = ""
    clocks_share: float | None = None
    macs_per_s: float | None = None
    bytes_per_s: float | None = None
    bound_ms: float | None = None


def profile_target(
    target: Target,
    probe: Probe | None = None,
    protocol: LatencyProtocol = FINAL,
    *,
    input_shape: InputShape | None = None,
    table: LatencyTable | None = None,
    quiet: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Profile:
    """Count a network and, given a probe, measure it whole and by part.

    Args:
        target: an architecture, ``timm:NAME``, ``package.module:function`` or a module.
        probe: measures; None leaves out all times.
        protocol: how it measures; its batch size is that of the activation memory too. Parts
            are timed in eager mode where the runtime has none (all but ``cuda_graph``).
        input_shape: ``(C, H, W)``; a number is the side of square images with the network's
            channels; None takes the network's own.
        table: predicts an architecture; None, an empty one or another target: no predictions.
        quiet: holds the machine while it is measured; counting and compiling need no quiet.

    Raises:
        InputError: the target or the protocol is wrong.
        TrialError: the network cannot be built or run.
        ProbeError: the probe died.
    """
    # one thread: on a busy machine several wait for one another longer than they compute
    with _one_thread():
        with doing(f"building {_name(target)}"):
            built = build_target(target, input_shape, batch_size=protocol.batch_size)
        model, shape = built.model, built.input_shape
        units = find_units(model)
        names = [unit.name for unit in units]
        with doing("counting multiply-adds"):
            counted = count_macs(model, (1, *shape), modules=names)
        with doing("counting bytes that are moved"), evaluating(model):
            moved = unit_bytes(model, names, example_input(model, (1, *shape)))
        with doing("finding the memory of activations"):
            memory = _memory(target, model, (protocol.batch_size, *shape))
    weights = weight_bytes(model)
    latency = breakdown = rates = None
    if probe is not None:
        if not isinstance(target, nn.Module):
            probe.prepare(target, protocol, input_shape=shape)
        dtype = "float32" if protocol.dtype == "int8" else protocol.dtype
        working = weights[dtype] + (memory.inference_bytes if memory else 0)
        with quiet():
            latency = probe.measure(target, protocol, input_shape=shape)
            breakdown = probe.breakdown(target, names, protocol, input_shape=shape)
            rates = probe.rates(protocol, working)
    parts_of_ms = _parts_of_ms(latency, breakdown)
    prediction, expected = None, dict[str, float]()
    if table is not None and len(table) and isinstance(target, Arch):
        prediction, expected = table.predict(target), table.predict_units(target)
    profiles = tuple(
        _measured(
            UnitProfile(
                name=unit.name,
                kind=unit.kind,
                parent=unit.parent,
                params=count_params(model.get_submodule(unit.name)),
                macs=counted.by_module[unit.name],
                moved_bytes=moved[unit.name],
                predicted_ms=expected.get(unit.name),
            ),
            protocol.batch_size,
            breakdown,
            parts_of_ms,
            rates,
        )
        for unit in units
    )
    whole = [unit for unit in profiles if not unit.parent]
    with doing("counting as fvcore does"), _one_thread():
        fvcore = _by_fvcore(target, model, shape)
    return Profile(
        name=_name(target),
        input_shape=shape,
        params=count_params(model),
        macs=counted.total,
        macs_by_operator=counted.by_operator,
        unsupported=counted.unsupported,
        fvcore_by_operator=fvcore,
        weight_bytes=weights,
        batch_size=protocol.batch_size,
        inference_bytes=memory.inference_bytes if memory else None,
        training_bytes=memory.training_bytes if memory else None,
        latency=latency,
        predicted_ms=prediction.ms if prediction else None,
        predicted_interval_ms=prediction.interval_ms if prediction else None,
        units=profiles,
        units_ms=sum(unit.time_ms or 0.0 for unit in whole) if breakdown else None,
        units_of_ms=parts_of_ms,
        units_runtime=_units_runtime(protocol.runtime) if breakdown else "",
        clocks_share=breakdown.clocked_ms / breakdown.whole_ms - 1 if breakdown else None,
        macs_per_s=rates.macs_per_s if rates else None,
        bytes_per_s=rates.bytes_per_s if rates else None,
        bound_ms=sum(unit.bound_ms or 0.0 for unit in whole) if breakdown else None,
    )


def _by_fvcore(target: Target, model: nn.Module, shape: Sequence[int]) -> dict[str, int] | None:
    """Count a foreign network by fvcore; None where its tracer fails."""
    if isinstance(target, Arch):
        return None
    try:
        return count_by_fvcore(model, (1, *shape))
    except Exception as error:
        logger.info("fvcore cannot count %s: %s", _name(target), error)
        return None


def _memory(target: Target, model: nn.Module, shape: tuple[int, ...]) -> ActivationMemory | None:
    """Compute the activation memory; None where a user's network cannot run on fake tensors."""
    try:
        return activation_memory(model, shape)
    except Exception as error:
        if isinstance(target, Arch):
            raise
        logger.info("the activation memory of %s is not known: %s", _name(target), error)
        return None


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _parts_of_ms(latency: LatencyResult | None, breakdown: Breakdown | None) -> float | None:
    """Return the inference that the units are parts of: in eager mode, if no clocks fit into it."""
    if latency is None or breakdown is None:
        return None
    return latency.median_ms if latency.runtime in CLOCKED_RUNTIMES else breakdown.whole_ms


def _units_runtime(runtime: str) -> str:
    return runtime if runtime in CLOCKED_RUNTIMES else "eager"


def _measured(
    unit: UnitProfile,
    batch: int,
    breakdown: Breakdown | None,
    parts_of_ms: float | None,
    rates: MachineRates | None,
) -> UnitProfile:
    """Add what was measured to what was counted; times scaled to the inference without clocks."""
    if breakdown is None or parts_of_ms is None or rates is None:
        return unit
    weights = 4 * unit.params
    compute_s = batch * unit.macs / rates.macs_per_s
    memory_s = (batch * (unit.moved_bytes - weights) + weights) / rates.bytes_per_s
    share = breakdown.unit_ms[unit.name] / breakdown.clocked_ms
    return unit.model_copy(
        update={
            "time_ms": share * parts_of_ms,
            "share": share,
            "bound_ms": 1000 * max(compute_s, memory_s),
        }
    )


def _name(target: Target) -> str:
    if isinstance(target, Arch):
        return target.digest[:12]
    return target if isinstance(target, str) else type(target).__name__

"""What a measurement says about its networks, joined with earlier ones of this machine."""

import time
from collections.abc import Sequence

from archsearch.cost.latency_interval import percentile
from archsearch.cost.measurement import Measurement
from archsearch.cost.measurement_history import (
    JoinedMeasurements,
    MachineSpread,
    MeasurementHistory,
    PastMeasurement,
    join_measurements,
    machine_spread,
)
from archsearch.record import Verdict

#: half widths of the interval, over the latency, up to which a result is steady, or no guess
_STEADY_SHARE = 0.15
_NOISY_SHARE = 0.35


def summaries(
    result: Measurement, keys: Sequence[str | None], history: MeasurementHistory
) -> list[dict[str, object]]:
    """Return the fields of each network's `LatencyResult` that come from the clock.

    The history learns what was measured.

    Args:
        result: the measurement.
        keys: of its networks in the history; None for one that has no place there.
        history: of this machine.
    """
    now, past = time.time(), history.measurements()
    machine = machine_spread(past, history.quiet)
    found, new = [], []
    for index, key in enumerate(keys):
        joined, spread = None, result.spread(index, machine.quiet)
        if spread is not None and key is not None:
            own = result.estimate_ms(index)
            measurement = PastMeasurement(network=key, at=now, ms=own, spread=spread)
            earlier = (each for each in past if each.network == key)
            joined = join_measurements(measurement, earlier, machine)
            new.append(measurement)
        found.append(summary(result, index, machine, joined))
    history.add(new)
    return found


def summary(
    result: Measurement,
    index: int,
    machine: MachineSpread | None = None,
    joined: JoinedMeasurements | None = None,
) -> dict[str, object]:
    """Return the fields of one network.

    Args:
        result: the measurement.
        index: of the network.
        machine: how far measurements lie apart on this machine; None for one without a history.
        joined: the network's estimate with earlier measurements; None where there are none.
    """
    singles = [ms for each in result.believed(index) for ms in each.block.undisturbed_ms]
    machine = machine or MachineSpread()
    own, spread = result.estimate_ms(index), result.spread(index, machine.quiet)
    if joined is None and spread is not None:
        joined = JoinedMeasurements(own, spread)
    ms = own if joined is None else joined.ms
    interval = None if joined is None else machine.interval(ms, joined.spread)
    return {
        "median_ms": ms,
        "own_ms": own,
        "measurements": 1 if joined is None else joined.count,
        "p10_ms": percentile(singles, 10),
        "p90_ms": percentile(singles, 90),
        "interval_ms": interval,
        "num_inferences": len(singles),
        "num_warmup": result.warmups[index],
        "reference_ratio": ms / result.calibration_ms,
        "reference_drift": result.drift(index),
        "disturbed_share": result.disturbed_share(index),
        "verdict": _verdict(ms, interval),
    }


def _verdict(ms: float, interval: tuple[float, float] | None) -> Verdict:
    """Return in a word how well a latency is known: by the width of its interval alone."""
    if interval is None:
        return "rejected"
    half = (interval[1] - interval[0]) / (2 * ms)
    return "steady" if half <= _STEADY_SHARE else "noisy" if half <= _NOISY_SHARE else "rejected"

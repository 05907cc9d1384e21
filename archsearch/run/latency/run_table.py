"""A run's latency table: loaded, completed by calibration, and saved."""

import logging
from collections.abc import Sequence

import numpy as np

from archsearch.activity import Activity, doing
from archsearch.arch import Arch
from archsearch.cost import GATE, Coverage, LatencyTable, TableKey
from archsearch.errors import InputError, NotQuietError, ProbeError
from archsearch.files import os_sentence
from archsearch.record import Environment
from archsearch.run.latency.latency_regression import LatencyRegression
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.latency.measurement import LatencyMeasurer
from archsearch.run.status import Listener
from archsearch.space import Params, SearchSpace

logger = logging.getLogger(__name__)

#: architectures that stand for the space
_POOL = 300
#: share of their sub-blocks that is enough to begin with
_ENOUGH = 0.9
#: share of a network's latency that measured parts must make up before a prediction may refuse it
ENOUGH_KNOWN = 0.8


def open_table(target: LatencyTarget, environment: Environment) -> LatencyTable:
    """Return the table of an environment and target; an empty one when there is none."""
    protocol = GATE.model_copy(update=target.protocol_fields())
    key = TableKey.of(environment, protocol, target.threads)
    try:
        return LatencyTable.load(key)
    except InputError as error:
        logger.warning("the latency table cannot be read, and is started anew: %s", error)
        return LatencyTable(key)


def keep_table(table: LatencyTable, listener: Listener) -> None:
    """Write the table to the user's cache; without a cache the run goes on."""
    try:
        table.save()
    except OSError as error:
        listener.line(f"the latency table is not kept for the next run: {os_sentence(error)}")


def prepare_table(
    table: LatencyTable,
    space: SearchSpace,
    measurer: LatencyMeasurer,
    guess: LatencyRegression,
    limit_s: float,
    seed: int,
    listener: Listener,
) -> str:
    """Calibrate ``table`` for ``space`` where it does not know enough, and start ``guess`` with it.

    Says how long that may take before it begins; a table that is interrupted keeps what it has.
    With ``limit_s`` 0 it takes the table as it is.

    Returns:
        for the record of the run, why a calibration came to nothing and what follows; else empty.
    """
    rng = np.random.default_rng(seed)
    with doing("drawing a sample of the space"):
        pool = [space.sample(rng) for _ in range(_POOL)]
        archs = [space.arch(params) for params in pool]
        known = table.known_share(archs)
        parts, known_parts = table.count_known(archs)
    name = f"the latency table of {table.key.device}"
    share = f"it knows {known_parts} of {parts} sub-blocks of {space.name}"
    why = ""
    if known >= _ENOUGH or not limit_s:
        listener.line(f"using {name}: {share}")
    else:
        listener.line(
            f"calibrating {name}, for at most {limit_s:.0f} s: {share} (--calibration 0 goes "
            "without)"
        )
        try:
            coverage = measurer.calibrate(archs, limit_s)
            why = coverage.shortfall(limit_s)
            listener.line(_what_it_knows(table, archs, coverage, why))
        except (NotQuietError, ProbeError) as error:
            why = str(error)
            if _trusted(table, archs):
                listener.line(f"the latency table stays incomplete: {why}")
        finally:
            keep_table(table, listener)
    with doing("predicting a sample of the space", total=len(pool)) as activity:
        _start_guess(guess, measurer, pool, archs, activity)
    if known >= _ENOUGH or not limit_s or _trusted(table, archs):
        return ""
    return (
        f"the calibration of the latency table came to nothing: {why}; so every candidate is "
        "measured, and none is refused by prediction; the next run on a quiet machine, or "
        "archsearch calibrate, completes the table"
    )


def _start_guess(
    guess: LatencyRegression,
    measurer: LatencyMeasurer,
    pool: Sequence[Params],
    archs: Sequence[Arch],
    activity: Activity,
) -> None:
    """Initialise the regression with predictions of the table."""
    for params, arch in zip(pool, archs, strict=True):
        activity.done += 1
        expected = measurer.predict(arch)
        if expected is not None and expected.known_share >= ENOUGH_KNOWN:
            guess.observe(params, expected.ms)


def _trusted(table: LatencyTable, archs: Sequence[Arch]) -> int:
    """Return how many of ``archs`` the table may refuse by prediction."""
    if not len(table):
        return 0
    return sum(table.predict(arch).known_share >= ENOUGH_KNOWN for arch in archs)


def _what_it_knows(table: LatencyTable, archs: Sequence[Arch], coverage: Coverage, why: str) -> str:
    """Return one line on the result of a calibration and its effect on the search."""
    return (
        f"calibrated: {coverage.known} of {coverage.parts} sub-blocks from {coverage.networks} "
        f"networks in {coverage.seconds:.0f} s; of {len(archs)} networks of the space it can "
        f"predict {_trusted(table, archs)}, the others are measured" + (f" ({why})" if why else "")
    )

"""The plan of a run and its cost, before anything is trained."""

import math
import statistics
import time
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from archsearch.activity import doing
from archsearch.cost import count_arch
from archsearch.data import describe_data
from archsearch.record import EVEN_CHANCE
from archsearch.run.config import SearchConfig
from archsearch.run.preparation import Prepared
from archsearch.search.rungs import epoch_rungs
from archsearch.search.study_store import StudyStore
from archsearch.train import Trainer

_SAMPLES = 9
_ONE_STEP_S = 1e-9
_TIMED_S = 1.0
#: attribute of the study: `EpochCost`, with the environment it was timed in
_EPOCH_COST = "epoch_cost"


@dataclass(frozen=True)
class EpochCost:
    """What one epoch of a typical candidate costs.

    Attributes:
        seconds: of one epoch on one worker, evaluation left out.
        macs: multiply-adds of the candidate that was timed, the median of a few.
        images: training images of an epoch.
    """

    seconds: float
    macs: int
    images: int


def epoch_cost(prepared: Prepared) -> EpochCost:
    """Time some training steps of a median candidate and scale to an epoch."""
    rng = np.random.default_rng(prepared.config.seed)
    archs = [prepared.space.arch(prepared.space.sample(rng)) for _ in range(_SAMPLES)]
    by_macs = sorted(archs, key=lambda arch: count_arch(arch).macs)
    arch = by_macs[_SAMPLES // 2]
    trainer = Trainer(
        arch,
        prepared.data,
        prepared.recipe,
        seed=prepared.config.seed,
        device=prepared.device,
        threads=prepared.config.execution.threads_per_worker,
    )
    return EpochCost(epoch_seconds(trainer), count_arch(arch).macs, len(prepared.data.train))


def epoch_seconds(trainer: Trainer) -> float:
    """Time some steps of a fresh trainer and scale to an epoch, evaluation left out."""
    trainer.run(_ONE_STEP_S)
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < _TIMED_S and trainer.epoch == 0:
        trainer.run(_ONE_STEP_S)
        steps += 1
    a_step = (time.perf_counter() - began) / max(steps, 1)
    return a_step * math.ceil(len(trainer.data.train) / trainer.recipe.batch_size)


def kept_epoch_cost(prepared: Prepared, store: StudyStore) -> EpochCost:
    """Return `epoch_cost`, or what an earlier session of the run timed in the same environment."""
    where = f"{prepared.environment.fingerprint} {prepared.config.execution.threads_per_worker}"
    kept = store.attribute(_EPOCH_COST, {})
    if kept.get("where") == where:
        return EpochCost(kept["seconds"], kept["macs"], kept["images"])
    with doing("timing some training steps of a median candidate"):
        cost = epoch_cost(prepared)
    store.set_attribute(_EPOCH_COST, {"where": where, **asdict(cost)})
    return cost


def describe_cost(prepared: Prepared, cost: EpochCost, workers: int, left: int) -> str:
    """Return one line that says what an epoch costs and how long the run may take.

    Args:
        prepared: the run.
        cost: of an epoch.
        workers: candidates in training at the same time.
        left: candidates still to be trained.
    """
    execution, epochs = prepared.config.execution, prepared.recipe.epochs
    total = left * epochs * cost.seconds / workers
    fewest = epochs_each(prepared)
    at_least = (
        f"from about {duration(total * fewest / epochs)} to" if fewest < epochs else "at most"
    )
    limit = execution.time_limit_s
    bound = f", stopped after {duration(limit)}" if limit is not None and limit < total else ""
    return (
        f"one epoch of a median candidate ({cost.macs / 1e6:.1f} M MACs, {cost.images:,} images) "
        f"takes about {duration(cost.seconds)}; {left} candidates x "
        f"{f'{fewest:.1f} to ' if fewest < epochs else ''}{epochs} epochs "
        f"on {workers} {'worker' if workers == 1 else 'workers'}: {at_least} about "
        f"{duration(total)}{bound}"
    )


def epochs_each(prepared: Prepared) -> float:
    """Return how many epochs a candidate is trained on average, at least: with rungs, not all.

    More continue than their share where later candidates are better than earlier ones.
    """
    config, epochs = prepared.config, prepared.recipe.epochs
    rungs = epoch_rungs(config.pauses(epochs), config.promote, epochs)
    total, share = float(rungs.fidelities[0]), 1.0
    if len(rungs) > 1 and config.promote is None and config.sampler == "model":
        # the model spends as much on those that continue as on new ones
        return 2 * total
    for low, high in pairwise(rungs.fidelities):
        share *= config.promote or low / high
        total += share * (high - low)
    return total


def _confidence(config: SearchConfig) -> str:
    """Return with which confidence latency budgets are kept; empty for an even chance."""
    asked = config.budget_confidence
    if asked == EVEN_CHANCE or not config.aims.budgets_ms:
        return ""
    return f"; latency with a confidence of {asked:g}"


def describe_plan(prepared: Prepared) -> list[str]:
    """Return what a run would do, line by line; nothing is trained."""
    config, space, data = prepared.config, prepared.space, prepared.data
    rng = np.random.default_rng(config.seed)
    counts = [count_arch(space.arch(space.sample(rng))) for _ in range(_SAMPLES)]
    macs = statistics.median(count.macs for count in counts) / 1e6
    limits = {
        "latency": config.budgets.latency_ms and f"{config.budgets.latency_ms:g} ms",
        "params": config.budgets.params and f"{config.budgets.params:,.0f}",
        "MACs": config.budgets.macs and f"{config.budgets.macs:,.0f}",
        "memory": config.budgets.memory_bytes and f"{config.budgets.memory_bytes:,.0f} bytes",
    }
    limits |= {
        name: target.budget_ms and f"{target.budget_ms:g} ms"
        for name, target in config.further.items()
    }
    kept = ", ".join(f"{name} <= {value}" for name, value in limits.items() if value)
    chosen = config.targets or config.objectives
    return [
        f"run: {prepared.folder.path}",
        f"space: {space.name}, {space.count():,} configurations, median {macs:.1f} M MACs",
        *describe_data(data),
        f"recipe: {prepared.recipe.epochs} epochs, batch {prepared.recipe.batch_size}, "
        f"{prepared.recipe.optimizer}, learning rate {prepared.recipe.learning_rate:g}"
        + (f"; rungs: {_rungs(prepared)}" if config.pauses(prepared.recipe.epochs) else ""),
        *prepared.training_lines(),
        f"budget: {kept or 'none'}{_confidence(config)}",
        f"search: {config.execution.trials} candidates, sampler {config.sampler}, seed "
        f"{config.seed}, latency on {prepared.device}; other seeds of the front: "
        f"{config.execution.front_seeds}",
        *([f"front over: {', '.join(config.directions)}"] if chosen else []),
    ]


def _rungs(prepared: Prepared) -> str:
    rungs = ", ".join(f"{rung}" for rung in prepared.config.pauses(prepared.recipe.epochs))
    return f"{rungs} epochs, {epochs_each(prepared):.1f} a candidate or more"


def duration(seconds: float) -> str:
    """Return seconds in the unit that suits them."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"

"""Baselines: known networks, trained and measured as the candidates were.

They get the same recipe, data, image size, seed and probe, so that the plot of a front shows the
gain of the search, and not that of another recipe.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archsearch.cluster import Driver, Job
from archsearch.cost import count_macs, count_params
from archsearch.cost.measured_network import Target
from archsearch.data import DataSplits
from archsearch.errors import ArchsearchError, TrialError
from archsearch.image_size import read_size
from archsearch.record import BaselineRecord, LatencyResult
from archsearch.run.final.baseline_training import train_baselines
from archsearch.run.final.known_network import Baseline
from archsearch.run.final.latency_confirmation import why_not
from archsearch.run.int8_accuracy import Int8Accuracy
from archsearch.run.status import Listener
from archsearch.train import Recipe

logger = logging.getLogger(__name__)

#: measures networks for publication, by turns: for each a result, or why there is none
Measure = Callable[[Sequence[Target]], Sequence[LatencyResult | ArchsearchError]]


def run_baselines(
    baselines: Sequence[Baseline],
    known: Mapping[str, Any],
    data: DataSplits,
    recipe: Recipe,
    *,
    seed: int,
    other_seeds: Sequence[int] = (),
    budget_ms: float | None = None,
    device: str,
    driver: Driver,
    measure: Measure,
    keep: Callable[[Mapping[str, Any]], None],
    listener: Listener,
    int8: Int8Accuracy | None = None,
) -> float:
    """Measure and train the baselines that are not known yet; one that fails says why.

    Args:
        baselines: wanted.
        known: name to the record, as plain data, of those that earlier sessions finished.
        data: of the run.
        recipe: of the run.
        seed: of the run.
        other_seeds: with which they are trained again, as the front is.
        budget_ms: sizes of a family that are surely slower are not trained.
        device: that tests what was trained.
        driver: trains, or finds what another run or an ablation has trained.
        measure: takes latencies.
        keep: stores all records so far, by name; called after each.
        listener: receives progress.
        int8: what a trained network is worth in int8; None where latency is not in int8.

    Returns:
        seconds it took.
    """
    began = time.perf_counter()
    done = dict(known)
    before = {name: BaselineRecord.model_validate(each) for name, each in known.items()}
    missing = [
        each
        for each in baselines
        if each.name not in before or _has_seeds_left(before[each.name], other_seeds)
    ]
    records = {each.name: before.get(each.name) or _counted(each, seed) for each in missing}
    ready = [each for each in missing if not records[each.name].reason]
    unmeasured = [each for each in ready if records[each.name].latency is None]
    if unmeasured:
        several = len(unmeasured) > 1
        listener.line("measuring the baselines" if several else "measuring the baseline")
        results = measure([each.arch or each.build() for each in unmeasured])
        for each, result in zip(unmeasured, results, strict=True):
            if isinstance(result, LatencyResult):
                records[each.name] = records[each.name].model_copy(update={"latency": result})
            if why := why_not(result):
                listener.line(f"baseline {each.name}: its latency is not confirmed, {why}")

    for each in ready:
        if why := _over(records[each.name], budget_ms):
            records[each.name] = records[each.name].model_copy(update={"reason": why})
    ready = [each for each in ready if not records[each.name].reason]

    def ended(name: str, **found: object) -> None:
        record = records[name].model_copy(update=found)
        if record.reason:
            listener.line(f"baseline {name}: {record.reason}")
        done[name] = record.to_dict()
        keep(done)

    for name in (each.name for each in missing if records[each.name].reason):
        ended(name)
    jobs = {
        each.name: [
            Job(at, each.arch or each, recipe, s, label=f"baseline {each.name} with seed {s}")
            for s in (seed, *other_seeds)
        ]
        for at, each in enumerate(ready)
    }
    train_baselines(jobs, data, device, driver, ended, listener, int8)
    return time.perf_counter() - began


def measure_again(
    known: Mapping[str, Any],
    data: Mapping[str, Any],
    measure: Measure,
    keep: Callable[[Mapping[str, Any]], None],
    listener: Listener,
    *,
    every: bool = False,
) -> None:
    """Measure the baselines again whose latency is not known, or a guess.

    Args:
        known: name to the record, as plain data.
        data: ``image_size``, ``in_channels`` and ``num_classes`` of the run.
        measure: takes latencies.
        keep: stores all records, by name.
        listener: receives progress.
        every: measure the others again too.
    """
    fit: dict[str, Any] = {
        key: read_size(data[key]) if key == "image_size" else data[key]
        for key in ("image_size", "in_channels", "num_classes")
        if key in data
    }
    targets: dict[str, Target] = {}
    for name, each in known.items():
        record = BaselineRecord.model_validate(each)
        is_open = record.latency is None or record.latency.is_guess
        if record.reason or not (is_open or every):
            continue
        try:
            targets[name] = record.arch or Baseline(name, **fit).build()
        except TrialError as error:
            listener.line(f"baseline {name}: {error}")
    if not targets:
        return
    listener.line("measuring the baselines again on a quiet machine")
    done = dict(known)
    for name, outcome in zip(targets, measure(list(targets.values())), strict=True):
        record = BaselineRecord.model_validate(known[name])
        has_more = record.latency is None or record.latency.is_guess
        if isinstance(outcome, LatencyResult) and (has_more or not outcome.is_guess):
            done[name] = record.model_copy(update={"latency": outcome}).to_dict()
        if why := why_not(outcome):
            listener.line(f"baseline {name}: its latency is not confirmed, {why}")
    keep(done)


def _counted(baseline: Baseline, seed: int) -> BaselineRecord:
    record = BaselineRecord(name=baseline.name, arch=baseline.arch, seed=seed)
    try:
        model = baseline.build()
        macs = count_macs(model, (1, *baseline.shape))
    except Exception as error:  # a network that does not take these images must not end the run
        logger.warning("baseline %s", baseline.name, exc_info=True)
        return record.model_copy(update={"reason": _one_line(error)})
    counts = {"params": count_params(model), "macs": macs.total}
    return record.model_copy(update=counts)


def _over(record: BaselineRecord, budget_ms: float | None) -> str:
    """Return why a size of a family is not trained; empty where it is."""
    least = record.latency.at_least_ms if record.latency else None
    if "/" not in record.name or budget_ms is None or least is None or least <= budget_ms:
        return ""
    assert record.latency is not None
    return f"not trained: {record.latency.median_ms:.3g} ms is over the budget of {budget_ms:g} ms"


def _has_seeds_left(record: BaselineRecord, seeds: Sequence[int]) -> bool:
    return not record.reason and not {each.seed for each in record.other_seeds}.issuperset(seeds)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "failed"
    return text if isinstance(error, TrialError) else f"{type(error).__name__}: {text[:300]}"

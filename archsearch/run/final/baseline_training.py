"""Baselines in training: every seed of each, through the driver that trained the candidates."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from safetensors.torch import load

from archsearch.activity import doing
from archsearch.cluster import (
    Driver,
    EpochEvent,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    Trained,
    Training,
)
from archsearch.cluster.job import build_network
from archsearch.data import DataSplits
from archsearch.errors import TrialError
from archsearch.record import Quantization, SeedResult
from archsearch.run.final.front_seeds import seed_result
from archsearch.run.int8_accuracy import Int8Accuracy
from archsearch.run.status import Listener
from archsearch.train import Trainer

logger = logging.getLogger(__name__)


def train_baselines(
    wanted: Mapping[str, Sequence[Job]],
    data: DataSplits,
    device: str,
    driver: Driver,
    ended: Callable[..., None],
    listener: Listener,
    int8: Int8Accuracy | None,
) -> None:
    """Train networks to the last epoch; test those of the first seed if there is a test split.

    Args:
        wanted: by name, a job for each seed; the first is that of the search.
        data: of the run.
        device: that tests what was trained.
        driver: trains, or finds what another run or an ablation has trained.
        ended: called as ``ended(name, **fields)`` when all seeds of a network are trained, with
            the fields of its `BaselineRecord`.
        listener: receives progress.
        int8: what a trained network is worth in int8; None where latency is not in int8.
    """
    by_job = {id(job): name for name, jobs in wanted.items() for job in jobs}
    first_seeds = {jobs[0].seed for jobs in wanted.values()}
    firsts: dict[str, dict[str, Any]] = {}
    others: dict[str, list[SeedResult]] = {name: [] for name in wanted}
    reused: dict[str, bool] = dict.fromkeys(wanted, True)

    def begin(missing: Sequence[Job]) -> None:
        names = ", ".join(dict.fromkeys(by_job[id(job)] for job in missing))
        seeds = {job.seed for job in missing}
        with_seeds = f" with {len(seeds)} seeds" if len(seeds) > 1 else ""
        listener.line(f"training {names} for {missing[0].recipe.epochs} epochs{with_seeds}")

    def take(outcome: Trained | FailedEvent) -> None:
        name = by_job[id(outcome.job)]
        if isinstance(outcome, FailedEvent) or outcome.event is not None:
            reused[name] = False
        if outcome.job is wanted[name][0]:
            firsts[name] = _first(name, outcome)
        else:
            label = f"{name} with seed {outcome.job.seed}"
            others[name].append(seed_result(outcome, label, listener, driver, int8))
        if name in firsts and len(others[name]) == len(wanted[name]) - 1:
            in_order = sorted(others[name], key=lambda each: each.seed)
            ended(name, **firsts[name], other_seeds=tuple(in_order))

    def _first(name: str, outcome: Trained | FailedEvent) -> dict[str, Any]:
        """Return what the training with the search seed shows, and store what was tested."""
        if isinstance(outcome, FailedEvent):
            logger.warning("baseline %s: %s\n%s", name, outcome.reason, outcome.details)
            return {"reason": outcome.reason, "curve": outcome.curve}
        training, event = outcome.training, outcome.event
        test, known = training.test_accuracy, dict(training.quantizations)
        if event is not None:
            if data.test is not None:
                try:
                    test = _tested(event, data, device)
                except TrialError as error:
                    listener.line(f"baseline {name}: it is not tested, {error}")
            if int8 is not None:
                try:
                    weights, tests = event.saved(), data.test is not None
                    known[int8.key] = int8(outcome.job.arch, weights, is_tested=tests)
                except TrialError as error:
                    return {"reason": str(error), "curve": training.curve}
            driver.trainings.add(event, test, known)
        found = {"accuracy": training.accuracy, "test_accuracy": test, "curve": training.curve}
        if int8 is None:
            return found
        shipped = known[int8.key]
        in_int8 = {"accuracy": shipped.accuracy, "test_accuracy": shipped.test_accuracy}
        return {**found, **in_int8, "quantization": shipped}

    def is_enough(known: Training) -> bool:
        # an ablation trains the same, and tests nothing
        is_tested = data.test is not None and known.seed in first_seeds
        if is_tested and known.test_accuracy is None:
            return False
        return int8 is None or _is_judged(known.quantizations.get(int8.key), is_tested)

    # seed by seed, so that a killed run has pairs to compare
    rounds = max(map(len, wanted.values()), default=0)
    jobs = [own[at] for at in range(rounds) for own in wanted.values() if at < len(own)]
    with doing("training the baselines", total=sum(j.recipe.epochs for j in jobs)) as activity:

        def show(event: Event | None) -> None:
            activity.done += isinstance(event, EpochEvent)

        driver.train(jobs, take, begin=begin, watch=show, is_enough=is_enough)
    if names := [name for name, is_known in reused.items() if is_known]:
        listener.line(
            f"{', '.join(names)}: not trained again, a run or an ablation in this folder has "
            "done it before"
        )


def _is_judged(known: Quantization | None, is_tested: bool) -> bool:
    return known is not None and (not is_tested or known.test_accuracy is not None)


def _tested(event: FinishedEvent, data: DataSplits, device: str) -> float:
    """Return the accuracy on the test split of what was trained.

    Raises:
        TrialError: its weights were lost.
    """
    weights = load(event.saved())
    job = event.job
    trainer = Trainer(job.arch, data, job.recipe, device=device, build=build_network)
    trainer.model.load_state_dict(weights)
    return trainer.evaluate("test").accuracy

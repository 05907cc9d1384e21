"""Baselines: known networks, trained and measured as the candidates were.

They get the same recipe, data, image size, seed and probe, so that the plot of a front shows the
gain of the search, and not that of another recipe.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from safetensors.torch import load
from torch import nn

from archsearch import zoo
from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cluster import (
    Driver,
    EpochEvent,
    Event,
    FailedEvent,
    FinishedEvent,
    Job,
    Trained,
)
from archsearch.cluster.job import build_network
from archsearch.cost import count_macs, count_params
from archsearch.cost.measured_network import Target
from archsearch.data import DataSplits
from archsearch.errors import ArchsearchError, InputError, Problem, TrialError, nearest
from archsearch.image_size import ImageSize, read_size, sides_of, size_text
from archsearch.model import build_model
from archsearch.record import BaselineRecord, LatencyResult, Quantization
from archsearch.run.final.latency_confirmation import why_not
from archsearch.run.int8_accuracy import Int8Accuracy
from archsearch.run.status import Listener
from archsearch.train import Recipe, Trainer

logger = logging.getLogger(__name__)

_TIMM, _ZOO = "timm:", "zoo:"

#: measures networks for publication, by turns: for each a result, or why there is none
Measure = Callable[[Sequence[Target]], Sequence[LatencyResult | ArchsearchError]]


@dataclass(frozen=True)
class Baseline:
    """A known network, fitted to the data of a run.

    Attributes:
        name: as the user wrote it, e.g. ``timm:mobilenetv2_050``.
        image_size: side of square images in pixels, or ``(height, width)``.
        in_channels: of the images.
        num_classes: outputs.
        arch: of a model of the zoo; None for one of timm's.
    """

    name: str
    image_size: ImageSize
    in_channels: int
    num_classes: int
    arch: Arch | None = None

    @property
    def digest(self) -> str:
        """Identity: of an architecture its digest, of a network of timm's all that makes it."""
        if self.arch is not None:
            return self.arch.digest
        import timm  # takes as long as torch

        shape = "x".join(map(str, self.shape))
        return f"{self.name} of timm {timm.__version__}, {shape}, {self.num_classes} classes"

    @property
    def shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of one image."""
        return (self.in_channels, *sides_of(self.image_size))

    def build(self, drop_path: float = 0.0, seed: int | None = 0) -> nn.Module:
        """Return the network with new weights.

        Raises:
            TrialError: timm cannot build it for this input.
        """
        if self.arch is not None:
            return build_model(self.arch, drop_path=drop_path, seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed or 0)
            model = self._from_timm(drop_path)
        known = getattr(model, "default_cfg", None)
        facts = dict(known) if isinstance(known, Mapping) else {}
        # measurements read the image size from the network
        setattr(model, "default_cfg", {**facts, "input_size": self.shape})  # noqa: B010
        return model

    def _from_timm(self, drop_path: float) -> nn.Module:
        import timm

        name = self.name.removeprefix(_TIMM)
        fixed: dict[str, Any] = {"in_chans": self.in_channels, "num_classes": self.num_classes}
        # convolutional networks take images of any size, and no such argument; neither do all
        # know stochastic depth
        choices: list[dict[str, Any]] = [
            {"img_size": self.image_size, "drop_path_rate": drop_path},
            {"drop_path_rate": drop_path},
            {"img_size": self.image_size},
            {},
        ]
        refused: Exception | None = None
        for options in choices:
            try:
                model: nn.Module = timm.create_model(name, **fixed, **options)
                return model
            except TypeError as error:
                refused = error
            except Exception as error:  # timm raises various errors for sizes that do not fit
                refused = error
                break
        raise TrialError(
            f"{self.name} cannot be built for {size_text(self.image_size)} px: {refused}"
        )


def find_baselines(names: Sequence[str], data: DataSplits) -> list[Baseline]:
    """Return what ``names`` stand for, fitted to ``data``.

    Raises:
        InputError: one problem for each name that stands for nothing.
    """
    found, problems = [], []
    for name in dict.fromkeys(names):
        try:
            found.append(_find(name, data))
        except InputError as error:
            problems += [replace(p, key="--baseline") for p in error.problems]
    if problems:
        raise InputError(problems)
    return found


def _find(name: str, data: DataSplits) -> Baseline:
    fit: dict[str, Any] = {
        "image_size": data.image_size,
        "in_channels": data.in_channels,
        "num_classes": data.num_classes,
    }
    if name.startswith(_ZOO):
        return Baseline(name, **fit, arch=zoo.arch(name.removeprefix(_ZOO), **fit))
    if not name.startswith(_TIMM):
        raise InputError(Problem("--baseline", "must be timm:NAME or zoo:NAME", name))
    import timm  # takes as long as torch

    known = timm.list_models()
    base = name.removeprefix(_TIMM).split(".")[0]
    if base not in known:
        raise InputError(Problem("", f"timm has no model '{base}'", None, nearest(base, known)))
    return Baseline(name, **fit)


def run_baselines(
    baselines: Sequence[Baseline],
    known: Mapping[str, Any],
    data: DataSplits,
    recipe: Recipe,
    *,
    seed: int,
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
    missing = [each for each in baselines if each.name not in done]
    records = {each.name: _counted(each, seed) for each in missing}
    ready = [each for each in missing if not records[each.name].reason]
    if ready:
        listener.line("measuring the baselines" if len(ready) > 1 else "measuring the baseline")
        results = measure([each.arch or each.build() for each in ready])
        for each, result in zip(ready, results, strict=True):
            if isinstance(result, LatencyResult):
                records[each.name] = records[each.name].model_copy(update={"latency": result})
            if why := why_not(result):
                listener.line(f"baseline {each.name}: its latency is not confirmed, {why}")

    def ended(name: str, **found: object) -> None:
        record = records[name].model_copy(update=found)
        if record.reason:
            listener.line(f"baseline {name}: {record.reason}")
        done[name] = record.to_dict()
        keep(done)

    for name in (each.name for each in missing if records[each.name].reason):
        ended(name)
    _train(ready, recipe, seed, data, device, driver, ended, listener, int8)
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


def _train(
    baselines: Sequence[Baseline],
    recipe: Recipe,
    seed: int,
    data: DataSplits,
    device: str,
    driver: Driver,
    ended: Callable[..., None],
    listener: Listener,
    int8: Int8Accuracy | None,
) -> None:
    """Train networks to the last epoch, and test them there if there is a test split."""
    epochs = recipe.epochs * len(baselines)
    reused: list[str] = []

    def begin(missing: Sequence[Job]) -> None:
        listener.line(f"training {', '.join(map(str, missing))} for {recipe.epochs} epochs")

    def take(outcome: Trained | FailedEvent) -> None:
        job = outcome.job
        if isinstance(outcome, FailedEvent):
            logger.warning("baseline %s: %s\n%s", job, outcome.reason, outcome.details)
            ended(job.label, reason=outcome.reason, curve=outcome.curve)
            return
        if outcome.event is None:
            reused.append(job.label)
        test = outcome.training.test_accuracy
        known = dict(outcome.training.quantizations)
        if outcome.event is not None:
            if data.test is not None:
                try:
                    test = _tested(outcome.event, data, device)
                except TrialError as error:
                    listener.line(f"baseline {job}: it is not tested, {error}")
            if int8 is not None:
                try:
                    weights = outcome.event.saved()
                    known[int8.key] = int8(job.arch, weights, is_tested=data.test is not None)
                except TrialError as error:
                    ended(job.label, reason=str(error), curve=outcome.training.curve)
                    return
            driver.trainings.add(outcome.event, test, known)
        found: dict[str, Any] = {
            "accuracy": outcome.training.accuracy,
            "test_accuracy": test,
            "curve": outcome.training.curve,
        }
        if int8 is not None:
            shipped = known[int8.key]
            found |= {"accuracy": shipped.accuracy, "test_accuracy": shipped.test_accuracy}
            found["quantization"] = shipped
        ended(job.label, **found)

    jobs = [
        Job(number, each.arch or each, recipe, seed, label=each.name)
        for number, each in enumerate(baselines)
    ]
    with doing("training the baselines", total=epochs) as activity:

        def show(event: Event | None) -> None:
            activity.done += isinstance(event, EpochEvent)

        driver.train(
            jobs,
            take,
            begin=begin,
            watch=show,
            # an ablation trains the same, and tests nothing
            is_enough=lambda known: (
                (data.test is None or known.test_accuracy is not None)
                and (int8 is None or _is_judged(known.quantizations.get(int8.key), data))
            ),
        )
    if reused:
        listener.line(
            f"{', '.join(reused)}: not trained again, a run or an ablation in this folder has "
            "done it before"
        )


def _is_judged(known: Quantization | None, data: DataSplits) -> bool:
    return known is not None and (data.test is None or known.test_accuracy is not None)


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


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "failed"
    return text if isinstance(error, TrialError) else f"{type(error).__name__}: {text[:300]}"

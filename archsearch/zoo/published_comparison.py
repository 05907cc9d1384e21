"""Published figures beside measured ones."""

import logging
from collections.abc import Callable, Sequence

import torch

from archsearch.arch import Spec
from archsearch.cost import (
    LatencyProtocol,
    Probe,
    build_target,
    count_macs,
    count_params,
)
from archsearch.cost.measured_network import Target
from archsearch.errors import InputError, Problem, TrialError, nearest
from archsearch.record import LatencyResult
from archsearch.zoo.catalog import arch, names
from archsearch.zoo.published_figures import PublishedModel, published

logger = logging.getLogger(__name__)

#: one image at a time, and a batch
LATENCY = LatencyProtocol()
THROUGHPUT = LatencyProtocol(mode="throughput", batch_size=16)


class Measured(Spec):
    """Counts and measurements of one model at its own image size.

    Attributes:
        params: parameters.
        macs: multiply-adds of one image, attention included, norms not.
        latency: of one image; None if it was not measured.
        throughput: of a batch.
    """

    params: int
    macs: int
    latency: LatencyResult | None = None
    throughput: LatencyResult | None = None

    @property
    def images_per_s(self) -> float | None:
        """Images a second, from `throughput`."""
        if self.throughput is None:
            return None
        return 1000 * self.throughput.batch_size / self.throughput.median_ms


class Row(Spec):
    """One published model with its measurements; None where no code is available."""

    published: PublishedModel
    measured: Measured | None = None


def compare(
    models: Sequence[str] | None = None,
    probe: Probe | None = None,
    *,
    latency: LatencyProtocol = LATENCY,
    throughput: LatencyProtocol | None = THROUGHPUT,
    progress: Callable[[PublishedModel], None] | None = None,
) -> list[Row]:
    """Count and measure the published models that the zoo or timm can build.

    Args:
        models: names of zoo models; None for all of them and for the papers' baselines.
        probe: what measures; None counts only.
        latency: protocol of one image.
        throughput: protocol of a batch; None leaves it out.
        progress: called ahead of each model.

    Raises:
        InputError: the zoo has no such model.
    """
    rows = []
    done: dict[str, Measured | None] = {}
    for model in _chosen(models):
        key = model.zoo or f"timm:{model.timm}"
        if key not in done:
            if progress is not None:
                progress(model)
            done[key] = _measured(model, probe, latency, throughput)
        rows.append(Row(published=model, measured=done[key]))
    return rows


def _chosen(models: Sequence[str] | None) -> list[PublishedModel]:
    if models is None:
        return list(published())
    known = names()
    problems = [
        Problem("", f"the zoo has no model '{name}'", None, nearest(name, known))
        for name in models
        if name not in known
    ]
    if problems:
        raise InputError(problems)
    return [model for model in published() if model.zoo in models]


def _measured(
    model: PublishedModel,
    probe: Probe | None,
    latency: LatencyProtocol,
    throughput: LatencyProtocol | None,
) -> Measured | None:
    if model.zoo is not None:
        target: Target = arch(model.zoo)
    elif model.timm is not None:
        target = f"timm:{model.timm}"
    else:
        return None
    with torch.device("meta"):
        built = build_target(target)
    macs = count_macs(built.model, (1, *built.input_shape)).total
    counted = Measured(params=count_params(built.model), macs=macs)
    if probe is None:
        return counted
    results = {}
    for name, protocol in (("latency", latency), ("throughput", throughput)):
        if protocol is not None:
            try:
                results[name] = probe.measure(target, protocol)
            except TrialError as error:
                logger.warning("%s: %s", model.label, error)
    return counted.model_copy(update=results)

"""The record of an ablation: its base, its variants, and their accuracies by seed."""

import importlib
from typing import Any, Literal

from pydantic import Field

from archsearch.arch import Arch, Size, Spec
from archsearch.record import Environment, EpochMetrics, LatencyResult

Design = Literal["variants", "leave_one_out", "one_factor", "factorial"]


class Published(Spec):
    """What a paper reports; empty where none does.

    Attributes:
        text: as the paper says it, with its place, e.g. ``Table 5: without aggregation``.
        top1: top-1 accuracy in per cent, as printed; None where the paper gives none.
        change: published change against the base in percentage points; None where unknown.
    """

    text: str = ""
    top1: float | None = None
    change: float | None = None


class VariantRecord(Spec):
    """One network of an ablation, trained once for each seed.

    Attributes:
        name: of the variant, unique in its study.
        description: one line for the reader; may be empty.
        overrides: what differs from the base: dotted path to value; empty for the base itself.
        levels: factor to the label of its level, for a factorial or one-factor design.
        published: what a paper reports of it.
        digest: identity of the architecture.
        arch: the architecture.
        params: number of parameters.
        macs: multiply-adds of one image.
        latency: measured on a quiet machine, all networks of the study in turns; None when not
            measured.
        accuracies: seed to validation accuracy (0 to 1) after the last epoch.
        curves: seed to one entry an epoch.
        failures: seed to why its training failed; such a seed has no accuracy.
    """

    name: str
    description: str = ""
    overrides: dict[str, Any] = Field(default_factory=dict)
    levels: dict[str, str] = Field(default_factory=dict)
    published: Published | None = None
    digest: str
    arch: Arch
    params: int
    macs: int
    latency: LatencyResult | None = None
    accuracies: dict[int, float] = Field(default_factory=dict)
    curves: dict[int, tuple[EpochMetrics, ...]] = Field(default_factory=dict)
    failures: dict[int, str] = Field(default_factory=dict)


class AblationRecord(Spec):
    """A whole ablation; seeds are paired: all networks share data order and initial seed.

    Attributes:
        name: of the study.
        question: what it answers.
        cost: what it takes to run, in words.
        published: what the paper concludes, in words; empty where none was found.
        design: how the variants were formed.
        scale: the study's scale that was run, e.g. ``full`` or ``small``.
        base: name of the variant that the others are compared with.
        variants: the base first, then the others in the study's order.
        factors: factor to the labels of its levels, in order, the base's first; empty for named
            variants.
        num_images: validation images behind each accuracy.
        data: name of the data set.
        image_size: side of square images in pixels, or ``(height, width)``.
        num_train: training images.
        recipe: how every network was trained, plain data.
        seeds: in the order in which they are trained.
        planned_seeds: seeds that the study asks of every network; what a network has beyond them
            was added because it would settle a difference. 0 when unknown.
        until_clear: seeds were to be added where they would settle a difference. Interim
            analyses cost error probability, which `archsearch.analysis.ablation_answers` accounts
            for.
        environment: where latency was measured.
        protocol: how latency was measured, plain data.
        wall_s: seconds spent over all sessions.
        notes: lines for the reader, e.g. failed trainings.
    """

    name: str
    question: str
    cost: str
    published: str = ""
    design: Design
    scale: str
    base: str
    variants: tuple[VariantRecord, ...]
    factors: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    num_images: int
    data: str
    image_size: Size
    num_train: int
    recipe: dict[str, Any]
    seeds: tuple[int, ...]
    planned_seeds: int = 0
    until_clear: bool = False
    environment: Environment
    protocol: dict[str, Any] = Field(default_factory=dict)
    wall_s: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def base_variant(self) -> VariantRecord:
        """The variant that the others are compared with."""
        return next(variant for variant in self.variants if variant.name == self.base)

    @property
    def others(self) -> tuple[VariantRecord, ...]:
        """Every variant but the base."""
        return tuple(variant for variant in self.variants if variant.name != self.base)

    def _repr_html_(self) -> str:
        """Return headline and variants for a notebook, without scripts."""
        # loaded when asked for, as records come before reports
        html: str = importlib.import_module("archsearch.report.notebook_html").ablation_html(self)
        return html

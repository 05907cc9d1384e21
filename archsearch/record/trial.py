"""Everything known about one trial, and about a baseline beside it."""

from typing import Literal

from pydantic import Field

from archsearch.arch import Arch, Spec
from archsearch.percent import percent_text
from archsearch.record.aims import FIRST_TARGET
from archsearch.record.latency import LatencyPrediction, LatencyRatio, LatencyResult, better_known
from archsearch.record.quantization import MAX_DROP, Quantization

State = Literal["running", "complete", "pruned", "infeasible", "failed"]


class EpochMetrics(Spec):
    """Metrics of one epoch of training.

    Attributes:
        epoch: 1-based.
        train_loss: mean over the epoch.
        accuracy: on the validation split, 0 to 1.
        val_loss: mean over the validation split.
        seconds: time of the epoch, evaluation included, pauses left out.
        images_per_s: training images per second.
    """

    epoch: int
    train_loss: float
    accuracy: float
    val_loss: float
    seconds: float
    images_per_s: float


class SeedResult(Spec):
    """An architecture of the front trained again, in full, with another seed.

    Attributes:
        seed: of initialisation and data order; recipe and data split are the run's.
        accuracy: validation accuracy, 0 to 1, of the last epoch, in int8 where latency is measured
            in int8; None when the training failed.
        float_accuracy: of the same weights in float32; None where ``accuracy`` is that.
        seconds: of training, evaluation included.
        reason: why it failed; empty otherwise.
    """

    seed: int
    accuracy: float | None = None
    float_accuracy: float | None = None
    seconds: float = 0.0
    reason: str = ""


class Inherited(Spec):
    """The weights of another network that a training began with, as far as they fitted.

    Attributes:
        source: in words, as of then: ``trial 12``, or what ``--inherit`` named.
        trial: number of the candidate of the run, by the last trial of it; None for weights from
            elsewhere.
        digest: identity of network and weights.
        share: share of the parameters that were taken, 0 to 1.
    """

    source: str
    trial: int | None = None
    digest: str
    share: float

    @property
    def words(self) -> str:
        """The same in a few words."""
        return f"weights of {self.source} for {percent_text(self.share)} % of the parameters"


class TrialRecord(Spec):
    """Everything known about one trial of a run.

    Attributes:
        number: Optuna's trial number.
        digest: identity of the architecture.
        arch: the architecture.
        state: ``infeasible`` trials were over a budget and never trained; ``pruned`` ones were
            stopped early because they were clearly dominated.
        origin: how it was proposed, e.g. ``random``, ``mutation``, ``crossover``.
        params: number of parameters; None until counted.
        macs: multiply-adds of one image; None until counted.
        memory_bytes: weights and activations of one inference; None unless there is a budget.
        predicted: by the latency table, before anything was measured; None without a table.
        latency: measured before training; None when nothing was measured.
        final_latency: measured again on a quiet machine at the end of the run; front members only.
            It may be a guess: see ``known_latency``.
        more_latencies: as ``latency``, at further targets, by the name of their objective.
        more_final_latencies: as ``final_latency``, at further targets.
        final_ratios: by the name of a latency, and by the number of another trial whose final
            latency was measured together with this one's: this one's over the other's.
        accuracy: validation accuracy, 0 to 1, of the last epoch, in int8 where latency is measured
            in int8; None unless ``complete``.
        test_accuracy: from the final report; front members only.
        quantization: int8 beside float32, where latency is measured in int8.
        curve: one entry an epoch, in float32.
        seed: seed of initialisation and data order.
        reason: why it failed, was stopped, or was infeasible; empty otherwise.
        started_s: seconds from the start of the run to its first epoch.
        finished_s: seconds from the start of the run to its end.
        checkpoint: weights file, relative to the run folder; empty when none is kept.
        time_share: share of an inference that ``stem``, ``stages.0`` ... and ``head`` take; front
            members only.
        choices: values of the space's parameters, as the study has them; empty where unknown.
        other_seeds: trainings after the search, with independent seeds; front members only.
        inherited: the weights that its training began with, in every seed; None for new ones.
    """

    number: int
    digest: str
    arch: Arch
    state: State
    origin: str = ""
    params: int | None = None
    macs: int | None = None
    memory_bytes: int | None = None
    predicted: LatencyPrediction | None = None
    latency: LatencyResult | None = None
    final_latency: LatencyResult | None = None
    more_latencies: dict[str, LatencyResult] = Field(default_factory=dict)
    more_final_latencies: dict[str, LatencyResult] = Field(default_factory=dict)
    final_ratios: dict[str, dict[int, LatencyRatio]] = Field(default_factory=dict)
    accuracy: float | None = None
    test_accuracy: float | None = None
    quantization: Quantization | None = None
    curve: tuple[EpochMetrics, ...] = ()
    seed: int = 0
    reason: str = ""
    started_s: float | None = None
    finished_s: float | None = None
    checkpoint: str = ""
    time_share: dict[str, float] = Field(default_factory=dict)
    choices: dict[str, str | int | float | bool] = Field(default_factory=dict)
    other_seeds: tuple[SeedResult, ...] = ()
    inherited: Inherited | None = None

    @property
    def seed_accuracies(self) -> dict[int, float]:
        """Validation accuracy by seed, of the other seeds alone."""
        return {each.seed: each.accuracy for each in self.other_seeds if each.accuracy is not None}

    @property
    def float_accuracy(self) -> float | None:
        """Validation accuracy in float32 beside an accuracy in int8; None without int8.

        The mean over the other seeds where there are any, else that of the search seed.
        """
        others = [each.float_accuracy for each in self.other_seeds if each.accuracy is not None]
        known = [each for each in others if each is not None]
        if known:
            return sum(known) / len(known)
        return self.quantization.float_accuracy if self.quantization else None

    @property
    def int8_drop(self) -> float | None:
        """Validation accuracy lost by int8, mean over all seeds; None without int8."""
        drops = [] if self.quantization is None else [self.quantization.drop]
        drops += [
            each.float_accuracy - each.accuracy
            for each in self.other_seeds
            if each.accuracy is not None and each.float_accuracy is not None
        ]
        return sum(drops) / len(drops) if drops else None

    @property
    def loses_by_int8(self) -> bool:
        """Whether int8 costs more accuracy than `MAX_DROP`."""
        drop = self.int8_drop
        return drop is not None and drop > MAX_DROP + 1e-9

    @property
    def is_paused(self) -> bool:
        """Whether it was trained in part, and may continue."""
        return self.state == "pruned" and self.reason.startswith("paused")

    @property
    def known_latency(self) -> LatencyResult | None:
        """The latency that counts: the final measurement unless that was rejected."""
        return better_known(self.latency, self.final_latency)

    @property
    def latency_ms(self) -> float | None:
        """Median of the latency that counts."""
        known = self.known_latency
        return known.median_ms if known else None

    @property
    def is_confirmed(self) -> bool:
        """Whether the final latency was measured at every target, and not rejected."""
        finals = [self.final_latency, *map(self.more_final_latencies.get, self.more_latencies)]
        return all(final is not None and not final.is_guess for final in finals)

    @property
    def latencies(self) -> dict[str, LatencyResult]:
        """The latency that counts at each target, by the name of its objective."""
        known = {name: self.latency_at(name) for name in (FIRST_TARGET, *self.more_latencies)}
        return {name: latency for name, latency in known.items() if latency is not None}

    def latency_at(self, name: str) -> LatencyResult | None:
        """Return the latency that counts at a target, by the name of its objective."""
        if name == FIRST_TARGET:
            return self.known_latency
        return better_known(self.more_latencies.get(name), self.more_final_latencies.get(name))

    def value(self, name: str) -> float | None:
        """Return what is known of an objective, latency in ms by its median; None if nothing is."""
        if name in ("accuracy", "params", "macs", "memory_bytes"):
            known: float | None = getattr(self, name)
            return known
        latency = self.latency_at(name)
        return latency.median_ms if latency else None


class BaselineRecord(Spec):
    """A known network that was trained and measured as the candidates of a run were.

    Attributes:
        name: ``timm:NAME`` or ``zoo:NAME``.
        arch: its architecture; None for one of timm's.
        params: number of parameters; None when it could not be built.
        macs: multiply-adds of one image.
        latency: measured for publication, after the search; None when that failed.
        accuracy: validation accuracy, 0 to 1, of the last epoch.
        test_accuracy: after the last epoch.
        quantization: int8 beside float32, where latency is measured in int8; both accuracies are
            then in int8.
        curve: one entry an epoch.
        seed: seed of initialisation and data order.
        reason: why it failed; empty otherwise.
        other_seeds: trainings with the seeds with which the front was trained again.
    """

    name: str
    arch: Arch | None = None
    params: int | None = None
    macs: int | None = None
    latency: LatencyResult | None = None
    accuracy: float | None = None
    test_accuracy: float | None = None
    quantization: Quantization | None = None
    curve: tuple[EpochMetrics, ...] = ()
    seed: int = 0
    reason: str = ""
    other_seeds: tuple[SeedResult, ...] = ()

    @property
    def seed_accuracies(self) -> dict[int, float]:
        """Validation accuracy by seed, of all seeds: none of them was chosen by its accuracy."""
        own = {} if self.accuracy is None else {self.seed: self.accuracy}
        others = {e.seed: e.accuracy for e in self.other_seeds if e.accuracy is not None}
        return own | others

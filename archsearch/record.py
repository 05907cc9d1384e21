"""Records of runs and trials: architectures, accuracies, latencies, environments."""

import hashlib
import importlib
import math
from statistics import NormalDist
from typing import Any, Literal

from pydantic import Field, model_validator

from archsearch.arch import Arch, Spec

#: name of the latency at the first target, as objective, budget and value
FIRST_TARGET = "latency_ms"
State = Literal["running", "complete", "pruned", "infeasible", "failed"]
Verdict = Literal["steady", "noisy", "rejected"]


class Environment(Spec):
    """The machine and software that a number belongs to.

    Attributes:
        device: the device that ran it, by its product name.
        device_kind: ``cpu`` or ``cuda``.
        cpu: processor name.
        cores: whole cores that the process may keep busy.
        memory_bytes: main memory that the process may use.
        system: operating system and its release.
        python: version.
        torch: version.
        timm: version.
        archsearch: version.
        cuda: CUDA runtime and driver version; empty on a CPU.
        cpu_quota: cores that the quota of a control group allows; None without a quota.
    """

    device: str
    device_kind: Literal["cpu", "cuda"]
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    torch: str
    timm: str
    archsearch: str
    cuda: str = ""
    cpu_quota: float | None = None

    @property
    def fingerprint(self) -> str:
        """Short id of what a latency depends on; results of two fingerprints are not compared."""
        quota = () if self.cpu_quota is None else (f"{self.cpu_quota:g} cores",)
        parts = (self.device, self.cpu, str(self.cores), self.system, self.torch, self.cuda, *quota)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


#: of an estimate: the true value is as likely above as below
EVEN_CHANCE = 0.5


class LatencyResult(Spec):
    """Latency of one network and the protocol behind it.

    Attributes:
        median_ms: estimate of an inference on a machine that does nothing else: median over blocks.
        p10_ms: 10th percentile of single inferences.
        p90_ms: 90th percentile of single inferences.
        interval_ms: predicts the estimate of an independent measurement of the same network, in
            another process at another time. It aims at a coverage of 95 %; ``docs/latency.md`` has
            the coverage that was counted. None with fewer than 6 blocks.
        num_inferences: timed inferences behind it.
        num_warmup: inferences before the clock started.
        batch_size: images per inference.
        threads: intra-op threads.
        dtype: ``float32``, ``bfloat16`` or ``float16``.
        memory_format: ``channels_last`` or ``contiguous``.
        runtime: ``eager``, ``compiled``, ``cuda_graph``, ``onnxruntime``, ``openvino``.
        device: product name of the device.
        environment: fingerprint of the `Environment`.
        reference_ratio: latency over that of the interleaved reference network.
        reference_drift: reference latency over its calibration, minus 1.
        disturbed_share: of the blocks, those beside which the reference was slow, or that were
            descheduled; None in results of earlier versions.
        others_cores: cores that other processes kept busy meanwhile.
        steal_share: of the time of all cores, what the host of a virtual machine gave to others.
        verdict: how wide the interval is: ``steady`` up to 10 % on either side, ``noisy`` up to
            35 %, ``rejected`` beyond: the number is a guess.
    """

    median_ms: float
    p10_ms: float
    p90_ms: float
    interval_ms: tuple[float, float] | None
    num_inferences: int
    num_warmup: int
    batch_size: int = 1
    threads: int = 1
    dtype: str = "float32"
    memory_format: str = "channels_last"
    runtime: str = "eager"
    device: str = ""
    environment: str = ""
    reference_ratio: float | None = None
    reference_drift: float | None = None
    disturbed_share: float | None = None
    others_cores: float | None = None
    steal_share: float | None = None
    verdict: Verdict = "steady"

    @model_validator(mode="before")
    @classmethod
    def _unknown_spread(cls, data: Any) -> Any:
        """Read the width of zero that earlier versions wrote for a single block as unknown."""
        if isinstance(data, dict) and data.get("verdict", "steady") != "steady":
            ends = data.get("interval_ms")
            if ends is not None and len(ends) == 2 and ends[0] >= ends[1]:
                return {**data, "interval_ms": None}
        return data

    @property
    def is_guess(self) -> bool:
        """Whether it was rejected: it shows neither that a budget is kept nor that it is not."""
        return self.verdict == "rejected"

    @property
    def at_least_ms(self) -> float | None:
        """What the network takes at least: the interval's lower end; None where that is unknown."""
        return None if self.is_guess or self.interval_ms is None else self.interval_ms[0]

    @property
    def claimed_ms(self) -> float | None:
        """Latency compared with a budget before training: the median.

        Of a guess only the lower end of the interval; None where that is unknown.
        """
        if not self.is_guess:
            return self.median_ms
        return self.interval_ms[0] if self.interval_ms is not None else None

    @property
    def at_most_ms(self) -> float | None:
        """Latency by which the network dominates others: the median.

        Of a guess the upper end of the interval; None where that is unknown.
        """
        if not self.is_guess:
            return self.median_ms
        return self.interval_ms[1] if self.interval_ms is not None else None

    def bound_ms(self, confidence: float) -> float:
        """Return the quantile of another measurement at ``confidence``, computed from the interval.

        At 0.5 that is the estimate, at 0.975 the upper end of the interval; between them the
        logarithm is taken to be normal. Infinite where the spread is unknown, above 0.5.
        """
        if confidence == EVEN_CHANCE:
            return self.median_ms
        if self.interval_ms is None:
            return math.inf
        share = NormalDist().inv_cdf(confidence) / NormalDist().inv_cdf(0.975)
        return float(self.median_ms * (self.interval_ms[1] / self.median_ms) ** share)

    def budgeted_ms(self, confidence: float = EVEN_CHANCE) -> float | None:
        """Return what counts against a budget before training.

        Of a guess, unless more than an even chance is asked for, only the lower end of the
        interval; None where that is unknown.
        """
        if self.is_guess and confidence == EVEN_CHANCE:
            return self.claimed_ms
        return self.bound_ms(confidence)

    def is_over(self, limit_ms: float | None, confidence: float = EVEN_CHANCE) -> bool:
        """Whether the network counts as slower than ``limit_ms`` after training.

        With an even chance, a steady estimate decides; another one only where its whole interval
        lies over the limit, and a guess not at all. Where more is asked for, all that does not
        stay below the limit with this confidence is over it.
        """
        if limit_ms is None:
            return False
        if confidence > EVEN_CHANCE:
            return self.bound_ms(confidence) > limit_ms
        least = self.median_ms if self.verdict == "steady" else self.at_least_ms
        return least is not None and least > limit_ms

    def crosses(self, limit_ms: float | None) -> bool:
        """Whether the network may take longer than ``limit_ms``.

        That is where ``limit_ms`` lies in the interval, or a guess lies over it.
        """
        if limit_ms is None or self.is_over(limit_ms):
            return False
        return (self.median_ms if self.interval_ms is None else self.interval_ms[1]) > limit_ms


def better_known(first: LatencyResult | None, final: LatencyResult | None) -> LatencyResult | None:
    """Return which of two measurements of one network counts: the final one, unless it is a guess.

    A guess replaces nothing, not even another one: a network would leave the front by it.
    """
    if first is None or final is None:
        return final or first
    return first if final.is_guess else final


class LatencyRatio(Spec):
    """Latency of one network over that of another, measured together by turns.

    Attributes:
        value: by paired blocks.
        interval: predicts the ratio of another comparison, and aims at a coverage of 95 %
            (``docs/latency.md``). None with fewer than 6 rounds.
    """

    value: float
    interval: tuple[float, float] | None = None

    @property
    def is_clear(self) -> bool:
        """Whether the two can be told apart: the interval is known and does not hold 1."""
        return self.interval is not None and not self.interval[0] <= 1.0 <= self.interval[1]

    def inverse(self) -> "LatencyRatio":
        """Return the ratio the other way round."""
        ends = self.interval
        return LatencyRatio(
            value=1 / self.value, interval=(1 / ends[1], 1 / ends[0]) if ends is not None else None
        )


class LatencyPrediction(Spec):
    """Latency that the table predicted before any measurement.

    Attributes:
        ms: expected latency.
        interval_ms: range expected of a first measurement.
        known_share: share of the latency that measured parts make up, 0 to 1.
    """

    ms: float
    interval_ms: tuple[float, float]
    known_share: float = 1.0


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
        accuracy: validation accuracy, 0 to 1, of the last epoch; None when the training failed.
        seconds: of training, evaluation included.
        reason: why it failed; empty otherwise.
    """

    seed: int
    accuracy: float | None = None
    seconds: float = 0.0
    reason: str = ""


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
        accuracy: validation accuracy, 0 to 1, of the last epoch; None unless ``complete``.
        test_accuracy: from the final report; front members only.
        curve: one entry an epoch.
        seed: seed of initialisation and data order.
        reason: why it failed, was stopped, or was infeasible; empty otherwise.
        started_s: seconds from the start of the run to its first epoch.
        finished_s: seconds from the start of the run to its end.
        checkpoint: weights file, relative to the run folder; empty when none is kept.
        time_share: share of an inference that ``stem``, ``stages.0`` ... and ``head`` take; front
            members only.
        choices: values of the space's parameters, as the study has them; empty where unknown.
        other_seeds: trainings after the search, with independent seeds; front members only.
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
    curve: tuple[EpochMetrics, ...] = ()
    seed: int = 0
    reason: str = ""
    started_s: float | None = None
    finished_s: float | None = None
    checkpoint: str = ""
    time_share: dict[str, float] = Field(default_factory=dict)
    choices: dict[str, str | int | float | bool] = Field(default_factory=dict)
    other_seeds: tuple[SeedResult, ...] = ()

    @property
    def seed_accuracies(self) -> dict[int, float]:
        """Validation accuracy by seed, of the other seeds alone."""
        return {each.seed: each.accuracy for each in self.other_seeds if each.accuracy is not None}

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
        curve: one entry an epoch.
        seed: seed of initialisation and data order.
        reason: why it failed; empty otherwise.
    """

    name: str
    arch: Arch | None = None
    params: int | None = None
    macs: int | None = None
    latency: LatencyResult | None = None
    accuracy: float | None = None
    test_accuracy: float | None = None
    curve: tuple[EpochMetrics, ...] = ()
    seed: int = 0
    reason: str = ""


class Aims(Spec):
    """The objectives of a front, and its latency budgets.

    Attributes:
        objectives: ``accuracy`` (higher is better), ``params``, ``macs``, ``memory_bytes``,
            ``latency_ms``, and ``NAME_ms`` of a further target (lower is better).
        budgets_ms: upper limits of latencies, by the same names.
        confidence: with which a budget is to be kept; 0.5 holds the estimate against it.
    """

    objectives: tuple[str, ...] = ("accuracy", FIRST_TARGET)
    budgets_ms: dict[str, float] = Field(default_factory=dict)
    confidence: float = EVEN_CHANCE

    @property
    def latencies(self) -> tuple[str, ...]:
        """Names of all latencies that matter, the first target's first."""
        aimed = [name for name in self.objectives if name.endswith("_ms")]
        return tuple(dict.fromkeys((FIRST_TARGET, *aimed, *self.budgets_ms)))

    @classmethod
    def of(cls, given: "Aims | float | None") -> "Aims":
        """Return aims; a number is the budget of accuracy against latency."""
        if isinstance(given, Aims):
            return given
        return cls() if given is None else cls(budgets_ms={FIRST_TARGET: given})


class RunRecord(Spec):
    """A whole run, as read back from its folder.

    Attributes:
        name: of the run.
        config: the resolved configuration, plain data.
        environment: where latency was measured.
        trials: in order of their numbers.
        front: numbers of the front's trials, by increasing latency.
        budget_ms: latency budget of the first target; None for no budget.
        aims: what the front trades off, and the budgets of all targets.
        wall_s: seconds spent over all sessions of the run.
        time_by_cause: where worker and driver time went, in seconds.
        notes: lines that the run printed for the reader, e.g. dropped front members.
        baselines: known networks beside the candidates, in the order of their names.
    """

    name: str
    config: dict[str, object]
    environment: Environment
    trials: tuple[TrialRecord, ...] = ()
    front: tuple[int, ...] = ()
    budget_ms: float | None = None
    aims: Aims = Aims()
    wall_s: float = 0.0
    time_by_cause: dict[str, float] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()
    baselines: tuple[BaselineRecord, ...] = ()

    @model_validator(mode="after")
    def _aims_from_budget(self) -> "RunRecord":
        """Let a budget that is given alone count in the aims."""
        if self.budget_ms is not None and FIRST_TARGET not in self.aims.budgets_ms:
            budgets = {FIRST_TARGET: self.budget_ms, **self.aims.budgets_ms}
            object.__setattr__(self, "aims", self.aims.model_copy(update={"budgets_ms": budgets}))
        return self

    def frame(self) -> Any:
        """Return the trials as a pandas frame; see `archsearch.report.notebook.run_frame`.

        Raises:
            InputError: pandas is not installed.
        """
        return _notebook().run_frame(self)

    def figures(self) -> dict[str, Any]:
        """Return the figures of the report as plotly objects, by key: ``front``, ``curves`` ..."""
        figures: dict[str, Any] = _notebook().run_figures(self)
        return figures

    def front_table(self) -> Any:
        """Return the front as an `archsearch.report.PlainTable`, which a notebook shows.

        It has its rows as plain data (``values``) and as ``markdown()``, ``latex()``, ``csv()``
        and ``json()``.
        """
        return importlib.import_module("archsearch.report.run_tables").front_table(self)

    def _repr_html_(self) -> str:
        """Return headline and front for a notebook, without scripts."""
        html: str = importlib.import_module("archsearch.report.notebook_html").run_html(self)
        return html


def _notebook() -> Any:
    """Return the module that draws runs, imported on use: records come before reports."""
    return importlib.import_module("archsearch.report.notebook")

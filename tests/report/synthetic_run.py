"""Plausible runs of any size, made without training: random architectures, modelled numbers."""

import hashlib

import numpy as np

from archsearch.analysis import pareto_front
from archsearch.arch import (
    Arch,
    BiDimensionalFfn,
    Block,
    ConditionalPosition,
    ConvDownsample,
    ConvStem,
    LocalAggregation,
    LocalityFfn,
    Mlp,
    PatchStem,
    ResidualMerge,
    SelfAttention,
    SeparableAttention,
    SparseGlobalAttention,
    SpatialReductionAttention,
    SqueezeExcitation,
    Stage,
    WindowAttention,
    WindowGlobalAttention,
)
from archsearch.record import (
    BaselineRecord,
    Environment,
    EpochMetrics,
    LatencyResult,
    RunRecord,
    SeedResult,
    TrialRecord,
)

ENVIRONMENT = Environment(
    device="Intel(R) Core(TM) i7-1260P",
    device_kind="cpu",
    cpu="Intel(R) Core(TM) i7-1260P",
    cores=2,
    memory_bytes=16 * 2**30,
    system="Linux 6.1.0",
    python="3.11.9",
    torch="2.15.0",
    timm="1.0.20",
    archsearch="0.1.0",
)
EPOCHS = 6


def synthetic_run(
    num_trials: int,
    seed: int = 0,
    *,
    budget_ms: float | None = 5.0,
    name: str = "lightweight-5ms",
    image_size: int = 32,
    num_val: int | None = 360,
    baselines: bool = False,
    front_seeds: int = 0,
) -> RunRecord:
    """Return a run of ``num_trials`` trials; about two in five within budget are stopped early."""
    rng = np.random.default_rng(seed)
    trials = []
    clock = 4.0
    for number in range(num_trials):
        trial = _trial(number, random_arch(rng, image_size), rng, budget_ms, clock, num_val or 360)
        clock = trial.finished_s if trial.finished_s is not None else clock
        trials.append(trial)
    on_front = {trial.number for trial in pareto_front(trials, budget_ms)}
    trials = [
        _finalised(trial, rng, num_val or 360) if trial.number in on_front else trial
        for trial in trials
    ]
    front = pareto_front(trials, budget_ms)
    chosen = {trial.number for trial in front}
    trials = [
        _seen_again(trial, front_seeds) if trial.number in chosen else trial for trial in trials
    ]
    busy = clock * 2
    return RunRecord(
        name=name,
        config={
            "space": "spaces/lightweight.yaml",
            "seed": seed,
            "data": {"name": "digits", "image_size": image_size}
            | ({"train": 1078, "val": num_val, "test": 359} if num_val else {}),
            "recipe": {"epochs": EPOCHS, "batch_size": 64, "optimizer": "adamw"},
        },
        environment=ENVIRONMENT,
        trials=tuple(trials),
        front=tuple(trial.number for trial in front),
        budget_ms=budget_ms,
        wall_s=clock + 9,
        time_by_cause={
            "training": busy * 0.92,
            "paused": busy * 0.04,
            "setup": busy * 0.03,
            "idle": busy * 0.01,
            "lost": 0.0,
            "measuring": clock * 0.03,
            "waiting_for_quiet": clock * 0.005,
        },
        baselines=_baselines(rng) if baselines else (),
        notes=("trial 3 left the front: 5.12 ms in the final measurement, budget 5 ms",),
    )


def random_arch(rng: np.random.Generator, image_size: int = 32) -> Arch:
    """Return a random architecture of three or four stages that can be built."""
    num_stages = int(rng.integers(3, 5))
    width = int(rng.choice([16, 24, 32]))
    stages = []
    for index in range(num_stages):
        merge = ResidualMerge() if rng.random() < 0.5 else ConvDownsample()
        position = ConditionalPosition() if rng.random() < 0.4 else None
        tokens = int(rng.choice([4, 8]))
        stages.append(
            Stage(
                depth=int(rng.integers(1, 5)),
                width=width,
                num_heads=int(rng.choice([1, 2, 4])),
                downsample=merge if index else None,
                blocks=tuple(_block(rng, tokens) for _ in range(1 + (rng.random() < 0.25))),
                **({"position": position} if position else {}),
            )
        )
        width += int(rng.choice([0, 16, 32, 64]))
    stem = ConvStem(stride=2) if rng.random() < 0.6 else PatchStem(patch_size=2)
    return Arch(
        image_size=image_size, in_channels=1, num_classes=10, stem=stem, stages=tuple(stages)
    )


def _block(rng: np.random.Generator, tokens: int) -> Block:
    window = int(rng.choice([2, 4, 8]))
    attentions = (
        SelfAttention(),
        WindowAttention(window_size=window, shift=bool(rng.random() < 0.5)),
        WindowGlobalAttention(window_size=window, global_tokens=tokens),
        SparseGlobalAttention(sample_rate=int(rng.choice([2, 4]))),
        SeparableAttention(window_size=window, group_count=int(rng.choice([1, 2]))),
        SpatialReductionAttention(reduction=int(rng.choice([2, 4]))),
    )
    expansion = float(rng.choice([2, 3, 4]))
    ffns = (
        Mlp(expansion=expansion),
        BiDimensionalFfn(expansion=expansion),
        LocalityFfn(expansion=expansion, gate=SqueezeExcitation(reduction=4)),
        LocalityFfn(expansion=expansion),
    )
    local = LocalAggregation() if rng.random() < 0.2 else None
    return Block(
        attention=attentions[rng.integers(len(attentions))],
        ffn=ffns[rng.integers(len(ffns))],
        local_aggregation=local,
    )


def _trial(
    number: int,
    arch: Arch,
    rng: np.random.Generator,
    budget_ms: float | None,
    clock: float,
    num_val: int,
) -> TrialRecord:
    sizes = arch.map_sizes
    params = sum(12 * stage.depth * stage.width**2 for stage in arch.stages) + 5000
    macs = sum(
        12 * stage.depth * stage.width**2 * side**2
        for stage, side in zip(arch.stages, sizes, strict=True)
    )
    depth = sum(stage.depth for stage in arch.stages)
    median = 0.22 * depth + macs / 7e6 + float(rng.gamma(2.0, 0.08))
    plain = TrialRecord(
        number=number,
        digest=hashlib.sha256(f"{number}".encode()).hexdigest(),
        arch=arch,
        state="infeasible",
        origin=str(rng.choice(["random", "mutation", "crossover"])),
        params=params,
        macs=macs,
        latency=_latency(median, rng, 60),
        seed=int(rng.integers(1000)),
        choices=_choices(arch),
    )
    if budget_ms is not None and median > budget_ms:
        reason = f"{median:.3g} ms is over the budget of {budget_ms:g} ms"
        return plain.model_copy(update={"reason": reason})
    if rng.random() < 0.03:
        return plain.model_copy(
            update={
                "state": "failed",
                "reason": "loss became NaN in epoch 1",
                "started_s": clock,
                "finished_s": clock + 1.0,
            }
        )
    ceiling = 0.99 - 0.14 * np.exp(-0.6 * (median - 0.8)) - float(rng.gamma(1.2, 0.01))
    pace = 0.6 + 0.5 * rng.random()
    stop = int(rng.integers(1, 4)) if ceiling < 0.94 and rng.random() < 0.8 else EPOCHS
    curve = []
    for epoch in range(1, stop + 1):
        wanted = ceiling - (ceiling - 0.1) * np.exp(-pace * epoch) + rng.normal(0, 0.006)
        accuracy = float(np.clip(np.round(wanted * num_val) / num_val, 0.0, 1.0))
        curve.append(
            EpochMetrics(
                epoch=epoch,
                train_loss=float(2.3 * np.exp(-0.5 * epoch)),
                accuracy=accuracy,
                val_loss=float(2.3 * np.exp(-0.45 * epoch)),
                seconds=1.2 + median / 5,
                images_per_s=1078 / (1.2 + median / 5),
            )
        )
    took = sum(metrics.seconds for metrics in curve)
    done = stop == EPOCHS
    return plain.model_copy(
        update={
            "state": "complete" if done else "pruned",
            "reason": "" if done else f"dominated after {stop} epochs",
            "accuracy": curve[-1].accuracy if done else None,
            "curve": tuple(curve),
            "started_s": clock,
            "finished_s": clock + took / 2,
        }
    )


def _baselines(rng: np.random.Generator) -> tuple[BaselineRecord, ...]:
    """Return one that is dominated, one that is faster than the front, and one that failed."""
    done = [
        BaselineRecord(
            name=name,
            params=params,
            macs=20 * params,
            latency=_latency(median, rng, 400),
            accuracy=accuracy,
            test_accuracy=accuracy - 0.01,
            seed=0,
        )
        for name, params, median, accuracy in (
            ("timm:mobilenetv2_050", 1_968_680, 3.1, 0.9),
            ("zoo:lightvit_tiny", 8_500_000, 0.01, 0.88),
        )
    ]
    return (*done, BaselineRecord(name="timm:vit_tiny", reason="ValueError: no <b>32</b> px"))


def _shares(arch: Arch) -> dict[str, float]:
    parts = ["stem", *(f"stages.{index}" for index in range(len(arch.stages))), "head"]
    return {
        part: (index + 1) / (len(parts) * (len(parts) + 1) / 2) * 0.96
        for index, part in enumerate(parts)
    }


def _choices(arch: Arch) -> dict[str, str | int]:
    """Return what a space would have chosen; later stages are conditional."""
    found: dict[str, str | int] = {"stem": arch.stem.type, "num_stages": len(arch.stages)}
    for index, stage in enumerate(arch.stages):
        found |= {
            f"stages.{index}.depth": stage.depth,
            f"stages.{index}.width": stage.width,
            f"stages.{index}.attention": stage.blocks[0].attention.type,
            f"stages.{index}.ffn": stage.blocks[0].ffn.type,
        }
    return found


def _finalised(trial: TrialRecord, rng: np.random.Generator, num_val: int) -> TrialRecord:
    assert trial.latency is not None
    assert trial.accuracy is not None
    quiet = trial.latency.median_ms * (0.985 + 0.02 * rng.random())
    test = float(np.clip(trial.accuracy - abs(rng.normal(0, 0.01)), 0, 1))
    return trial.model_copy(
        update={
            "final_latency": _latency(quiet, rng, 400),
            "test_accuracy": round(test * num_val) / num_val,
            "time_share": _shares(trial.arch),
            "checkpoint": f"checkpoints/trial_{trial.number}.safetensors",
        }
    )


def _seen_again(trial: TrialRecord, num_seeds: int) -> TrialRecord:
    """Return it trained with other seeds: a point less, and half a point of noise."""
    rng = np.random.default_rng(trial.number)
    found = [
        SeedResult(
            seed=1 + k,
            accuracy=float(np.clip(trial.accuracy - 0.01 + rng.normal(0, 0.005), 0, 1)),
            seconds=8.0,
        )
        for k in range(num_seeds)
    ]
    return trial.model_copy(update={"other_seeds": tuple(found)})


def _latency(median: float, rng: np.random.Generator, num_inferences: int) -> LatencyResult:
    spread = 0.004 + 0.01 * float(rng.random())
    return LatencyResult(
        median_ms=median,
        p10_ms=median * 0.98,
        p90_ms=median * 1.05,
        interval_ms=(median * (1 - spread), median * (1 + spread)),
        num_inferences=num_inferences,
        num_warmup=10,
        device=ENVIRONMENT.device,
        environment=ENVIRONMENT.fingerprint,
        reference_ratio=median / 2.1,
        reference_drift=0.004,
        verdict="noisy" if rng.random() < 0.05 else "steady",
    )

"""Plausible ablations, made without training: planted differences, noise of known size."""

from itertools import product

import numpy as np

from archsearch.ablation_record import AblationRecord, Published, VariantRecord
from archsearch.record import EpochMetrics, LatencyResult
from tests.report.synthetic_run import ENVIRONMENT, random_arch

NUM_IMAGES = 2000
#: name to true difference, overrides, published change
VARIANTS = {
    "without aggregation": (-0.011, {"attention.aggregation": False}, -0.7),
    "without broadcast": (-0.006, {"attention.broadcast": False}, -1.1),
    "plain MLP in place of the two gates": (-0.021, {"ffn.type": "mlp"}, -1.8),
    "channel gate only": (-0.003, {"ffn.spatial": False}, None),
    "patch stem": (0.0, {"stem.type": "patch"}, None),
    "conditional position": (0.008, {"position.type": "conditional"}, 0.2),
}
FACTORS = {
    "aggregation": ("on", "off"),
    "merge": ("residual", "convolution", "patch"),
    "stem": ("conv", "patch"),
}


def synthetic_ablation(seeds: int = 3, noise: float = 0.003, seed: int = 0) -> AblationRecord:
    """Return named variants with differences as in `VARIANTS`."""
    rng = np.random.default_rng(seed)
    luck = 0.002 * rng.standard_normal(seeds)
    rows = [("all parts", 0.0, {}, None), *((k, *v) for k, v in VARIANTS.items())]
    variants = [
        _variant(rng, name, 0.87 + gap, luck, noise, overrides=overrides, published=change)
        for name, gap, overrides, change in rows
    ]
    return _record("lightvit_components", "leave_one_out", tuple(variants), seeds)


def synthetic_factorial(seeds: int = 3, drop: int = 0, seed: int = 0) -> AblationRecord:
    """Return a factorial with a main effect, an interaction, and ``drop`` combinations missing."""
    rng = np.random.default_rng(seed)
    luck = 0.002 * rng.standard_normal(seeds)
    every = list(product(*FACTORS.values()))
    kept = [every[0], *(every[i] for i in sorted(rng.permutation(len(every) - 1)[drop:] + 1))]
    variants = []
    for levels in kept:
        plain, patch = levels[0] == "off", levels[1] == "patch"
        accuracy = 0.85 - 0.015 * plain - 0.004 * patch - 0.02 * (plain and patch)
        named = dict(zip(FACTORS, levels, strict=True))
        variants.append(
            _variant(rng, ", ".join(levels), accuracy, luck, 0.003, overrides=named, levels=named)
        )
    return _record("merges", "factorial", tuple(variants), seeds)


def _variant(rng, name, accuracy, luck, noise, *, overrides, levels=None, published=None):
    arch = random_arch(rng)
    ends = {s: float(accuracy + luck[s] + noise * rng.standard_normal()) for s in range(len(luck))}
    latency = float(rng.uniform(1.5, 3.0))
    return VariantRecord(
        name=name,
        overrides=overrides,
        levels=levels or {},
        published=None
        if published is None
        else Published(text=f"Table 5: {published:+g}", change=published),
        digest=arch.digest,
        arch=arch,
        params=int(rng.integers(100_000, 400_000)),
        macs=int(rng.integers(5_000_000, 20_000_000)),
        latency=LatencyResult(
            median_ms=latency,
            p10_ms=0.98 * latency,
            p90_ms=1.1 * latency,
            interval_ms=(0.985 * latency, 1.02 * latency),
            num_inferences=400,
            num_warmup=40,
        ),
        accuracies=ends,
        curves={
            s: tuple(
                EpochMetrics(
                    epoch=e,
                    train_loss=2.0 / e,
                    accuracy=end - 0.3 * 0.6**e + 0.3 * 0.6**8,
                    val_loss=2.2 / e,
                    seconds=3.0,
                    images_per_s=900.0,
                )
                for e in range(1, 9)
            )
            for s, end in ends.items()
        },
    )


def _record(name, design, variants, seeds):
    return AblationRecord(
        name=name,
        question="Which part of the network buys the gain?",
        cost="a few minutes on a laptop",
        published="Every part helps; the gates of the FFN the most.",
        design=design,
        scale="small",
        base=variants[0].name,
        variants=variants,
        factors=FACTORS if design == "factorial" else {},
        num_images=NUM_IMAGES,
        data="cifar10",
        image_size=32,
        num_train=5000,
        recipe={"epochs": 8, "batch_size": 64},
        seeds=tuple(range(seeds)),
        planned_seeds=seeds,
        environment=ENVIRONMENT,
        protocol={"batch_size": 1, "threads": 1},
        wall_s=812.0,
    )

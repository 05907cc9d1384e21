"""Records with just the numbers that an analysis reads."""

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage
from archsearch.record import Environment, EpochMetrics, LatencyResult, RunRecord, TrialRecord

ARCH = Arch(
    image_size=32,
    num_classes=10,
    stages=(
        Stage(
            depth=1, width=16, num_heads=1, blocks=(Block(attention=SelfAttention(), ffn=Mlp()),)
        ),
    ),
)
ENVIRONMENT = Environment(
    device="cpu",
    device_kind="cpu",
    cpu="cpu",
    cores=1,
    memory_bytes=1,
    system="",
    python="",
    torch="",
    timm="",
    archsearch="",
)


def latency(median_ms: float) -> LatencyResult:
    return LatencyResult(
        median_ms=median_ms,
        p10_ms=median_ms,
        p90_ms=median_ms,
        interval_ms=(median_ms, median_ms),
        num_inferences=1,
        num_warmup=0,
    )


def trial(
    number: int,
    accuracy: float | None = None,
    latency_ms: float | None = None,
    *,
    final_ms: float | None = None,
    state: str = "complete",
    curve: tuple[float, ...] = (),
    finished_s: float | None = None,
) -> TrialRecord:
    return TrialRecord(
        number=number,
        digest=str(number),
        arch=ARCH,
        state=state,
        accuracy=accuracy,
        latency=None if latency_ms is None else latency(latency_ms),
        final_latency=None if final_ms is None else latency(final_ms),
        curve=tuple(
            EpochMetrics(
                epoch=epoch,
                train_loss=1.0,
                accuracy=each,
                val_loss=1.0,
                seconds=1.0,
                images_per_s=1.0,
            )
            for epoch, each in enumerate(curve, start=1)
        ),
        finished_s=finished_s,
    )


def run(
    *trials: TrialRecord,
    budget_ms: float | None = None,
    config: dict[str, object] | None = None,
    front: tuple[int, ...] = (),
) -> RunRecord:
    return RunRecord(
        name="made",
        config=config or {},
        environment=ENVIRONMENT,
        trials=trials,
        budget_ms=budget_ms,
        front=front,
    )

"""The protocol of a latency measurement."""

from typing import Annotated, Literal

from pydantic import Field

from archsearch.arch import Spec

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Dtype = Literal["float32", "bfloat16", "float16", "int8"]
Runtime = Literal["eager", "compiled", "cuda_graph", "onnxruntime", "openvino", "litert"]


class LatencyProtocol(Spec):
    """How a latency is measured.

    Inferences are timed in blocks of ``block_ms``. A small reference network runs before and
    after each block; a block beside which the reference was off its calibration by more than
    ``max_drift`` counts as disturbed. Measuring ends when the blocks know their median to
    ``interval_share`` of it, or when ``time_limit_s`` is over.

    Attributes:
        device: ``cpu``, ``cuda`` or ``cuda:N``; None means the probe's.
        threads: intra-op threads; None means the probe's.
        batch_size: images per inference.
        dtype: of weights and inputs; ``int8`` is what a runtime's quantiser makes of float32.
        memory_format: of weights and inputs.
        runtime: what runs the network.
        mode: ``latency`` waits for each inference to end before the next begins;
            ``throughput`` starts them back to back and divides (the two differ on CUDA).
        interval_share: width of the interval of the median over blocks, as a share of the median,
            that is good enough.
        min_blocks: accepted blocks needed; 6 is the fewest that carry an interval.
        block_ms: length of one block.
        time_limit_s: longest measuring after warm-up.
        warmup_limit_s: longest warm-up.
        max_drift: how far the reference may be off its calibration.
    """

    device: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None
    batch_size: Annotated[int, Field(ge=1)] = 1
    dtype: Dtype = "float32"
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    runtime: Runtime = "eager"
    mode: Literal["latency", "throughput"] = "latency"
    interval_share: Positive = 0.02
    min_blocks: Annotated[int, Field(ge=6)] = 12
    block_ms: Positive = 15.0
    time_limit_s: Positive = 2.0
    warmup_limit_s: Positive = 1.0
    max_drift: Positive = 0.03


#: a first measurement of a candidate: about a quarter of a second for a network of 5 ms. It
#: tolerates a machine that is not quite quiet: on a shared virtual machine the strict 3 % rejected
#: two thirds of the candidates and took 0.8 s for each
GATE = LatencyProtocol(
    interval_share=0.1,
    min_blocks=6,
    block_ms=10.0,
    time_limit_s=0.2,
    warmup_limit_s=0.1,
    max_drift=0.1,
)
#: a number to publish: one to two seconds
FINAL = LatencyProtocol(min_blocks=30, block_ms=20.0, time_limit_s=4.0)
#: one pass of a comparison, of which there are several
COMPARE = LatencyProtocol(min_blocks=30, block_ms=20.0, time_limit_s=1.5)

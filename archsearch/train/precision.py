"""Choose the arithmetic of training by timing a step, not by the device's name."""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from archsearch.arch import Spec
from archsearch.train.recipe import Precision
from archsearch.train.seeding import isolated_rng

_REPEATS = 3
# a gain below this is within the noise of a shared machine
_WORTHWHILE = 1.15


class PrecisionChoice(Spec):
    """The arithmetic a training run uses, and why.

    Attributes:
        precision: the choice.
        step_ms: best time of a training step in each precision that was timed.
        reason: one line.
    """

    precision: Precision
    step_ms: dict[str, float] = Field(default_factory=dict)
    reason: str


def choose_precision(
    model: nn.Module, images: Tensor, labels: Tensor, *, repeats: int = _REPEATS
) -> PrecisionChoice:
    """Time forward and backward in each precision and return the fastest.

    The model, its statistics and the random state stay as they are. Ratios between precisions
    depend on the network: matrix products gain, depthwise convolutions lose.

    Args:
        model: on its device.
        images: a batch as training sees it, (B, C, H, W), float32.
        labels: (B,).
        repeats: timed steps of each precision, interleaved.
    """
    device = images.device
    times: dict[Precision, float] = {}
    with isolated_rng(device):
        twin = copy.deepcopy(model).train()
        # one step of each, untimed: kernels are chosen and memory is taken in the first
        for repeat in range(repeats + 1):
            for precision in _candidates(device):
                seconds = _step_seconds(twin, images, labels, precision)
                if repeat:
                    times[precision] = min(seconds, times.get(precision, seconds))
    best = min(times, key=lambda each: times[each])
    gain = times["float32"] / times[best]
    if best != "float32" and gain < _WORTHWHILE:
        best = "float32"
    shown = ", ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in times.items())
    return PrecisionChoice(
        precision=best,
        step_ms={name: 1e3 * seconds for name, seconds in times.items()},
        reason=f"fastest step: {shown}",
    )


@contextmanager
def arithmetic(precision: Precision, device: torch.device) -> Iterator[None]:
    """Compute in ``precision`` inside the block."""
    if precision == "float32":
        yield
    else:
        with torch.autocast(device.type, dtype=getattr(torch, precision)):
            yield


def _candidates(device: torch.device) -> tuple[Precision, ...]:
    if device.type == "cuda" and not _has_bfloat16(device):
        return ("float32", "float16")
    return ("float32", "bfloat16")


def _step_seconds(model: nn.Module, images: Tensor, labels: Tensor, precision: Precision) -> float:
    model.zero_grad(set_to_none=True)
    _synchronize(images.device)
    started = time.perf_counter()
    with arithmetic(precision, images.device):
        logits = model(images)
    F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
    _synchronize(images.device)
    return time.perf_counter() - started


def half_precision(device: torch.device) -> Precision:
    """Return the arithmetic of 16 bits that suits a device: what is settled without a clock."""
    with torch.cuda.device(device):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"


def _has_bfloat16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

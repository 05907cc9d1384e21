"""The memory that a teacher needs, known before it is built."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archsearch.cost.memory import activation_memory
from archsearch.errors import InputError, Problem
from archsearch.machine import own_limits

#: key of every problem with a teacher
KEY = "recipe.teacher.source"
#: most images that a teacher answers for at once
_BATCH = 64
#: where the activations cannot be computed
_CAUTIOUS_BATCH = 4
#: share of the memory that a batch's activations may take
_SHARE = 0.25


def check_size(label: str, make: Callable[[], Any]) -> None:
    """Check that a network and its weights fit into memory, without building it.

    Args:
        label: of the teacher.
        make: builds the network.

    Raises:
        InputError: they do not.
    """
    try:
        with torch.device("meta"):
            made = make()
    except Exception:
        # some networks look at values while they are built: those are built all the same
        return
    network = made[0] if isinstance(made, tuple) else made
    if isinstance(network, nn.Module):
        tensors = [*network.parameters(), *network.buffers()]
        _check(label, sum(each.nbytes for each in tensors))


def check_file(label: str, weights: Path) -> None:
    """Check that weights fit into memory, by the size of their file.

    Raises:
        InputError: they do not.
    """
    if weights.is_file():
        _check(label, weights.stat().st_size)


def _check(label: str, size: int) -> None:
    # the network, and the weights as they are read
    needed, there = 2 * size, own_limits().memory_bytes
    if needed > there:
        rule = f"needs {_gib(needed)} of memory, and there are {_gib(there)}"
        raise InputError(Problem(KEY, rule, label, "take a smaller teacher"))


def answering_batch(
    label: str, network: nn.Module, shape: tuple[int, int, int], device: torch.device
) -> int:
    """Return how many images a teacher may answer for at once.

    Args:
        label: of the teacher.
        network: the teacher.
        shape: (C, H, W) of one image.
        device: that it runs on.

    Raises:
        InputError: one image is too much.
    """
    there = own_limits().memory_bytes
    if device.type == "cuda":
        there = torch.cuda.mem_get_info(device)[0]
    try:
        an_image = activation_memory(network, (1, *shape)).inference_bytes
    except Exception:
        # a network whose shapes depend on values
        return _CAUTIOUS_BATCH
    if an_image > there:
        rule = f"needs {_gib(an_image)} of memory for one image, and there are {_gib(there)}"
        raise InputError(Problem(KEY, rule, label, "take a smaller teacher, or smaller images"))
    return max(1, min(_BATCH, int(_SHARE * there / max(an_image, 1))))


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"

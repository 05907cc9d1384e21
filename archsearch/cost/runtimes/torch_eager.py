"""PyTorch as it is written."""

from collections.abc import Callable

import torch
from torch import nn


def prepare_eager(model: nn.Module, inputs: torch.Tensor, threads: int) -> Callable[[], object]:
    """Return one inference in eager mode."""

    def run() -> object:
        return model(inputs)

    return run

"""PyTorch through its compiler."""

from collections.abc import Callable

import torch
from torch import nn


def prepare_compiled(model: nn.Module, inputs: torch.Tensor, threads: int) -> Callable[[], object]:
    """Return one inference of the compiled network; compiling may take a minute."""
    torch.compiler.reset()
    compiled = torch.compile(model, dynamic=False, fullgraph=False)
    compiled(inputs)

    def run() -> object:
        return compiled(inputs)

    return run

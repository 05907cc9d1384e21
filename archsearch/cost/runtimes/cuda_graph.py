"""PyTorch recorded once as a CUDA graph and replayed."""

from collections.abc import Callable

import torch
from torch import nn

_WARMUP_RUNS = 3


def prepare_cuda_graph(
    model: nn.Module, inputs: torch.Tensor, threads: int
) -> Callable[[], object]:
    """Record one inference of a network on a CUDA device; return its replay."""
    side = torch.cuda.Stream(inputs.device)  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream(inputs.device))
    with torch.cuda.stream(side):
        for _ in range(_WARMUP_RUNS):
            model(inputs)
    torch.cuda.current_stream(inputs.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = model(inputs)

    # the graph reads and writes the memory of all three, so they live as long as it
    def run(kept: object = (model, inputs)) -> object:
        graph.replay()
        return output

    return run

"""The known runtimes, by the name that a protocol and a result carry."""

from collections.abc import Callable

import torch
from torch import nn

from archsearch.cost.runtimes.cuda_graph import prepare_cuda_graph
from archsearch.cost.runtimes.torch_compiled import prepare_compiled
from archsearch.cost.runtimes.torch_eager import prepare_eager
from archsearch.errors import InputError, Problem, nearest

Prepare = Callable[[nn.Module, torch.Tensor], Callable[[], object]]

RUNTIMES: dict[str, Prepare] = {
    "compiled": prepare_compiled,
    "cuda_graph": prepare_cuda_graph,
    "eager": prepare_eager,
}


def prepare(runtime: str, model: nn.Module, inputs: torch.Tensor) -> Callable[[], object]:
    """Return one inference of ``model`` on ``inputs`` by the named runtime.

    Raises:
        InputError: there is no such runtime, or it cannot run here.
    """
    if runtime not in RUNTIMES:
        raise InputError(Problem("runtime", "unknown runtime", runtime, nearest(runtime, RUNTIMES)))
    return RUNTIMES[runtime](model, inputs)

"""Bytes of weights and activations, computed without running the network."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from archsearch.cost.counts import example_input

#: floating types by the names of protocols
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class ActivationMemory:
    """Activation bytes at one batch size.

    Attributes:
        inference_bytes: most that is alive at once during an inference, input included; scratch
            space inside an operator is not seen.
        training_bytes: kept from the forward pass for the backward pass.
    """

    inference_bytes: int
    training_bytes: int


def weight_bytes(model: nn.Module) -> dict[str, int]:
    """Return the bytes of parameters and buffers in each floating type."""
    tensors = [*model.parameters(), *model.buffers()]
    fixed = sum(t.nbytes for t in tensors if not t.is_floating_point())
    floating = sum(t.numel() for t in tensors if t.is_floating_point())
    return {name: fixed + floating * dtype.itemsize for name, dtype in DTYPES.items()}


def int8_weight_bytes(model: nn.Module) -> int:
    """Return the bytes of parameters and buffers in int8: a matrix or kernel takes one a weight.

    Biases and norms stay in float32.
    """
    tensors = [*model.parameters(), *model.buffers()]
    return sum(t.numel() if t.is_floating_point() and t.ndim > 1 else t.nbytes for t in tensors)


def computing_dtype(dtype: str) -> torch.dtype:
    """Return the type of weights and inputs ahead of a runtime, which int8 is quantised from."""
    return DTYPES["float32" if dtype == "int8" else dtype]


def activation_memory(model: nn.Module, input_shape: Sequence[int]) -> ActivationMemory:
    """Compute the activation memory at inputs of ``(B, C, H, W)``, in the model's floating type.

    Operators run on fake tensors, which have a shape and no data: a batch of 1,000 costs as
    little time as a batch of one.

    Args:
        model: a module whose shapes do not depend on the values of tensors.
        input_shape: ``(B, C, H, W)``.

    Returns:
        bytes of an inference and of a training step.
    """
    training = {module: module.training for module in model.modules()}
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    named = [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]
    # stand-ins, so that a running statistic of the model itself is never written
    tensors: dict[str, torch.Tensor] = {name: mode.from_tensor(tensor) for name, tensor in named}
    own = {_key(tensor) for tensor in tensors.values()}
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if _key(tensor) not in own:
            saved[_key(tensor)] = tensor.untyped_storage().nbytes()
        return tensor

    with mode:
        inputs = example_input(model, input_shape)
        # a batch norm over a 1 x 1 map needs two images to train
        copies = 2 if input_shape[0] == 1 else 1
        batch = inputs.repeat(copies, 1, 1, 1)
        try:
            model.eval()
            with torch.no_grad(), _LiveBytes(inputs) as live:
                functional_call(model, tensors, (inputs,))
            model.train()
            with saved_tensors_hooks(keep, lambda tensor: tensor):
                output = functional_call(model, tensors, (batch,))
            del output
        finally:
            for module, mode_before in training.items():
                module.training = mode_before
    return ActivationMemory(live.peak, sum(saved.values()) // copies)


def _key(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the bytes of the storages that are alive."""

    def __init__(self, inputs: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()
        self._follow(inputs)

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            for leaf in tree_iter(out):
                if isinstance(leaf, torch.Tensor):
                    self._follow(leaf)
        return out

    def _follow(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._known:
            return
        self._known.add(storage)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._release, size)

    def _release(self, size: int) -> None:
        self.live -= size

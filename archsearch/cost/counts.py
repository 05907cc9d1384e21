"""Exact counts: parameters, and the multiply-adds of one forward pass."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cost.network_units import hooked
from archsearch.cost.operator_macs import MAC_HANDLES, has_no_macs
from archsearch.model import build_model


@dataclass(frozen=True)
class MacCount:
    """Multiply-adds of one forward pass.

    Attributes:
        total: multiply-adds (1 MAC = 2 FLOPs); see `archsearch.cost.operator_macs` for what counts.
        by_operator: operator name to its MACs.
        by_module: dotted module name to the MACs spent inside it; empty unless asked for.
        unsupported: operator name to the number of calls whose MACs are unknown. The
            total is a lower bound unless this is empty.
    """

    total: int
    by_operator: dict[str, int]
    by_module: dict[str, int]
    unsupported: dict[str, int]


@dataclass(frozen=True)
class ArchCounts:
    """Counts of an architecture.

    Attributes:
        params: number of parameters.
        macs: multiply-adds of one image.
    """

    params: int
    macs: int


def count_arch(arch: Arch) -> ArchCounts:
    """Count parameters and multiply-adds of an architecture.

    Equal architectures are built and counted once.

    Args:
        arch: the architecture; its canonical form is counted.

    Returns:
        ``params``, the number of parameters, and ``macs``, the multiply-adds of one image.

    Raises:
        InputError: the architecture breaks a rule.

    Examples:
        >>> from archsearch import count_arch, zoo
        >>> counts = count_arch(zoo.arch("lightvit_tiny"))
        >>> print(f"{counts.params / 1e6:.2f} M parameters, {counts.macs / 1e6:.0f} M MACs")
        9.38 M parameters, 764 M MACs
    """
    return _count_canonical(arch.canonical())


@lru_cache(maxsize=8192)
def _count_canonical(arch: Arch) -> ArchCounts:
    # without memory for its weights: a candidate may be larger than the machine
    with torch.device("meta"):
        model = build_model(arch)
    macs = count_macs(model, (1, *arch.input_shape))
    assert not macs.unsupported, f"our own blocks use uncounted operators: {macs.unsupported}"
    return ArchCounts(count_params(model), macs.total)


def count_params(model: nn.Module, trainable_only: bool = False) -> int:
    """Return the number of parameters; a shared one counts once.

    Args:
        model: any module.
        trainable_only: leave out parameters that need no gradient.
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def count_macs(
    model: nn.Module, input_shape: Sequence[int], modules: Sequence[str] = ()
) -> MacCount:
    """Count the multiply-adds of one inference, attention included.

    The count is taken below Python, where every operator passes, so a fused attention, an
    ``einsum`` or a function that is not a module cannot be missed. The model runs once in
    evaluation mode on its own device, the meta device included.

    Args:
        model: any module that takes one image tensor.
        input_shape: ``(B, C, H, W)``; use B = 1 for the cost of one image.
        modules: names of submodules to break the count down by.
    """
    counter = _Counter()
    inside = hooked(
        model,
        modules,
        enter=lambda name, args: counter.open_modules.append(name),
        leave=lambda name, output: counter.open_modules.remove(name),
    )
    what = "counting multiply-adds: one inference"
    with doing(what), evaluating(model), torch.no_grad(), inside, counter:
        model(example_input(model, input_shape))
    return MacCount(
        total=sum(counter.by_operator.values()),
        by_operator=dict(counter.by_operator),
        by_module={name: counter.by_module[name] for name in modules},
        unsupported=dict(counter.unsupported),
    )


def example_input(model: nn.Module, input_shape: Sequence[int]) -> torch.Tensor:
    """Return a zero input on the device and in the floating type of ``model``."""
    like = next((p for p in model.parameters() if p.is_floating_point()), torch.empty(0))
    return torch.zeros(tuple(input_shape), device=like.device, dtype=like.dtype)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts multiply-adds of the operators that run while it is active."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.by_operator: Counter[str] = Counter()
        self.by_module: Counter[str] = Counter()
        self.unsupported: Counter[str] = Counter()
        self.open_modules: list[str] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        handle = MAC_HANDLES.get(packet)
        if handle is not None:
            macs = handle(args, out)
            self.by_operator[packet.__name__] += macs
            for name in self.open_modules:
                self.by_module[name] += macs
        elif not has_no_macs(func):
            self.unsupported[func.name().removeprefix("aten::")] += 1
        return out


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every submodule in evaluation mode, without attention's fused fast path; undo it after.

    PyTorch's fast path of ``nn.MultiheadAttention`` hides its matrix products in one operator.
    """
    training = [module for module in model.modules() if module.training]
    fast_path = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for module in training:
            module.training = True

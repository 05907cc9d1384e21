"""Linear layers through oneDNN, on CPUs where that is the faster matrix product.

PyTorch multiplies float32 matrices by MKL, which takes its AVX2 path on AMD's CPUs, even on those
with AVX-512; oneDNN, which PyTorch carries for convolutions, uses AVX-512 there and takes half the
time (197 x 192 times 192 x 768 on an EPYC of the Zen 5 generation: 0.26 against 0.56 ms). On an
EPYC of the Zen 4 generation the two are about equally fast (83-108 against 98-101 GFLOP/s).
"""

from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)

#: multiply-adds below which oneDNN's cost of a call (about 13 us) is more than it saves
_WORTH_A_CALL = 1_000_000


def onednn_is_faster() -> bool:
    """Return whether oneDNN may multiply float32 matrices faster than PyTorch's own path here.

    True on AMD's processors with AVX-512, unless ATEN_CPU_CAPABILITY limits PyTorch to less.
    """
    if not torch._C._has_mkldnn or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    # the flags among the capabilities are the processor's, whatever the limit
    avx512 = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return avx512 and "AMD" in str(capabilities.get("cpu_name", ""))


def use_onednn(module: Module) -> Module:
    """Let all linear layers and 1x1 convolutions inside ``module`` compute by oneDNN; return it.

    The parameters stay as they are, training works, and results differ in the last bits. What is
    not float32 on a CPU, or runs under autocast, ``torch.compile`` or ``torch.export``, computes
    as before. Undo it with `use_torch`.
    """
    for part in module.modules():
        if type(part) is nn.Linear:
            part.__class__ = OneDnnLinear
        elif type(part) is nn.Conv2d and _is_pointwise(part):
            part.__class__ = OneDnnPointwise
    return module


def use_torch(module: Module) -> Module:
    """Undo `use_onednn`."""
    for part in module.modules():
        if isinstance(part, OneDnnLinear):
            object.__setattr__(part, "__class__", nn.Linear)
        elif isinstance(part, OneDnnPointwise):
            object.__setattr__(part, "__class__", nn.Conv2d)
    return module


class OneDnnLinear(nn.Linear):
    """`nn.Linear` that computes by oneDNN where it can."""

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input @ weight.T + bias``."""
        if not _can(input, self.weight):
            return F.linear(input, self.weight, self.bias)
        return onednn_linear(input, self.weight, self.bias)


class OneDnnPointwise(nn.Conv2d):
    """A 1x1 `nn.Conv2d` that computes by oneDNN's matrix product, on channels-last maps."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the convolved map ``(B, C', H, W)``."""
        tokens = input.permute(0, 2, 3, 1)
        if not _can(input, self.weight) or not tokens.is_contiguous():
            return super().forward(input)
        return onednn_linear(tokens, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def onednn_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``x @ weight.T + bias`` of float32 tensors on a CPU; it can be differentiated."""
    if torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad):
        out: Tensor = _OneDnnLinear.apply(x, weight, bias)
        return out
    return _product(x, weight, bias)


class _OneDnnLinear(torch.autograd.Function):
    """The three matrix products of a linear layer and of its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        (grad,) = grads
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        rows = grad.reshape(-1, grad.shape[-1])
        return (
            onednn_linear(grad, weight.t(), None) if needs_x else None,
            onednn_linear(rows.t(), x.reshape(-1, x.shape[-1]).t(), None) if needs_weight else None,
            rows.sum(dim=0) if needs_bias else None,
        )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # what torch.compile calls for a linear layer with a frozen weight
    out: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return out


def _can(x: Tensor, weight: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.compiler.is_compiling()
        and torch._C._get_tracing_state() is None
        and not torch.is_autocast_enabled("cpu")
        and x.numel() * weight.shape[0] >= _WORTH_A_CALL
    )


def _is_pointwise(conv: nn.Conv2d) -> bool:
    return (
        conv.kernel_size == (1, 1)
        and conv.stride == (1, 1)
        and conv.padding in ((0, 0), 0)
        and conv.groups == 1
    )

"""Fold linear layers of an inference into adjacent convolutions."""

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from archsearch.blocks import ConditionalPosition, Head, LocalAggregation, LocalityFfn
from archsearch.blocks.head import TokenBatchNorm

Module = TypeVar("Module", bound=nn.Module)
_BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def fuse(model: Module) -> Module:
    """Return a copy of a network for inference, with fewer layers and the same logits.

    Folded, by exact algebra and so equal to rounding: batch norm into the convolution ahead of
    it (stem, locality FFN), into the 1x1 convolution after it (local aggregation) or the linear
    layer after it (head with a neck); the residual of a conditional position into the centre of
    its kernel. The copy is in evaluation mode, is not to be trained, and has other names in its
    state dict.

    Args:
        model: an archsearch network, or any module made of its blocks; it stays as it is.

    Examples:
        >>> import torch
        >>> from archsearch import build_model, zoo
        >>> from archsearch.export import fuse
        >>> model = build_model(zoo.arch("edgevit_xxs", image_size=64)).eval()
        >>> images = torch.randn(1, 3, 64, 64)
        >>> torch.allclose(fuse(model)(images), model(images), atol=1e-4)
        True
    """
    fused = copy.deepcopy(model).eval().requires_grad_(False)
    for module in list(fused.modules()):
        if isinstance(module, nn.Sequential):
            _fuse_sequence(module)
        elif isinstance(module, LocalityFfn):
            _fold_after(module.expand, module.expand_norm)
            _fold_after(module.project, module.project_norm)
            _leave_out(module, "expand_norm", "project_norm")
        elif isinstance(module, LocalAggregation):
            _fold_ahead(module.norm1, module.conv1)
            _fold_ahead(module.norm2, module.fc1)
            _leave_out(module, "norm1", "norm2")
        elif isinstance(module, Head):
            _fuse_head(module)
        for name, child in list(module.named_children()):
            if isinstance(child, ConditionalPosition):
                setattr(module, name, FusedPosition(child))
    return fused


class FusedPosition(nn.Module):
    """A conditional position as one convolution, the residual in the centre of its kernel.

    ``(B, H, W, C) -> (B, H, W, C)``

    Args:
        position: takes its convolution over.
    """

    def __init__(self, position: ConditionalPosition) -> None:
        super().__init__()
        self.conv = position.conv
        rows, columns = self.conv.weight.shape[-2:]
        with torch.no_grad():
            self.conv.weight[:, :, rows // 2, columns // 2] += 1

    def forward(self, x: Tensor) -> Tensor:
        """Return the map with positions added."""
        out: Tensor = self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return out


def _leave_out(module: nn.Module, *names: str) -> None:
    for name in names:
        setattr(module, name, nn.Identity())


def _fuse_sequence(layers: nn.Sequential) -> None:
    for index, (layer, norm) in enumerate(pairwise(list(layers))):
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            _fold_after(layer, norm)
            layers[index + 1] = nn.Identity()


def _fuse_head(head: Head) -> None:
    if isinstance(head.norm, TokenBatchNorm) and isinstance(head.neck, nn.Sequential):
        first = head.neck[0]
        assert isinstance(first, nn.Linear)
        _fold_ahead(head.norm, first)
        head.norm = nn.Identity()


def _scale_and_shift(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Return what a batch norm multiplies by and adds, in float64."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    return scale, norm.bias.double() - norm.running_mean.double() * scale


def _fold_after(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Let ``conv`` compute ``norm(conv(x))``."""
    scale, shift = _scale_and_shift(norm)
    bias = scale.new_zeros(()) if conv.bias is None else conv.bias.double()
    _set(conv, conv.weight.double() * scale.reshape(-1, 1, 1, 1), bias * scale + shift)


def _fold_ahead(norm: _BatchNorm, layer: nn.Conv2d | nn.Linear) -> None:
    """Let ``layer``, which takes single positions, compute ``layer(norm(x))``."""
    assert isinstance(layer, nn.Linear) or layer.kernel_size == (1, 1)
    scale, shift = _scale_and_shift(norm)
    weight = layer.weight.double().flatten(1)  # (out, in)
    bias = 0 if layer.bias is None else layer.bias.double()
    _set(layer, (weight * scale).reshape(layer.weight.shape), weight @ shift + bias)


def _set(layer: nn.Conv2d | nn.Linear, weight: Tensor, bias: Tensor) -> None:
    like = layer.weight
    layer.weight = nn.Parameter(weight.to(like.dtype), requires_grad=False)
    if isinstance(layer, nn.Conv2d):
        layer.weight.data = layer.weight.data.contiguous(memory_format=torch.channels_last)
    layer.bias = nn.Parameter(bias.to(like.dtype), requires_grad=False)

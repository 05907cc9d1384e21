"""Batch norms of a finished network, folded into the layers beside them."""

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from archsearch.blocks import ConvStem, Head, LocalAggregation, LocalityFfn
from archsearch.model.network import Network

BatchNorm = nn.modules.batchnorm._BatchNorm


def fold_batch_norms(network: Network) -> Network:
    """Return a copy for inference whose batch norms are part of the layers beside them.

    In evaluation mode a batch norm is one multiplication and one addition per channel, and a
    convolution or linear layer before or behind it can do both. Results differ in the last bits.
    The copy cannot be trained on as the network could, and its state dict has fewer keys.
    """
    folded = copy.deepcopy(network).eval()
    with torch.no_grad():
        for part in list(folded.modules()):
            if isinstance(part, LocalityFfn):
                part.register_module(
                    "expand_norm", _into_layer_before(part.expand, part.expand_norm)
                )
                part.register_module(
                    "project_norm", _into_layer_before(part.project, part.project_norm)
                )
                if isinstance(part.depthwise, nn.Sequential):
                    _fold_sequence(part.depthwise)
            elif isinstance(part, ConvStem):
                _fold_sequence(part.layers)
            elif isinstance(part, LocalAggregation):
                part.register_module("norm1", _into_layer_behind(part.norm1, part.conv1))
                part.register_module("norm2", _into_layer_behind(part.norm2, part.fc1))
            elif isinstance(part, Head) and _is_foldable(part):
                # the mean over tokens, which lies between the two, changes nothing
                part.norm = _into_layer_behind(part.norm, part.classifier)
    return folded


def _is_foldable(head: Head) -> bool:
    has_neck = not isinstance(head.neck, nn.Identity)
    return (
        isinstance(head.norm, BatchNorm) and isinstance(head.classifier, nn.Linear) and not has_neck
    )


def _fold_sequence(layers: nn.Sequential) -> None:
    for index in range(1, len(layers)):
        if isinstance(layers[index], BatchNorm):
            layers[index] = _into_layer_before(layers[index - 1], layers[index])


def _into_layer_before(conv: nn.Module, norm: nn.Module) -> nn.Identity:
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, BatchNorm)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    return nn.Identity()


def _into_layer_behind(norm: nn.Module, layer: nn.Module) -> nn.Identity:
    """Fold into a linear layer or a 1x1 convolution: no padding, which would see the shift."""
    assert isinstance(norm, BatchNorm)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    scale, shift = _affine(norm)
    weight = layer.weight.flatten(1)
    bias = weight @ shift + (0.0 if layer.bias is None else layer.bias)
    layer.weight = nn.Parameter((weight * scale).reshape(layer.weight.shape))
    layer.bias = nn.Parameter(bias)
    return nn.Identity()


def _affine(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return scale, norm.bias - norm.running_mean * scale

"""The network of an architecture."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.arch import Arch
from archsearch.blocks import Head
from archsearch.model.timm_interface import TimmVisionTransformer
from archsearch.model.unused_parameters import unused_parts


class Network(TimmVisionTransformer):
    """A network built from an `Arch` by `build_model`.

    ``(B, in_channels, H, W) -> (B, num_classes)``. Images of another size than ``arch.image_size``
    run too: position tables and window tokens are interpolated, windows padded and masked.

    Attributes:
        arch: what it was built from, in canonical form.
        declared_arch: the same as it was given; for another image size, start from this one.
        num_classes: outputs; 0 after ``reset_classifier(0)``.
        num_features: channels of the last map.
        head_hidden_size: inputs of the classifier.
        feature_info: channels, stride and module name of each stage's map.
        pretrained_cfg: timm's configuration entries; ``default_cfg`` is the same.
        in_chans: channels of the images.
        drop_rate: dropout ahead of the classifier, in training.
        global_pool: the pooling in timm's words, ``avg`` or ``token``; empty for none, then the
            network returns the last map.
    """

    def __init__(
        self, arch: Arch, stem: nn.Module, stages: Sequence[nn.Module], head: Head
    ) -> None:
        super().__init__(
            stem,
            stages,
            head,
            num_classes=arch.num_classes,
            in_chans=arch.in_channels,
            feature_info=_feature_info(arch),
        )
        self.arch = self.declared_arch = arch
        self._unused = unused_parts(arch)
        self.pretrained_cfg = self.default_cfg = timm_config(arch)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        logits = super().forward(x)
        return self._reached_by_all(logits) if self.training and self._unused else logits

    def _reached_by_all(self, logits: Tensor) -> Tensor:
        """Give parameters that no logit depends on a gradient of zero instead of none.

        Distributed training waits for a gradient of every parameter.
        """
        parts = (self.get_submodule(name) for name in self._unused)
        sums = [parameter.sum() for part in parts for parameter in part.parameters()]
        return logits + 0.0 * torch.stack(sums).sum()


def _feature_info(arch: Arch) -> list[dict[str, Any]]:
    """Return channels, stride and module name of each stage's map."""
    stride = arch.stem_stride
    info = []
    for index, stage in enumerate(arch.stages):
        stride *= 1 if stage.downsample is None else 2
        info.append({"num_chs": stage.width, "reduction": stride, "module": f"stages.{index}"})
    return info


_FIRST_CONV = {
    "patch": "stem.proj",
    "conv": "stem.layers.0",
    "tokens_to_token": None,
    "pixel": "stem.pixel_conv",
}


def timm_config(arch: Arch) -> dict[str, Any]:
    """Return the entries that timm's data and transfer code reads."""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    if arch.in_channels != len(mean):
        # ImageNet's colours say nothing of other channels
        mean, std = (0.0,) * arch.in_channels, (1.0,) * arch.in_channels
    return {
        "url": "",
        "architecture": "archsearch",
        "num_classes": arch.num_classes,
        "input_size": arch.input_shape,
        "pool_size": arch.map_shapes[-1],
        "fixed_input_size": False,
        "crop_pct": 0.9,
        "interpolation": "bicubic",
        "mean": mean,
        "std": std,
        "first_conv": _FIRST_CONV[arch.stem.type],
        "classifier": "head.classifier",
    }

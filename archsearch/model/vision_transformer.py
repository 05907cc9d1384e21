"""Stem, stages and head as one module."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.head import Head
from archsearch.blocks.sides import Sides, both

#: poolings of the head in timm's words
TIMM_POOLINGS = {"mean": "avg", "mean_all": "avg", "class_token": "token"}


class VisionTransformer(nn.Module):
    """Stem, stages, head: ``(B, in_chans, H, W) -> (B, num_classes)``.

    Between stages a map is ``(B, C, H, W)`` in channels-last memory; inside, blocks see its view
    ``(B, H, W, C)``, and extra tokens ``(B, T, C)`` beside it.

    Args:
        stem: images to the first map.
        stages: map and extra tokens to the same.
        head: map and extra tokens to logits.
        num_classes: outputs; 0 for pooled features.
        in_chans: channels of the images.
        feature_info: channels (``num_chs``), stride (``reduction``) and module name (``module``)
            of each stage's map.
        fixed_size: side in pixels that images must have, or height and width; None for any.
    """

    def __init__(
        self,
        stem: nn.Module,
        stages: Sequence[nn.Module],
        head: Head,
        *,
        num_classes: int,
        in_chans: int,
        feature_info: list[dict[str, Any]],
        fixed_size: Sides | None = None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.head = head
        self.num_classes = num_classes
        self.in_chans = in_chans
        self.feature_info = feature_info
        self.fixed_size = None if fixed_size is None else both(fixed_size)
        self.num_features: int = feature_info[-1]["num_chs"]
        self.head_hidden_size = head.num_features
        self.global_pool = TIMM_POOLINGS[head.pooling]
        self.drop_rate = 0.0

    def forward_stem(self, x: Tensor) -> Tensor:
        """Return the first map."""
        size = self.fixed_size
        if size is not None and x.shape[2:] != size:
            raise ValueError(f"images must be {size[0]} x {size[1]}, but got {tuple(x.shape[2:])}")
        out: Tensor = self.stem(x.contiguous(memory_format=torch.channels_last))
        return out

    def forward_features(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the last map ``(B, C, H, W)`` and the extra tokens ``(B, T, C)`` or None.

        Both are ahead of the head's norm; extra tokens are the class token, then global tokens.
        """
        x = self.forward_stem(x)
        tokens = None
        for stage in self.stages:
            x, tokens = stage(x, tokens)
        return x, tokens

    def forward_head(
        self, features: tuple[Tensor, Tensor | None], pre_logits: bool = False
    ) -> Tensor:
        """Return logits, or what the classifier would read, from `forward_features`' result."""
        if not self.global_pool:
            return features[0]
        dropped = self.training and self.drop_rate > 0
        out: Tensor = self.head(*features, pre_logits=pre_logits or dropped)
        if dropped:
            out = F.dropout(out, self.drop_rate)
            out = out if pre_logits else self.head.classifier(out)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """Return the classifier."""
        return self.head.classifier

    def no_weight_decay(self) -> set[str]:
        """Return the parameters that are to be left out of weight decay: tokens and tables."""
        endings = ("table", "tokens", "class_token")
        return {name for name, _ in self.named_parameters() if name.endswith(endings)}

"""From the last map and its extra tokens to logits."""

import torch
from torch import Tensor, nn


class TokenBatchNorm(nn.BatchNorm1d):
    """Batch norm over the channels of tokens ``(B, N, C)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normed tokens."""
        out: Tensor = super().forward(x.flatten(0, 1)).reshape(x.shape)
        return out


class Head(nn.Module):
    """Norm, neck, pooling, linear classifier.

    ``(B, C, H, W), (B, T, C) | None -> (B, num_classes)``

    Args:
        dim: channels of the last stage.
        num_classes: outputs; 0 for none, then the pooled features are returned.
        pooling: ``mean`` over the map, ``mean_all`` over map and extra tokens, ``class_token``.
        norm: ``layer``, ``batch`` or ``none``, ahead of the pooling.
        neck_dim: channels of the neck, a linear layer, layer norm and GELU on every token
            (LightViT); None for no neck.
        norm_eps: epsilon of the layer norm.
    """

    def __init__(
        self,
        dim: int,
        num_classes: int,
        *,
        pooling: str = "mean",
        norm: str = "layer",
        neck_dim: int | None = None,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.num_features = dim if neck_dim is None else neck_dim
        self.norm: nn.Module = nn.Identity()
        if norm == "layer":
            self.norm = nn.LayerNorm(dim, eps=norm_eps)
        elif norm == "batch":
            self.norm = TokenBatchNorm(dim)
        self.neck: nn.Module = nn.Identity()
        if neck_dim is not None:
            self.neck = nn.Sequential(nn.Linear(dim, neck_dim), nn.LayerNorm(neck_dim), nn.GELU())
        self.classifier = (
            nn.Linear(self.num_features, num_classes) if num_classes > 0 else nn.Identity()
        )

    def reset(self, num_classes: int) -> None:
        """Replace the classifier by a new one; 0 classes for none."""
        self.classifier = nn.Identity()
        if num_classes > 0:
            self.classifier = nn.Linear(self.num_features, num_classes)
            nn.init.trunc_normal_(self.classifier.weight, std=0.02)
            nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor, tokens: Tensor | None, pre_logits: bool = False) -> Tensor:
        """Return logits, or the pooled features that they are made from."""
        features = self.neck(self.norm(self._read(x, tokens))).mean(dim=1)
        out: Tensor = features if pre_logits else self.classifier(features)
        return out

    def _read(self, x: Tensor, tokens: Tensor | None) -> Tensor:
        """Return the tokens that are pooled, ``(B, N, C)``."""
        if self.pooling == "class_token":
            assert tokens is not None
            return tokens[:, :1]
        image_tokens = x.flatten(2).transpose(1, 2)
        if self.pooling == "mean_all" and tokens is not None:
            return torch.cat([tokens, image_tokens], dim=1)
        return image_tokens

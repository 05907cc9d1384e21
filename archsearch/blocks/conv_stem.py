"""Stem of overlapping convolutions."""

from torch import Tensor, nn

_STRIDES = {
    1: (1, 1, 1, 1, 1),
    2: (2, 1, 1, 1, 1),
    4: (2, 1, 1, 1, 2),
    8: (2, 1, 1, 2, 2),
    16: (2, 1, 2, 2, 2),
}


class ConvStem(nn.Module):
    """Dense 3x3, three depthwise 3x3, dense 3x3 convolution, layer norm (LightViT's code).

    ``(B, C, H, W) -> (B, C', H / stride, W / stride)``, rounded up.

    Args:
        in_channels: channels of the image.
        dim: channels of the map.
        stride: total stride: 1, 2, 4, 8 (LightViT's) or 16.
    """

    def __init__(self, in_channels: int, dim: int, stride: int) -> None:
        super().__init__()
        first, *middle, last = _STRIDES[stride]
        hidden = max(1, dim // 2)
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, hidden, 3, stride=first, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.GELU(),
        ]
        for step in middle:
            layers += [
                nn.Conv2d(hidden, hidden, 3, stride=step, padding=1, groups=hidden, bias=False),
                nn.BatchNorm2d(hidden),
                nn.GELU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.proj = nn.Conv2d(hidden, dim, 3, stride=last, padding=1)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return the first map."""
        x = self.proj(self.layers(x)).permute(0, 2, 3, 1)
        out: Tensor = self.norm(x).permute(0, 3, 1, 2)
        return out

"""An inverted residual in place of the FFN."""

from torch import Tensor, nn


class LocalityFfn(nn.Module):
    """1x1, depthwise and 1x1 convolution, each with batch norm (LocalViT, section 3).

    Without layer norm ahead of it and without the residual. Extra tokens stay as they are.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), None``

    Args:
        dim: channels.
        hidden_dim: channels between the 1x1 convolutions.
        kernel_size: side of the depthwise kernel; None for no depthwise convolution.
        activation: class of the activation after the first two convolutions.
        gate: module over the hidden map, or None.
    """

    def __init__(
        self,
        dim: int,
        hidden_dim: int,
        *,
        kernel_size: int | None = 3,
        activation: type[nn.Module] = nn.Hardswish,
        gate: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.expand = nn.Conv2d(dim, hidden_dim, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(hidden_dim)
        self.activation = activation()
        if kernel_size is None:
            self.depthwise: nn.Module = nn.Identity()
        else:
            self.depthwise = nn.Sequential(
                nn.Conv2d(
                    hidden_dim,
                    hidden_dim,
                    kernel_size,
                    padding=kernel_size // 2,
                    groups=hidden_dim,
                    bias=False,
                ),
                nn.BatchNorm2d(hidden_dim),
                activation(),
            )
        self.gate = nn.Identity() if gate is None else gate
        self.project = nn.Conv2d(hidden_dim, dim, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(dim)

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the update of the map; extra tokens get none."""
        x = x.permute(0, 3, 1, 2)  # (B, C, H, W) in channels-last memory
        x = self.activation(self.expand_norm(self.expand(x)))
        x = self.gate(self.depthwise(x))
        x = self.project_norm(self.project(x))
        return x.permute(0, 2, 3, 1), None

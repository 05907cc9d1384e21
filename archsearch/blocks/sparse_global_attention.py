"""Self-attention among one sample of each patch, spread back over the map."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archsearch.blocks.relative_bias import RelativeBias
from archsearch.blocks.sides import Sides, both


class LocalPropagation(nn.Module):
    """Spread each sample over its r x r patch with learned weights per channel (EdgeViT).

    A depthwise transposed convolution whose kernel equals its stride: every output pixel has one
    input, so it is written as one multiply-add, which is faster than the convolution on CPUs.
    Starts close to copying the sample.

    ``(B, h, w, C) -> (B, r * h, r * w, C)``
    """

    def __init__(self, dim: int, rate: Sides) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*both(rate), dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.trunc_normal_(self.weight, mean=1.0, std=0.02, a=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return the map of which ``x`` holds the samples."""
        batch, height, width, dim = x.shape
        down, across = self.weight.shape[:2]
        samples = x.reshape(batch, height, 1, width, 1, dim)
        x = torch.addcmul(self.bias, samples, self.weight.reshape(1, 1, down, 1, across, dim))
        return x.reshape(batch, height * down, width * across, dim)


class SparseGlobalAttention(nn.Module):
    """Attend among one sample of each r x r patch, and propagate (EdgeViT, section 3.1).

    Extra tokens attend together with the samples. Pre-norm, without the residual.

    ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``

    Args:
        dim: channels.
        num_heads: attention heads.
        map_size: sides of the map that the relative bias is made for.
        sample_rate: r, sides of the patch that one sample stands for; not 1 x 1.
        sampler: ``top_left``, ``center``, ``average`` or ``max``; a patch that is cut by the edge
            of the map is sampled from what is left of it.
        propagation: ``transposed_conv``, ``bilinear`` or ``nearest``; ``none`` updates only the
            token at the place of the sample (top left for the pooling samplers).
        qkv_bias: bias of the query, key and value projection.
        relative_bias: learn a relative position bias between samples.
        norm_eps: epsilon of the layer norm.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        map_size: Sides,
        sample_rate: Sides,
        *,
        sampler: str = "top_left",
        propagation: str = "transposed_conv",
        qkv_bias: bool = True,
        relative_bias: bool = False,
        norm_eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.sample_rate = both(sample_rate)
        self.sampler = sampler
        self.propagation = propagation
        self.norm = nn.LayerNorm(dim, eps=norm_eps)
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.local_propagation = (
            LocalPropagation(dim, self.sample_rate) if propagation == "transposed_conv" else None
        )
        self.propagation_norm = nn.LayerNorm(dim)
        self.proj = nn.Linear(dim, dim)
        (height, width), (down, across) = both(map_size), self.sample_rate
        rows, columns = -(-height // down), -(-width // across)
        self.relative_bias = RelativeBias(num_heads, rows, columns) if relative_bias else None

    def forward(self, x: Tensor, tokens: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the updates of the map and of the extra tokens."""
        batch, height, width, dim = x.shape
        samples = self._sample(x)  # (B, h, w, C)
        rows, columns = samples.shape[1:3]
        z = samples.reshape(batch, rows * columns, dim)
        num_tokens = 0
        if tokens is not None:
            num_tokens = tokens.shape[1]
            z = torch.cat([self.norm(tokens), z], dim=1)
        qkv = self.qkv(z).reshape(batch, -1, 3, self.num_heads, dim // self.num_heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, T + h * w, head_dim)
        bias = None
        if self.relative_bias is not None:
            bias = self.relative_bias(rows, columns, num_tokens)[None]
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        z = z.transpose(1, 2).reshape(batch, -1, dim)
        samples = z[:, num_tokens:].reshape(batch, rows, columns, dim)
        update = self._propagate(samples, height, width)
        if tokens is None:
            return update, None
        return update, self.proj(self.propagation_norm(z[:, :num_tokens]))

    def _sample(self, x: Tensor) -> Tensor:
        """Norm, and take one sample of each patch: ``(B, H, W, C) -> (B, h, w, C)``."""
        down, across = self.sample_rate
        if self.sampler in ("average", "max"):
            pool = F.avg_pool2d if self.sampler == "average" else F.max_pool2d
            x = pool(self.norm(x).permute(0, 3, 1, 2), (down, across), ceil_mode=True)
            return x.permute(0, 2, 3, 1)
        # the norm sees one token at a time: only the samples need it
        if self.sampler == "top_left":
            x = x[:, ::down, ::across]
        else:
            rows, columns = self._places(x.shape[1], down), self._places(x.shape[2], across)
            x = x[:, rows.to(x.device)[:, None], columns.to(x.device)]
        samples: Tensor = self.norm(x)
        return samples

    def _propagate(self, samples: Tensor, height: int, width: int) -> Tensor:
        """Spread samples over the map, then norm and project."""
        if self.propagation in ("transposed_conv", "bilinear"):
            out: Tensor = self.proj(
                self.propagation_norm(self._upsample(samples)[:, :height, :width])
            )
            return out
        down, across = self.sample_rate
        # norm and projection see one token at a time, so they may come before the copying
        samples = self.proj(self.propagation_norm(samples))
        if self.propagation == "nearest":
            x = samples.repeat_interleave(down, 1)
            return x.repeat_interleave(across, 2)[:, :height, :width]
        rows, columns = self._places(height, down), self._places(width, across)
        update = samples.new_zeros(samples.shape[0], height, width, samples.shape[3])
        update[:, rows.to(samples.device)[:, None], columns.to(samples.device)] = samples
        return update

    def _upsample(self, samples: Tensor) -> Tensor:
        """Fill the patches of all samples: ``(B, h, w, C) -> (B, r * h, r * w, C)``."""
        x: Tensor
        if self.local_propagation is not None:
            x = self.local_propagation(samples)
            return x
        down, across = self.sample_rate
        size = (samples.shape[1] * down, samples.shape[2] * across)
        x = F.interpolate(samples.permute(0, 3, 1, 2), size, mode="bilinear")
        return x.permute(0, 2, 3, 1)

    def _places(self, length: int, rate: int) -> Tensor:
        """Return where along one side the samples are taken."""
        offset = rate // 2 if self.sampler == "center" else 0
        return torch.arange(0, length, rate).add(offset).clamp(max=length - 1)

"""The attentions of the library once more, written for being obvious: one query at a time.

They read the weights of the block under test and nothing else of it.
"""

import math

import torch
import torch.nn.functional as F


def softmax_attention(q, k, v, bias=None):
    """Attend with matrices written out: q (N, d), k (M, d), v (M, e), bias (N, M)."""
    logits = q @ k.T / math.sqrt(q.shape[1])
    if bias is not None:
        logits = logits + bias
    weights = torch.exp(logits - logits.max(dim=1, keepdim=True).values)
    return weights / weights.sum(dim=1, keepdim=True) @ v


def heads_attention(q, k, v, num_heads, bias=None):
    """Attend head by head: (N, C), (M, C), (M, E) -> (N, E); bias (heads, N, M)."""
    out = []
    for head in range(num_heads):
        part = [each.chunk(num_heads, dim=1)[head] for each in (q, k, v)]
        out.append(softmax_attention(*part, None if bias is None else bias[head]))
    return torch.cat(out, dim=1)


def offset_bias(table, places, height, width):
    """Look up the bias of each pair of places ((row, column) or None for a token)."""
    bias = torch.zeros(table.shape[0], len(places), len(places))
    for i, query in enumerate(places):
        for j, key in enumerate(places):
            if query is not None and key is not None:
                row = query[0] - key[0] + height - 1
                column = query[1] - key[1] + width - 1
                bias[:, i, j] = table[:, row * (2 * width - 1) + column]
    return bias


def windows_of(height, width, size, shift=False):
    """Return groups of pixels that share a window and were neighbours, as (row, column) lists."""
    groups = {}
    tall, wide = size if isinstance(size, tuple) else (size, size)
    padded = height + -height % tall, width + -width % wide
    down = (tall // 2 if shift else 0) if height > tall else 0
    right = (wide // 2 if shift else 0) if width > wide else 0
    for row in range(height):
        for column in range(width):
            rolled = (row - down) % padded[0], (column - right) % padded[1]
            wrapped = rolled[0] > row, rolled[1] > column
            key = rolled[0] // tall, rolled[1] // wide, wrapped
            groups.setdefault(key, []).append((row, column))
    return list(groups.values())


def split(linear, x, parts):
    return linear(x).chunk(parts, dim=-1)


def self_attention(block, x, tokens):
    """One image: (H, W, C), (T, C) | None."""
    height, width, dim = x.shape
    z = x.reshape(-1, dim)
    places = [(r, c) for r in range(height) for c in range(width)]
    if tokens is not None:
        z = torch.cat([tokens, z])
        places = [None] * len(tokens) + places
    bias = None
    if block.relative_bias is not None:
        bias = offset_bias(block.relative_bias.table, places, height, width)
    y = heads_attention(*split(block.qkv, block.norm(z), 3), block.num_heads, bias)
    y = block.proj(y)
    count = 0 if tokens is None else len(tokens)
    return y[count:].reshape(x.shape), y[:count] if count else None


def window_attention(block, x, tokens=None):
    normed = block.norm(x)
    out = torch.zeros_like(x)
    size = block.window_size
    for pixels in windows_of(*x.shape[:2], size, block.shift):
        z = torch.stack([normed[place] for place in pixels])
        bias = None
        if block.relative_bias is not None:
            bias = offset_bias(block.relative_bias.table, pixels, *size)
        y = block.proj(heads_attention(*split(block.qkv, z, 3), block.num_heads, bias))
        for place, row in zip(pixels, y, strict=True):
            out[place] = row
    return out, None


def window_global_attention(block, x, tokens):
    height, width, dim = x.shape
    normed = block.norm(x)
    glb = block.norm(tokens)[block.skip_tokens :]
    q, k, v = split(block.qkv, normed.reshape(-1, dim), 3)
    local = torch.zeros(height, width, dim)
    for pixels in windows_of(height, width, block.window_size):
        index = torch.tensor([row * width + column for row, column in pixels])
        bias = None
        if block.relative_bias is not None:
            size = block.window_size
            bias = offset_bias(block.relative_bias.table, pixels, *size)
        y = heads_attention(q[index], k[index], v[index], block.num_heads, bias)
        local.reshape(-1, dim)[index] = y
    update = None
    if block.aggregation:
        glb = heads_attention(split(block.qkv, glb, 3)[0], k, v, block.num_heads)
        update = torch.cat([torch.zeros(block.skip_tokens, dim), block.proj(glb)])
    out = local.reshape(-1, dim)
    if block.kv_global is not None:
        out = out + heads_attention(q, *split(block.kv_global, glb, 2), block.num_heads)
    return block.proj(out).reshape(x.shape), update


def sparse_global_attention(block, x, tokens):
    height, width, dim = x.shape
    tall, wide = block.sample_rate
    normed = block.norm(x)
    rows, columns = -(-height // tall), -(-width // wide)
    samples = torch.zeros(rows, columns, dim)
    places = {}
    for i in range(rows):
        for j in range(columns):
            patch = normed[i * tall : (i + 1) * tall, j * wide : (j + 1) * wide]
            flat = patch.reshape(-1, dim)
            places[i, j] = i * tall, j * wide
            if block.sampler == "center":
                places[i, j] = (
                    min(i * tall + tall // 2, height - 1),
                    min(j * wide + wide // 2, width - 1),
                )
            if block.sampler == "average":
                samples[i, j] = flat.mean(dim=0)
            elif block.sampler == "max":
                samples[i, j] = flat.max(dim=0).values
            else:
                samples[i, j] = normed[places[i, j]]
    z = samples.reshape(-1, dim)
    grid = [(i, j) for i in range(rows) for j in range(columns)]
    count = 0 if tokens is None else len(tokens)
    if tokens is not None:
        z = torch.cat([block.norm(tokens), z])
    bias = None
    if block.relative_bias is not None:
        bias = offset_bias(block.relative_bias.table, [None] * count + grid, rows, columns)
    y = heads_attention(*split(block.qkv, z, 3), block.num_heads, bias)
    samples = y[count:].reshape(rows, columns, dim)

    def finish(values):
        return block.proj(block.propagation_norm(values))

    if block.propagation == "none":
        out = torch.zeros(height, width, dim)
        for (i, j), place in places.items():
            out[place] = finish(samples[i, j])
    else:
        channels_first = samples.permute(2, 0, 1)[None]
        if block.propagation == "transposed_conv":
            weight = block.local_propagation.weight.permute(2, 0, 1)[:, None]
            full = F.conv_transpose2d(
                channels_first,
                weight,
                block.local_propagation.bias,
                stride=(tall, wide),
                groups=dim,
            )
        else:
            full = F.interpolate(channels_first, scale_factor=(tall, wide), mode=block.propagation)
        out = finish(full[0].permute(1, 2, 0)[:height, :width])
    return out, finish(y[:count]) if count else None


def separable_attention(block, x, tokens=None):
    height, width, dim = x.shape
    size = block.window_size
    windows = windows_of(height, width, size)
    tall, wide = size
    columns = -(-width // wide)
    attended, window_tokens = [], []
    for index, pixels in enumerate(windows):
        z = torch.stack([x[place] for place in pixels])
        places = list(pixels)
        if block.num_tokens:
            token = torch.zeros(dim)
            if block.window_tokens is not None:
                token = block.window_tokens[index // columns, index % columns]
            z = torch.cat([token[None], z])
            places = [None, *places]
        z = block.norm(z)
        bias = None
        if block.relative_bias is not None:
            bias = offset_bias(block.relative_bias.table, places, *size)
        z = z + heads_attention(*split(block.qkv, z, 3), block.num_heads, bias)
        attended.append(z[block.num_tokens :])
        if block.token_conv is not None:
            # pixels outside the map are 0
            kernel = block.token_conv.weight[:, 0]
            token = block.token_conv.bias.clone()
            for (row, column), value in zip(pixels, z, strict=True):
                token += kernel[:, row % tall, column % wide] * value
            window_tokens.append(token)
        else:
            window_tokens.append(z[0] if block.num_tokens else z.mean(dim=0))
    if block.qk_pointwise is not None:
        token = F.gelu(block.token_norm(torch.stack(window_tokens)))
        q, k = split(block.qk_pointwise, token, 2)
        padded = [torch.zeros(tall, wide, dim) for _ in windows]
        for pixels, values, buffer in zip(windows, attended, padded, strict=True):
            for place, value in zip(pixels, values, strict=True):
                buffer[place[0] % tall, place[1] % wide] = value
        for index, pixels in enumerate(windows):
            exchanged = torch.zeros(tall, wide, dim)
            for head in range(block.num_heads):
                d = dim // block.num_heads
                part = slice(head * d, head * d + d)
                logits = (k[:, part] @ q[index, part]) / math.sqrt(d)
                for weight, buffer in zip(torch.softmax(logits, 0), padded, strict=True):
                    exchanged[..., part] += weight * buffer[..., part]
            total = exchanged + padded[index]
            attended[index] = torch.stack([total[r % tall, c % wide] for r, c in pixels])
    out = torch.zeros_like(x)
    for pixels, values in zip(windows, attended, strict=True):
        for place, value in zip(pixels, block.proj(values), strict=True):
            out[place] = value
    return out, None


def single_group_attention(block, x, tokens=None):
    height, width, dim = x.shape
    z = block.norm(x).reshape(-1, dim)
    bias = None
    if block.relative_bias is not None:
        places = [(r, c) for r in range(height) for c in range(width)]
        bias = offset_bias(block.relative_bias.table, places, height, width)
    z = z + heads_attention(*split(block.qkv, z, 3), block.num_heads, bias)
    return block.proj(z).reshape(x.shape), None


def spatial_reduction_attention(block, x, tokens):
    height, width, dim = x.shape
    tall, wide = block.reduction
    normed = block.norm(x)
    weight, bias = block.reduce.weight, block.reduce.bias
    keys = []
    for i in range(0, height, tall):
        for j in range(0, width, wide):
            patch = normed[i : i + tall, j : j + wide]
            part = weight[:, :, : patch.shape[0], : patch.shape[1]]
            keys.append((part * patch.permute(2, 0, 1)).sum(dim=(1, 2, 3)) + bias)
    keys = block.reduce_norm(torch.stack(keys))
    z = normed.reshape(-1, dim)
    count = 0 if tokens is None else len(tokens)
    if tokens is not None:
        extra = block.norm(tokens)
        z, keys = torch.cat([extra, z]), torch.cat([extra, keys])
    y = heads_attention(block.q(z), *split(block.kv, keys, 2), block.num_heads)
    y = block.proj(y)
    return y[count:].reshape(x.shape), y[:count] if count else None

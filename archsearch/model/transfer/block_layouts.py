"""The layouts of the block library's modules: what every dimension of their tensors counts.

By the names of classes, so that a module of an exported file is known like the one that it was
copied from. A width is sliced to its first channels everywhere, so the channels that are left mean
the same in every part; rows of fused projections are sliced by query, key and value and by head.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from archsearch.model.transfer.tensor_layout import Dim, Layout, Rule

#: layouts by the names of a module's tensors; names that it does not have do no harm
Layouts = dict[str, Layout]

_ONE = (Dim(1, "channel of a group"),)


def _width(size: int, name: str = "channels") -> Layout:
    return (Dim(int(size), name, "lead"),)


def _hidden(size: int) -> Layout:
    return _width(size, "hidden channels")


def _reduced(size: int) -> Layout:
    return _width(size, "channels of the gate")


def _image(size: int) -> Layout:
    return (Dim(int(size), "image channels", "image"),)


def _parts(size: int, name: str) -> Layout:
    return (Dim(int(size), name),)


def _heads(num_heads: int, width: int, rule: Rule = "lead") -> Layout:
    return (
        Dim(num_heads, "heads", "lead"),
        Dim(int(width) // num_heads, "channels of a head", rule),
    )


def _kernel(weight: Any, rule: Rule = "equal") -> Layout:
    return (
        Dim(weight.shape[2], "rows of the kernel", rule),
        Dim(weight.shape[3], "columns of the kernel", rule),
    )


def _norm(name: str, dims: Layout) -> Layouts:
    values = ("weight", "bias", "running_mean", "running_var")
    layouts = {f"{name}.{each}": dims for each in values}
    return {**layouts, f"{name}.num_batches_tracked": ()}


def _linear(name: str, out: Layout, inputs: Layout, kernel: Layout = ()) -> Layouts:
    """Return the layouts of a linear layer or, with a kernel, a convolution."""
    named = tuple(Dim(each.size, f"input {each.name}", each.rule) for each in inputs)
    return {f"{name}.weight": (*out, *named, *kernel), f"{name}.bias": out}


def _pointwise(name: str, out: Layout, inputs: Layout, module: Any) -> Layouts:
    return _linear(name, out, inputs, _kernel(module.get_submodule(name).weight))


def _depthwise(name: str, channels: Layout, module: Any) -> Layouts:
    kernel = _kernel(module.get_submodule(name).weight, "middle")
    return {f"{name}.weight": (*channels, *_ONE, *kernel), f"{name}.bias": channels}


# ---- attentions ----


def _qkv(name: str, count: int, heads: Layout, inputs: Layout) -> Layouts:
    words = {2: "keys and values", 3: "queries, keys and values"}[count]
    return _linear(name, (*_parts(count, words), *heads), inputs)


def _bias_table(module: Any, rule: Rule) -> Layouts:
    bias = module.relative_bias
    if bias is None:
        return {}
    rows, columns = bias.size
    grid = (Dim(2 * rows - 1, "rows", rule), Dim(2 * columns - 1, "columns", rule))
    return {"relative_bias.table": (Dim(bias.table.shape[0], "heads", "lead"), *grid)}


def _plain_attention(module: Any, rule: Rule) -> Layouts:
    dim = module.proj.weight.shape[0]
    width, heads = _width(dim), _heads(module.num_heads, dim)
    return {
        **_norm("norm", width),
        **_qkv("qkv", 3, heads, width),
        **_linear("proj", width, heads),
        **_bias_table(module, rule),
    }


def _self_attention(module: Any) -> Layouts:
    return _plain_attention(module, "offsets")


def _window(module: Any) -> Layouts:
    return _plain_attention(module, "window_offsets")


def _window_global(module: Any) -> Layouts:
    dim = module.proj.weight.shape[0]
    width, heads = _width(dim), _heads(module.num_heads, dim)
    # global tokens that aggregated are outputs of heads, others are channels of the map
    inputs = heads if module.aggregation else width
    return {**_plain_attention(module, "window_offsets"), **_qkv("kv_global", 2, heads, inputs)}


def _sparse_global(module: Any) -> Layouts:
    dim = module.proj.weight.shape[0]
    heads = _heads(module.num_heads, dim)
    down, across = module.sample_rate
    patch = (Dim(down, "rows of a patch"), Dim(across, "columns of a patch"))
    return {
        **_plain_attention(module, "offsets"),
        "local_propagation.weight": (*patch, *heads),
        "local_propagation.bias": heads,
        **_norm("propagation_norm", heads),
    }


def _separable(module: Any) -> Layouts:
    """Heads as wide as there: their outputs are added to the channels of the map."""
    dim = module.proj.weight.shape[0]
    width, heads = _width(dim), _heads(module.num_heads, dim, "equal")
    layouts = {
        **_norm("norm", width),
        **_qkv("qkv", 3, heads, width),
        **_norm("token_norm", width),
        **_linear("qk_pointwise", (*_parts(2, "queries and keys"), *heads), width),
        **_linear("proj", width, width),
        **_bias_table(module, "window_offsets"),
    }
    tokens = getattr(module, "window_tokens", None)
    if tokens is not None:
        rows, columns = tokens.shape[:2]
        grid = (Dim(rows, "rows", "windows"), Dim(columns, "columns", "windows"))
        layouts["window_tokens"] = (*grid, *width)
    return layouts


def _spatial_reduction(module: Any) -> Layouts:
    dim = module.proj.weight.shape[0]
    width, heads = _width(dim), _heads(module.num_heads, dim)
    return {
        **_norm("norm", width),
        **_linear("q", heads, width),
        **_linear("reduce", width, width, _kernel(module.reduce.weight)),
        **_norm("reduce_norm", width),
        **_qkv("kv", 2, heads, width),
        **_linear("proj", width, heads),
    }


# ---- FFNs and other parts of a block ----


def _mlp(module: Any) -> Layouts:
    hidden, dim = module.fc1.weight.shape[:2]
    return {
        **_norm("norm", _width(dim)),
        **_linear("fc1", _hidden(hidden), _width(dim)),
        **_linear("fc2", _width(dim), _hidden(hidden)),
    }


def _bi_dimensional(module: Any) -> Layouts:
    reduced, dim = module.global_reduce.weight.shape
    width, gate = _width(dim), _reduced(reduced)
    sources = _parts(2, "sources: token and mean")
    return {
        **_mlp(module),
        **_norm("gate_norm", width),
        **_linear("global_reduce", gate, width),
        **_linear("channel_select", width, gate),
        **_linear("local_reduce", gate, width),
        **_linear("spatial_select", _parts(1, "gate of a token"), (*sources, *gate)),
    }


def _locality(module: Any) -> Layouts:
    size, dim = module.expand.weight.shape[:2]
    width, hidden = _width(dim), _hidden(size)
    layouts = {
        **_pointwise("expand", hidden, width, module),
        **_norm("expand_norm", hidden),
        **_pointwise("project", width, hidden, module),
        **_norm("project_norm", width),
    }
    if list(module.depthwise.children()):
        layouts |= {**_depthwise("depthwise.0", hidden, module), **_norm("depthwise.1", hidden)}
    return layouts


def _squeeze_excitation(module: Any) -> Layouts:
    inner, hidden = module.fc1.weight.shape
    return {
        **_linear("fc1", _reduced(inner), _hidden(hidden)),
        **_linear("fc2", _hidden(hidden), _reduced(inner)),
    }


def _channel_attention(module: Any) -> Layouts:
    size = module.conv.weight.shape[2]
    return {"conv.weight": (*_ONE, *_ONE, Dim(size, "places of the kernel", "middle"))}


def _local_aggregation(module: Any) -> Layouts:
    size, dim = module.fc1.weight.shape[:2]
    width, hidden = _width(dim), _hidden(size)
    return {
        **_norm("norm1", width),
        **_pointwise("conv1", width, width, module),
        **_depthwise("depthwise", width, module),
        **_pointwise("conv2", width, width, module),
        **_norm("norm2", width),
        **_pointwise("fc1", hidden, width, module),
        **_pointwise("fc2", width, hidden, module),
    }


def _conditional_position(module: Any) -> Layouts:
    return _depthwise("conv", _width(module.conv.weight.shape[0]), module)


def _learned_position(module: Any) -> Layouts:
    rows, columns, dim = module.table.shape
    # a table of waves that is not trained has its own for every width
    rule: Rule = "lead" if module.table.requires_grad else "equal"
    width = (Dim(dim, "channels", rule),)
    grid = (Dim(rows, "rows", "map"), Dim(columns, "columns", "map"))
    return {"table": (*grid, *width), "class_table": (*_ONE, *width)}


def _pixel_transformer(module: Any) -> Layouts:
    hidden, inner = module.fc1.weight.shape
    dim, joined = module.proj.weight.shape
    pixel = _width(inner, "channels of a pixel")
    pixels = (*_parts(joined // inner, "pixels"), *pixel)
    heads = _heads(module.num_heads, inner)
    return {
        **_norm("attention_norm", pixel),
        **_qkv("qkv", 3, heads, pixel),
        **_linear("attention_proj", pixel, heads),
        **_norm("mlp_norm", pixel),
        **_linear("fc1", _hidden(hidden), pixel),
        **_linear("fc2", pixel, _hidden(hidden)),
        **_norm("norm", pixels if module.patch_norm else pixel),
        **_linear("proj", _width(dim), pixels),
        **_norm("update_norm", _width(dim)),
    }


# ---- stems, between stages, tokens, head ----


def _conv_stem(module: Any) -> Layouts:
    dim, size = module.proj.weight.shape[:2]
    hidden, first = _hidden(size), module.layers[0].weight
    layouts = _linear("layers.0", hidden, _image(first.shape[1]), _kernel(first))
    for index, layer in enumerate(module.layers):
        if index and isinstance(layer, nn.Conv2d):
            kernel = _kernel(layer.weight)
            layouts[f"layers.{index}.weight"] = (*hidden, *_ONE, *kernel)
        elif isinstance(layer, nn.BatchNorm2d):
            layouts |= _norm(f"layers.{index}", hidden)
    last = _linear("proj", _width(dim), hidden, _kernel(module.proj.weight))
    return {**layouts, **last, **_norm("norm", _width(dim))}


def _patches(inputs: Callable[[int], Layout]) -> Callable[[Any], Layouts]:
    def layouts(module: Any) -> Layouts:
        weight = module.proj.weight
        dim, before = weight.shape[:2]
        made = _linear("proj", _width(dim), inputs(before), _kernel(weight))
        return {**made, **_norm("norm", _width(dim))}

    return layouts


def _performer(name: str, module: Any, inputs: Layout) -> Layouts:
    dim, count = module.proj.weight.shape[0], module.features.shape[0]
    token = _width(dim, "channels of the stem")
    fused = (*_parts(3, "keys, queries and values"), *token)
    # random directions, not trained: part of them would be no orthogonal set
    features = (Dim(count, "random features"), Dim(dim, "channels of the stem"))
    return {
        **_norm(f"{name}.norm", inputs),
        **_linear(f"{name}.kqv", fused, inputs),
        **_linear(f"{name}.proj", token, token),
        f"{name}.features": features,
    }


def _tokens_to_token(module: Any) -> Layouts:
    token_dim = module.attention1.proj.weight.shape[0]
    kernel, *_ = module.first_split
    image = module.attention1.norm.weight.shape[0] // kernel**2
    token = _width(token_dim, "channels of the stem")
    first = (*_parts(image, "image channels"), *_parts(kernel**2, "places of the kernel"))
    later = (*token, *_parts(9, "places of the kernel"))
    return {
        **_performer("attention1", module.attention1, first),
        **_performer("attention2", module.attention2, later),
        **_linear("proj", _width(module.proj.weight.shape[0]), later),
        **_norm("idle_norm1", token),
        **_norm("idle_norm2", token),
    }


def _pixel_stem(module: Any) -> Layouts:
    dim, inner = module.proj.weight.shape[0], module.pixel_conv.weight.shape[0]
    pixel = _width(inner, "channels of a pixel")
    pixels = (*_parts(module.side**2, "pixels"), *pixel)
    image = _image(module.pixel_conv.weight.shape[1])
    return {
        **_linear("pixel_conv", pixel, image, _kernel(module.pixel_conv.weight)),
        "pixel_position_table": pixels,
        **_norm("norm1", pixels),
        **_linear("proj", _width(dim), pixels),
        **_norm("norm2", _width(dim)),
    }


def _merge(module: Any) -> Layouts:
    dim, gathered = module.reduction.weight.shape
    four = (*_parts(4, "neighbours"), *_width(gathered // 4))
    layouts = {**_norm("norm", four), **_linear("reduction", _width(dim), four)}
    return {**layouts, **_linear("residual", _width(dim), _width(gathered // 4))}


def _width_adapter(module: Any) -> Layouts:
    dim, before = module.linear.weight.shape
    return _linear("linear", _width(dim), _width(before))


def _tokens(module: Any) -> Layouts:
    layouts: Layouts = {}
    for name, tokens in module.named_parameters(recurse=False):
        count = (Dim(tokens.shape[1], "tokens", "lead"),)
        layouts[name] = (Dim(1, "batch"), *count, *_width(tokens.shape[2]))
    projection = getattr(module, "projection", None)
    if projection is not None and list(projection.children()):
        dim, before = projection[1].weight.shape
        layouts |= _norm("projection.0", _width(before))
        layouts |= _linear("projection.1", _width(dim), _width(before))
    return layouts


def _last_norm(module: Any) -> Layouts:
    width = _width(module.weight.shape[0])
    return {name.removeprefix("."): dims for name, dims in _norm("", width).items()}


def _neck(module: Any) -> Layouts:
    neck, dim = module[0].weight.shape
    own = _width(neck, "channels of the neck")
    return {**_linear("0", own, _width(dim)), **_norm("1", own)}


#: layouts of modules by the names of their classes; parts inside them are parts of their own
LAYOUTS: dict[str, Callable[[Any], Layouts]] = {
    "SelfAttention": _self_attention,
    "WindowAttention": _window,
    "WindowGlobalAttention": _window_global,
    "SparseGlobalAttention": _sparse_global,
    "SeparableAttention": _separable,
    "SingleGroupAttention": _separable,
    "SpatialReductionAttention": _spatial_reduction,
    "Mlp": _mlp,
    "BiDimensionalFfn": _bi_dimensional,
    "LocalityFfn": _locality,
    "SqueezeExcitation": _squeeze_excitation,
    "EfficientChannelAttention": _channel_attention,
    "LocalAggregation": _local_aggregation,
    "ConditionalPosition": _conditional_position,
    "LearnedPosition": _learned_position,
    "PixelTransformer": _pixel_transformer,
    "ConvStem": _conv_stem,
    "PatchEmbedding": _patches(_width),
    "TokensToToken": _tokens_to_token,
    "PixelStem": _pixel_stem,
    "Merge": _merge,
    "ResidualMerge": _merge,
    "WidthAdapter": _width_adapter,
    "LearnedTokens": _tokens,
    "CarriedTokens": _tokens,
}

#: the same for places whose module says too little
PLACES: dict[str, Callable[[Any], Layouts]] = {"head.norm": _last_norm, "head.neck": _neck}


def stem_layouts(module: Any) -> Layouts | None:
    """Return the layouts of a stem; None where its class is not known."""
    name = type(module).__name__
    made = _patches(_image) if name == "PatchEmbedding" else LAYOUTS.get(name)
    return None if made is None else made(module)


def classifier_layouts(module: Any, has_neck: bool) -> Layouts:
    """Return the layouts of the classifier, whose input is the neck's or the last map's."""
    classes, inner = module.weight.shape
    inputs = _width(inner, "channels of the neck") if has_neck else _width(inner)
    out = _parts(classes, "classes")
    layouts = _linear("", out, inputs)
    return {name.removeprefix("."): dims for name, dims in layouts.items()}

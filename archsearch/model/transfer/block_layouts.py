"""The layouts of the block library's modules: what every dimension of their tensors counts.

By the names of classes, so that a module of an exported file is known like the one that it was
copied from. A width is sliced to its first channels everywhere, so the channels that are left mean
the same in every part; rows of fused projections are sliced by query, key and value and by head.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from archsearch.model.transfer.attention_layouts import ATTENTIONS
from archsearch.model.transfer.layer_layouts import (
    ONE,
    Layouts,
    depthwise_of,
    gate_of,
    heads_of,
    hidden_of,
    image_of,
    kernel_of,
    linear_of,
    norm_of,
    parts_of,
    pointwise_of,
    qkv_of,
    width_of,
)
from archsearch.model.transfer.tensor_layout import Dim, Layout, Rule

# ---- FFNs and other parts of a block ----


def _mlp(module: Any) -> Layouts:
    hidden, dim = module.fc1.weight.shape[:2]
    return {
        **norm_of("norm", width_of(dim)),
        **linear_of("fc1", hidden_of(hidden), width_of(dim)),
        **linear_of("fc2", width_of(dim), hidden_of(hidden)),
    }


def _bi_dimensional(module: Any) -> Layouts:
    reduced, dim = module.global_reduce.weight.shape
    width, gate = width_of(dim), gate_of(reduced)
    sources = parts_of(2, "sources: token and mean")
    return {
        **_mlp(module),
        **norm_of("gate_norm", width),
        **linear_of("global_reduce", gate, width),
        **linear_of("channel_select", width, gate),
        **linear_of("local_reduce", gate, width),
        **linear_of("spatial_select", parts_of(1, "gate of a token"), (*sources, *gate)),
    }


def _locality(module: Any) -> Layouts:
    size, dim = module.expand.weight.shape[:2]
    width, hidden = width_of(dim), hidden_of(size)
    layouts = {
        **pointwise_of("expand", hidden, width, module),
        **norm_of("expand_norm", hidden),
        **pointwise_of("project", width, hidden, module),
        **norm_of("project_norm", width),
    }
    if list(module.depthwise.children()):
        layouts |= {**depthwise_of("depthwise.0", hidden, module), **norm_of("depthwise.1", hidden)}
    return layouts


def _squeeze_excitation(module: Any) -> Layouts:
    inner, hidden = module.fc1.weight.shape
    return {
        **linear_of("fc1", gate_of(inner), hidden_of(hidden)),
        **linear_of("fc2", hidden_of(hidden), gate_of(inner)),
    }


def _channel_attention(module: Any) -> Layouts:
    size = module.conv.weight.shape[2]
    return {"conv.weight": (*ONE, *ONE, Dim(size, "places of the kernel", "middle"))}


def _local_aggregation(module: Any) -> Layouts:
    size, dim = module.fc1.weight.shape[:2]
    width, hidden = width_of(dim), hidden_of(size)
    return {
        **norm_of("norm1", width),
        **pointwise_of("conv1", width, width, module),
        **depthwise_of("depthwise", width, module),
        **pointwise_of("conv2", width, width, module),
        **norm_of("norm2", width),
        **pointwise_of("fc1", hidden, width, module),
        **pointwise_of("fc2", width, hidden, module),
    }


def _conditional_position(module: Any) -> Layouts:
    return depthwise_of("conv", width_of(module.conv.weight.shape[0]), module)


def _learned_position(module: Any) -> Layouts:
    rows, columns, dim = module.table.shape
    # a table of waves that is not trained has its own for every width
    rule: Rule = "lead" if module.table.requires_grad else "equal"
    width = (Dim(dim, "channels", rule),)
    grid = (Dim(rows, "rows", "map"), Dim(columns, "columns", "map"))
    return {"table": (*grid, *width), "class_table": (*ONE, *width)}


def _pixel_transformer(module: Any) -> Layouts:
    hidden, inner = module.fc1.weight.shape
    dim, joined = module.proj.weight.shape
    pixel = width_of(inner, "channels of a pixel")
    pixels = (*parts_of(joined // inner, "pixels"), *pixel)
    heads = heads_of(module.num_heads, inner)
    return {
        **norm_of("attention_norm", pixel),
        **qkv_of("qkv", 3, heads, pixel),
        **linear_of("attention_proj", pixel, heads),
        **norm_of("mlp_norm", pixel),
        **linear_of("fc1", hidden_of(hidden), pixel),
        **linear_of("fc2", pixel, hidden_of(hidden)),
        **norm_of("norm", pixels if module.patch_norm else pixel),
        **linear_of("proj", width_of(dim), pixels),
        **norm_of("update_norm", width_of(dim)),
    }


# ---- stems, between stages, tokens, head ----


def _conv_stem(module: Any) -> Layouts:
    dim, size = module.proj.weight.shape[:2]
    hidden, first = hidden_of(size), module.layers[0].weight
    layouts = linear_of("layers.0", hidden, image_of(first.shape[1]), kernel_of(first))
    for index, layer in enumerate(module.layers):
        if index and isinstance(layer, nn.Conv2d):
            kernel = kernel_of(layer.weight)
            layouts[f"layers.{index}.weight"] = (*hidden, *ONE, *kernel)
        elif isinstance(layer, nn.BatchNorm2d):
            layouts |= norm_of(f"layers.{index}", hidden)
    last = linear_of("proj", width_of(dim), hidden, kernel_of(module.proj.weight))
    return {**layouts, **last, **norm_of("norm", width_of(dim))}


def _patches(inputs: Callable[[int], Layout]) -> Callable[[Any], Layouts]:
    def layouts(module: Any) -> Layouts:
        weight = module.proj.weight
        dim, before = weight.shape[:2]
        made = linear_of("proj", width_of(dim), inputs(before), kernel_of(weight))
        return {**made, **norm_of("norm", width_of(dim))}

    return layouts


def _performer(name: str, module: Any, inputs: Layout) -> Layouts:
    dim, count = module.proj.weight.shape[0], module.features.shape[0]
    token = width_of(dim, "channels of the stem")
    fused = (*parts_of(3, "keys, queries and values"), *token)
    # random directions, not trained: part of them would be no orthogonal set
    features = (Dim(count, "random features"), Dim(dim, "channels of the stem"))
    return {
        **norm_of(f"{name}.norm", inputs),
        **linear_of(f"{name}.kqv", fused, inputs),
        **linear_of(f"{name}.proj", token, token),
        f"{name}.features": features,
    }


def _tokens_to_token(module: Any) -> Layouts:
    token_dim = module.attention1.proj.weight.shape[0]
    kernel, *_ = module.first_split
    image = module.attention1.norm.weight.shape[0] // kernel**2
    token = width_of(token_dim, "channels of the stem")
    first = (*parts_of(image, "image channels"), *parts_of(kernel**2, "places of the kernel"))
    later = (*token, *parts_of(9, "places of the kernel"))
    return {
        **_performer("attention1", module.attention1, first),
        **_performer("attention2", module.attention2, later),
        **linear_of("proj", width_of(module.proj.weight.shape[0]), later),
        **norm_of("idle_norm1", token),
        **norm_of("idle_norm2", token),
    }


def _pixel_stem(module: Any) -> Layouts:
    dim, inner = module.proj.weight.shape[0], module.pixel_conv.weight.shape[0]
    pixel = width_of(inner, "channels of a pixel")
    pixels = (*parts_of(module.side**2, "pixels"), *pixel)
    image = image_of(module.pixel_conv.weight.shape[1])
    return {
        **linear_of("pixel_conv", pixel, image, kernel_of(module.pixel_conv.weight)),
        "pixel_position_table": pixels,
        **norm_of("norm1", pixels),
        **linear_of("proj", width_of(dim), pixels),
        **norm_of("norm2", width_of(dim)),
    }


def _merge(module: Any) -> Layouts:
    dim, gathered = module.reduction.weight.shape
    four = (*parts_of(4, "neighbours"), *width_of(gathered // 4))
    layouts = {**norm_of("norm", four), **linear_of("reduction", width_of(dim), four)}
    return {**layouts, **linear_of("residual", width_of(dim), width_of(gathered // 4))}


def _width_adapter(module: Any) -> Layouts:
    dim, before = module.linear.weight.shape
    return linear_of("linear", width_of(dim), width_of(before))


def _tokens(module: Any) -> Layouts:
    layouts: Layouts = {}
    for name, tokens in module.named_parameters(recurse=False):
        count = (Dim(tokens.shape[1], "tokens", "lead"),)
        layouts[name] = (Dim(1, "batch"), *count, *width_of(tokens.shape[2]))
    projection = getattr(module, "projection", None)
    if projection is not None and list(projection.children()):
        dim, before = projection[1].weight.shape
        layouts |= norm_of("projection.0", width_of(before))
        layouts |= linear_of("projection.1", width_of(dim), width_of(before))
    return layouts


def _last_norm(module: Any) -> Layouts:
    width = width_of(module.weight.shape[0])
    return {name.removeprefix("."): dims for name, dims in norm_of("", width).items()}


def _neck(module: Any) -> Layouts:
    neck, dim = module[0].weight.shape
    own = width_of(neck, "channels of the neck")
    return {**linear_of("0", own, width_of(dim)), **norm_of("1", own)}


#: layouts of modules by the names of their classes; parts inside them are parts of their own
LAYOUTS: dict[str, Callable[[Any], Layouts]] = {
    **ATTENTIONS,
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
    "PatchEmbedding": _patches(width_of),
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
    made = _patches(image_of) if name == "PatchEmbedding" else LAYOUTS.get(name)
    return None if made is None else made(module)


def classifier_layouts(module: Any, has_neck: bool) -> Layouts:
    """Return the layouts of the classifier, whose input is the neck's or the last map's."""
    classes, inner = module.weight.shape
    inputs = width_of(inner, "channels of the neck") if has_neck else width_of(inner)
    out = parts_of(classes, "classes")
    layouts = linear_of("", out, inputs)
    return {name.removeprefix("."): dims for name, dims in layouts.items()}

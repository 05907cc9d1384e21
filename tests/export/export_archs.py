"""Small architectures that together use every block of the library in every way."""

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np

from archsearch.arch import Arch
from archsearch.export.description import Origin, module_docstring
from archsearch.export.python_source import network_source
from archsearch.space import load_space


def stage(attention: Any, ffn: Any = "mlp", width: int = 16, **options: Any) -> dict[str, Any]:
    block = {"attention": attention, "ffn": ffn}
    for name in ("local_aggregation", "inner"):
        if name in options:
            block[name] = options.pop(name)
    return {"depth": 1, "width": width, "head_dim": 8, "blocks": [block], **options}


def arch(*stages: dict[str, Any], stem: Any = None, side: int = 16, **options: Any) -> Arch:
    values = {
        "image_size": side,
        "in_channels": 2,
        "num_classes": 5,
        "stem": stem or {"type": "patch", "patch_size": 2},
        "stages": list(stages),
        **options,
    }
    return Arch.model_validate(values)


WINDOW_GLOBAL = {"type": "window_global", "window_size": 4, "global_tokens": 3}
MERGED = {"downsample": "merge", "width": 24}

ARCHS: dict[str, Arch] = {
    "self_attention": arch(stage("self_attention")),
    "class_token": arch(
        stage("self_attention", position="learned", class_token=True),
        head={"type": "pooled", "pooling": "class_token"},
    ),
    "class_token_carried": arch(
        stage("self_attention", position="relative_bias", class_token=True),
        stage("self_attention", class_token=True, position="learned", **MERGED),
        head={"type": "pooled", "pooling": "mean_all"},
    ),
    "class_token_kept": arch(
        stage("self_attention", class_token=True),
        stage({"type": "spatial_reduction", "reduction": 2}, class_token=True),
        stage(WINDOW_GLOBAL, "bi_dimensional", class_token=True, **MERGED),
        head={"type": "neck", "width": 12, "norm": "batch"},
    ),
    "lightvit": arch(
        stage(WINDOW_GLOBAL, {"type": "bi_dimensional", "expansion": 2}, position="relative_bias"),
        stage(WINDOW_GLOBAL, "bi_dimensional", downsample="residual_merge", width=24),
        stem={"type": "conv", "stride": 2},
        head={"type": "neck", "width": 20},
    ),
    "no_broadcast": arch(
        stage({**WINDOW_GLOBAL, "broadcast": False}, {"type": "bi_dimensional", "spatial": False}),
        stage({**WINDOW_GLOBAL, "aggregation": False}, width=16),
        head={"type": "pooled", "norm": "none"},
    ),
    "windows_that_do_not_tile": arch(
        stage({"type": "window", "window_size": 3, "shift": True}, position="relative_bias"),
        stage({"type": "separable", "window_size": 3}, **MERGED),
        stage({**WINDOW_GLOBAL, "window_size": 2}, downsample="conv", width=24),
        side=22,
    ),
    "swin": arch(
        {
            **stage("self_attention", position="relative_bias"),
            "depth": 4,
            "blocks": [
                {"attention": {"type": "window", "window_size": 4}, "ffn": "mlp"},
                {"attention": {"type": "window", "window_size": 4, "shift": True}, "ffn": "mlp"},
            ],
        },
        norm_eps=1e-5,
    ),
    "edgevit": arch(
        stage(
            {"type": "sparse_global", "sample_rate": 2},
            position={"type": "conditional", "placement": "every_block"},
            local_aggregation={"kernel_size": 3},
        ),
        stage({"type": "sparse_global", "sample_rate": 2, "sampler": "center"}, **MERGED),
    ),
    "samplers": arch(
        stage({"type": "sparse_global", "sample_rate": 3, "sampler": "average"}),
        stage({"type": "sparse_global", "sample_rate": 2, "sampler": "max"}, width=24),
        stage({"type": "sparse_global", "sample_rate": 2, "propagation": "nearest"}, width=24),
        side=14,
    ),
    "propagations": arch(
        stage({"type": "sparse_global", "sample_rate": 2, "propagation": "bilinear"}),
        stage(
            {
                "type": "sparse_global",
                "sample_rate": 2,
                "sampler": "center",
                "propagation": "none",
                "qkv_bias": False,
            },
            position="relative_bias",
        ),
    ),
    "sepvit": arch(
        stage({"type": "separable", "window_size": 2}, position="conditional", depth=2),
        stage(
            {"type": "separable", "window_size": 2, "window_token": "average"},
            downsample="overlapping_conv",
            width=24,
        ),
        stage({"type": "separable", "window_size": 2, "window_token": "depthwise_conv"}, width=24),
        stem={"type": "patch", "patch_size": 2, "kernel_size": 3},
    ),
    "separable_parts": arch(
        stage({"type": "separable", "window_size": 2, "window_token": "zero"}),
        stage({"type": "separable", "window_size": 2, "pointwise": False}, width=16),
        stage("self_attention", width=24),
    ),
    "locality": arch(
        stage("self_attention", {"type": "locality", "gate": {"type": "se", "reduction": 4}}),
        stage("self_attention", {"type": "locality", "gate": {"type": "eca"}}, **MERGED),
        stage(
            "self_attention",
            {
                "type": "locality",
                "gate": {"type": "eca", "gate": "h_sigmoid"},
                "activation": "relu6",
                "kernel_size": 5,
            },
            width=24,
        ),
        stage("self_attention", {"type": "locality", "depthwise": False}, width=24),
    ),
    "odd_maps": arch(
        stage({"type": "spatial_reduction", "reduction": 2}, position="learned"),
        stage({"type": "sparse_global", "sample_rate": 2}, downsample="residual_merge", width=24),
        stage("self_attention", downsample="conv", width=24),
        side=26,
    ),
    "sizes_of_all_kinds": arch(
        stage({"type": "window", "window_size": 4, "shift": True}),
        stage({"type": "separable", "window_size": 3}, downsample="residual_merge", width=24),
        stage("self_attention", downsample="overlapping_conv", width=24),
        side=17,
    ),
    "tokens_to_token": arch(
        stage("self_attention", position="sinusoid", class_token=True, width=24),
        stem={"type": "tokens_to_token", "stride": 4, "width": 8, "num_features": 6},
        head={"type": "pooled", "pooling": "class_token"},
    ),
    "pixels": arch(
        stage(
            "self_attention",
            position="learned",
            class_token=True,
            depth=2,
            inner={"num_heads": 2},
        ),
        stem={"type": "pixel", "patch_size": 4, "width": 6, "pixel_size": 2},
        head={"type": "pooled", "pooling": "class_token"},
    ),
    "pixels_of_patches": arch(
        stage(
            "self_attention",
            position="learned",
            class_token=True,
            depth=2,
            inner={"num_heads": 2, "patch_norm": True},
        ),
        stem={"type": "pixel", "patch_size": 4, "width": 6, "pixel_size": 2, "patchwise": True},
        head={"type": "pooled", "pooling": "class_token"},
    ),
    "mixture": arch(
        stage(WINDOW_GLOBAL, {"type": "bi_dimensional", "expansion": 2}, depth=2),
        stage(
            {"type": "sparse_global", "sample_rate": 2},
            position={"type": "conditional", "placement": "every_block"},
            local_aggregation={"expansion": 2},
            downsample="conv",
            width=24,
            depth=3,
        ),
        stage(
            {"type": "separable", "window_size": 2},
            downsample="conv",
            width=32,
            depth=2,
        ),
        side=32,
    ),
}


def random_archs(space: str, count: int, seed: int) -> list[Arch]:
    """Return architectures drawn from a space, in canonical form."""
    loaded = load_space(space)
    rng = np.random.default_rng(seed)
    return [loaded.arch(loaded.sample(rng)).canonical() for _ in range(count)]


@cache
def written(arch: Arch, **options: bool) -> str:
    """Return the exported file of an architecture."""
    return network_source(arch, module_docstring(arch, Origin()), **options)


def ruff(*arguments: str) -> str:
    """Return what ruff says; an empty string when all is well."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr

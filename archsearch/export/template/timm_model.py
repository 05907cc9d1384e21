"""A file that registers the network with timm."""

from collections.abc import Sequence
from typing import Any

from timm.models import build_model_with_cfg

from archsearch.export.template.network import NUM_STAGES
from archsearch.export.template.options import build_with_options, check_size, sides
from archsearch.model.vision_transformer import VisionTransformer


def build_for_timm(
    name: str,
    pretrained: bool = False,
    *,
    img_size: int | Sequence[int] | None = None,
    **kwargs: Any,
) -> VisionTransformer:
    """Build the network as ``timm.create_model`` asks; None stands for the default."""
    check_size(img_size)
    model: Any = build_model_with_cfg(
        build_with_options,
        name,
        pretrained,
        feature_cfg={"out_indices": tuple(range(NUM_STAGES)), "feature_cls": "getter"},
        kwargs_filter=("img_size",),
        **{key: value for key, value in kwargs.items() if value is not None},
    )
    if img_size is not None:
        model.pretrained_cfg["input_size"] = (model.in_chans, *sides(img_size))
    built: VisionTransformer = model
    return built

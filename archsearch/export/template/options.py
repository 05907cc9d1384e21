"""timm's options: image size, pooling, dropout, stochastic depth."""

from collections.abc import Sequence
from typing import Any

from archsearch.export.template.network import CONFIG, WITHOUT_DROP_PATH, build_network
from archsearch.model.vision_transformer import VisionTransformer


def build_with_options(
    num_classes: int | None = None,
    in_chans: int | None = None,
    img_size: int | Sequence[int] | None = None,
    global_pool: str | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
) -> VisionTransformer:
    """Return the network; arguments are those of ``timm.create_model``, None for the default."""
    check_size(img_size)
    classes = CONFIG["num_classes"] if num_classes is None else num_classes
    channels = CONFIG["input_size"][0] if in_chans is None else in_chans
    model = build_network(classes, channels)
    if global_pool == "" and classes:
        raise ValueError("global_pool='' returns the last map: it needs num_classes=0")
    if global_pool not in (None, "", model.global_pool):
        raise ValueError(
            f"the pooling is fixed: {model.global_pool}, but got global_pool={global_pool!r}"
        )
    if global_pool is not None:
        model.global_pool = global_pool
    model.drop_rate = drop_rate or 0.0
    drop_paths(model, drop_path_rate or 0.0)
    return model


def check_size(img_size: int | Sequence[int] | None) -> None:
    """Check that the network takes images of this size."""
    _, height, width = CONFIG["input_size"]
    wanted = (height, width) if img_size is None else sides(img_size)
    if CONFIG["fixed_input_size"] and wanted != (height, width):
        raise ValueError(f"images must be {height} x {width}, but got img_size={img_size}")


def sides(img_size: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width."""
    if isinstance(img_size, int):
        return img_size, img_size
    if len(img_size) != 2:
        raise ValueError(f"images must have a height and a width, but got img_size={img_size}")
    return img_size[0], img_size[1]


def drop_paths(model: VisionTransformer, rate: float) -> None:
    """Set stochastic depth: the rate rises linearly from 0 over the blocks to ``rate``."""
    if not 0 <= rate < 1:
        raise ValueError(f"drop_path_rate must be at least 0 and below 1, but got {rate}")
    stages: Any = model.stages
    blocks = [block for stage in stages for block in stage.blocks]
    for index, block in enumerate(blocks):
        here = rate * index / max(1, len(blocks) - 1)
        block.attention_drop_path.rate = here
        block.ffn_drop_path.rate = 0.0 if isinstance(block.ffn, WITHOUT_DROP_PATH) else here
        if hasattr(block.local_aggregation, "drop_path"):
            block.local_aggregation.drop_path.rate = here

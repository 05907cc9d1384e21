"""A file that needs PyTorch alone."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

from archsearch.export.template.network import CONFIG
from archsearch.export.template.options import build_with_options
from archsearch.export.template.weights import fill, fill_what_fits
from archsearch.model.vision_transformer import VisionTransformer

#: what timm's scripts pass and makes no difference here
WITHOUT_EFFECT = {"scriptable", "exportable", "no_jit", "cache_dir"}


def create_model(
    num_classes: int | None = None,
    pretrained_path: str | PathLike[str] | None = None,
    *,
    in_chans: int | None = None,
    img_size: int | Sequence[int] | None = None,
    global_pool: str | None = None,
    drop_rate: float | None = None,
    drop_path_rate: float | None = None,
    strict: bool = True,
    **others: Any,
) -> VisionTransformer:
    """Build the network; weights for other classes are taken without their classifier.

    Arguments are those of ``timm.create_model``; None stands for the default. With 0 classes it
    returns pooled features, and with ``global_pool=""`` too the last map. With ``strict=False`` a
    file of another network gives what fits; ``new_weights`` of the network then tells by name what
    does not, and why.
    """
    path = pretrained_path or others.pop("checkpoint_path", None)
    if others.pop("pretrained", False) and not path:
        raise ValueError("pretrained=True needs a file: pretrained_path=...")
    unknown = [name for name, value in others.items() if value and name not in WITHOUT_EFFECT]
    if unknown:
        raise TypeError(f"create_model does not take {', '.join(unknown)}")
    model: Any = build_with_options(
        num_classes, in_chans, img_size, global_pool, drop_rate, drop_path_rate
    )
    model.pretrained_cfg = model.default_cfg = CONFIG | {"num_classes": model.num_classes}
    # of what it returns without classes
    model.num_features = model.head_hidden_size
    model.input_size = (model.in_chans, *CONFIG["input_size"][1:])
    if path and strict:
        fill(model, path)
    elif path:
        model.new_weights = fill_what_fits(model, path)
    built: VisionTransformer = model
    return built

"""The zoo as timm models: importing this module registers ``archsearch_lightvit_tiny`` and so on.

    import timm
    import archsearch.zoo.timm_models

    backbone = timm.create_model("archsearch_edgevit_xs", features_only=True)

``pretrained_cfg_overlay={"file": "official.pth"}`` with ``pretrained=True`` loads an official
checkpoint.
"""

from collections.abc import Callable, Mapping
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from torch import Tensor, nn

from archsearch.image_size import read_size
from archsearch.model import Network
from archsearch.model.network import timm_config
from archsearch.zoo.builder import build
from archsearch.zoo.catalog import arch, names
from archsearch.zoo.official_weights import convert_state

PREFIX = "archsearch_"

default_cfgs = generate_default_cfgs({PREFIX + name: timm_config(arch(name)) for name in names()})


def _network(
    name: str,
    num_classes: int | None = None,
    in_chans: int | None = None,
    img_size: int | tuple[int, int] | None = None,
    global_pool: str | None = None,
    drop_path_rate: float | None = None,
    drop_rate: float | None = None,
    **overrides: Any,
) -> Network:
    """Build a network from timm's arguments; others are values of the architecture to change."""
    size = None if img_size is None else read_size(img_size, "img_size")
    if in_chans is not None:
        overrides["in_channels"] = in_chans
    network = build(name, num_classes, size, drop_path=drop_path_rate or 0.0, **overrides)
    if global_pool is not None:
        network.reset_classifier(network.num_classes, global_pool)
    network.drop_rate = drop_rate or 0.0
    return network


def _filter(state: Mapping[str, Tensor], network: Network) -> Mapping[str, Tensor]:
    """Convert the weights of an official checkpoint; leave ours as they are."""
    return state if set(state) == set(network.state_dict()) else convert_state(network.arch, state)


def _entry(name: str) -> Callable[..., nn.Module]:
    def create(pretrained: bool = False, **options: Any) -> nn.Module:
        stages = len(arch(name).stages)
        options = {key: value for key, value in options.items() if value is not None}
        model: nn.Module = build_model_with_cfg(
            lambda **arguments: _network(name, **arguments),
            PREFIX + name,
            pretrained,
            pretrained_filter_fn=_filter,
            feature_cfg={"out_indices": tuple(range(stages)), "feature_cls": "getter"},
            **options,
        )
        if isinstance(model, Network):
            # timm writes the registered entries over those that know the image size
            model.pretrained_cfg["input_size"] = model.arch.input_shape
            model.pretrained_cfg["pool_size"] = model.arch.map_shapes[-1]
        return model

    create.__name__ = create.__qualname__ = PREFIX + name
    create.__doc__ = f"Build {name}; see `archsearch.zoo.builder`."
    return create


for _name in names():
    register_model(_entry(_name))

"""A file that registers the network with timm: it needs PyTorch and timm."""

from archsearch.export.skeleton import Skeleton

_NETWORK = '''
class VisionTransformer(nn.Module):
    """Stem, stages, head: ``(B, {in_channels}, {size}, {size}) -> (B, num_classes)``.

{layout}
    """

    def __init__(
        self,
        num_classes: int = {num_classes},
        in_chans: int = {in_channels},
        global_pool: str = "{pooling}",
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.in_chans = in_chans
        self.global_pool = global_pool
        self.drop_rate = drop_rate
        self.grad_checkpointing = False
        self.num_features = {num_features}
        self.head_hidden_size = {head_hidden_size}
        self.feature_info = {feature_info}
        self.stem = STEM
        self.stages = nn.ModuleList(STAGES)
        self.head = HEAD
        self.apply(initialize)

    def no_weight_decay(self) -> set[str]:
        """Return the parameters to be left out of weight decay: tokens and tables."""
        endings = ("table", "tokens", "class_token")
        return {{name for name, _ in self.named_parameters() if name.endswith(endings)}}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return patterns that group the parameters into layers, for layer-wise learning rates."""
        stages = "^stages[.]([0-9]+)"
        fine = [
            (stages + "[.](?:blocks|inner)[.]([0-9]+)", None),
            (stages, (0,)),
            ("^head", (99999,)),
        ]
        return {{"stem": "^stem", "blocks": stages if coarse else fine}}

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep less for the backward pass, and compute stages again there."""
        self.grad_checkpointing = enable

    def get_classifier(self) -> nn.Module:
        """Return the classifier."""
        return self.head.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier; 0 classes for none, then global_pool="" keeps the map."""
        if global_pool is not None:
            if global_pool not in ("{pooling}",) + ("",) * (num_classes == 0):
                raise ValueError(f"the pooling is fixed, but got global_pool={{global_pool!r}}")
            self.global_pool = global_pool
        self.num_classes = num_classes
        self.head.reset(num_classes)

    def forward_stem(self, x: Tensor) -> Tensor:
        """Return the first map."""
        if x.shape[2:] != ({size}, {size}):
            raise ValueError(f"images must be {size} x {size}, but got {{tuple(x.shape[2:])}}")
        return self.stem(x.contiguous(memory_format=torch.channels_last))

    def forward_features(self, x: Tensor) -> {features}:
        """Return the last map ``(B, {width}, {side}, {side})``{and_tokens}."""
        x = self.forward_stem(x)
        tokens = None
        for stage in self.stages:
            x, tokens = stage(x, tokens)
        return {result}

    def forward_head(self, features: {features}, pre_logits: bool = False) -> Tensor:
        """Return logits, or what the classifier would read."""
        if self.global_pool == "":
            return {last_map}
        x = self.head({unpacked}, True)
        x = F.dropout(x, self.drop_rate, self.training)
        return x if pre_logits else self.head.classifier(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        return self.forward_head(self.forward_features(x))

    def chosen_stages(self, indices: int | list[int] | None) -> list[int]:
        """Return stages by their numbers; an integer stands for the last so many."""
        count = len(self.stages)
        if indices is None or isinstance(indices, int):
            return list(range(count))[-(indices or count) :]
        return [range(count)[index] for index in indices]

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | list[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Return the features and the maps of chosen stages, or the maps alone."""
        if norm or output_fmt != "NCHW":
            raise ValueError("maps of stages have no norm and the format NCHW")
        chosen = self.chosen_stages(indices)
        x = self.forward_stem(x)
        tokens = None
        maps = []
        for index, stage in enumerate(self.stages):
            if stop_early and index > max(chosen):
                break
            x, tokens = stage(x, tokens)
            if index in chosen:
                maps.append(x)
        return maps if intermediates_only else (({result}), maps)

    def prune_intermediate_layers(
        self, indices: int | list[int] = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Drop the stages after the last chosen one, and the classifier."""
        chosen = self.chosen_stages(indices)
        self.stages = self.stages[: max(chosen) + 1]
        if prune_head:
            self.reset_classifier(0)
        return chosen
'''

_TAIL = '''
default_cfgs = generate_default_cfgs({{"{name}.archsearch": {config}}})


@register_model
def {name}(pretrained: bool = False, **kwargs: Any) -> VisionTransformer:
    """Build the network for ``timm.create_model("{name}")``."""
    kwargs = {{key: value for key, value in kwargs.items() if value is not None}}
    img_size = kwargs.pop("img_size", None)
    drop_path_rate = kwargs.pop("drop_path_rate", 0.0)
    check_options(kwargs.get("num_classes", {num_classes}), img_size, kwargs.get("global_pool"))

    def build(**arguments: Any) -> VisionTransformer:
        model = VisionTransformer(**arguments)
        drop_paths(model, drop_path_rate)
        return model

    model = build_model_with_cfg(
        build,
        "{name}",
        pretrained,
        feature_cfg={{"out_indices": {out_indices}, "feature_cls": "getter"}},
        kwargs_filter=("img_size",),
        **kwargs,
    )
    {note_size}
    return model
'''

_FROM_TIMM = (
    "build_model_with_cfg",
    "generate_default_cfgs",
    "register_model",
)

TIMM = Skeleton(
    _NETWORK,
    _TAIL,
    imports={
        "Any": "from typing import Any",
        "Sequence": "from collections.abc import Sequence",
        "F": "import torch.nn.functional as F",
        "checkpoint": "from torch.utils.checkpoint import checkpoint",
        **{name: f"from timm.models import {name}" for name in _FROM_TIMM},
    },
    public=frozenset(
        {
            "no_weight_decay",
            "group_matcher",
            "set_grad_checkpointing",
            "get_classifier",
            "reset_classifier",
            "forward_stem",
            "forward_features",
            "forward_head",
            "chosen_stages",
            "forward_intermediates",
            "prune_intermediate_layers",
        }
    ),
    recomputes=True,
)

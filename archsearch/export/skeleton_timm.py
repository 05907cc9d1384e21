"""A file that registers the network with timm: it needs PyTorch and timm."""

from archsearch.export.skeleton import Skeleton

_NETWORK = '''
class VisionTransformer(nn.Module):
    """Stem, stages, head: ``(B, {in_channels}, {size}, {size}) -> (B, num_classes)``.

{layout}
    """

    def __init__(self, num_classes: int = {num_classes}, in_chans: int = {in_channels}) -> None:
        super().__init__()
        self.num_classes = num_classes
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

    def get_classifier(self) -> nn.Module:
        """Return the classifier."""
        return self.head.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier; 0 classes for none. The pooling stays as it is."""
        if global_pool is not None:
            raise ValueError(f"the pooling is fixed, but got global_pool={{global_pool!r}}")
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
        return self.head({unpacked}, pre_logits)

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
    return build_model_with_cfg(
        VisionTransformer,
        "{name}",
        pretrained,
        feature_cfg={{"out_indices": {out_indices}, "feature_cls": "getter"}},
        kwargs_filter=("img_size",),
        **kwargs,
    )
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
        **{name: f"from timm.models import {name}" for name in _FROM_TIMM},
    },
    public=frozenset(
        {
            "no_weight_decay",
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
)

"""The network: stem, stages, head, with timm's model interface."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from archsearch.arch import Arch
from archsearch.blocks import Head
from archsearch.model.unused_parameters import unused_parts

Features = tuple[Tensor, Tensor | None]


class Network(nn.Module):
    """A network built from an `Arch` by `build_model`.

    ``(B, in_channels, H, W) -> (B, num_classes)``. Images of another size than ``arch.image_size``
    run too: position tables and window tokens are interpolated, windows padded and masked.

    Attributes:
        arch: what it was built from, in canonical form.
        declared_arch: the same as it was given; for another image size, start from this one.
        num_classes: outputs; 0 after ``reset_classifier(0)``.
        num_features: channels of the last map.
        head_hidden_size: inputs of the classifier.
        feature_info: channels, stride and module name of each stage's map.
        pretrained_cfg: timm's configuration entries; ``default_cfg`` is the same.
        in_chans: channels of the images.
        drop_rate: dropout ahead of the classifier, in training.
        global_pool: the pooling in timm's words, ``avg`` or ``token``; empty for none, then the
            network returns the last map.
    """

    def __init__(
        self, arch: Arch, stem: nn.Module, stages: Sequence[nn.Module], head: Head
    ) -> None:
        super().__init__()
        self.arch = self.declared_arch = arch
        self._unused = unused_parts(arch)
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.head = head
        self.num_classes = arch.num_classes
        self.num_features = arch.stages[-1].width
        self.head_hidden_size = head.num_features
        self.feature_info = _feature_info(arch)
        self.pretrained_cfg = self.default_cfg = timm_config(arch)
        self.in_chans = arch.in_channels
        self.drop_rate = 0.0
        self.global_pool = _TIMM_POOLINGS[head.pooling]
        self.grad_checkpointing = False

    def forward_features(self, x: Tensor) -> Features:
        """Return the last map ``(B, C, H, W)`` and the extra tokens ``(B, T, C)`` or None.

        Both are ahead of the head's norm; extra tokens are the class token, then global tokens.
        """
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        tokens = None
        for stage in self.stages:
            x, tokens = self._run(stage, x, tokens)
        return x, tokens

    def _run(self, stage: nn.Module, x: Tensor, tokens: Tensor | None) -> Features:
        """Return what a stage returns; with checkpointing, the backward pass computes it again."""
        again = self.grad_checkpointing and torch.is_grad_enabled()
        out: Features = (
            checkpoint(stage, x, tokens, use_reentrant=False) if again else stage(x, tokens)
        )
        return out

    def forward_head(self, features: Features, pre_logits: bool = False) -> Tensor:
        """Return logits, or what the classifier would read, from `forward_features`' result."""
        if not self.global_pool:
            return features[0]
        dropped = self.training and self.drop_rate > 0
        out: Tensor = self.head(*features, pre_logits=pre_logits or dropped)
        if dropped:
            out = F.dropout(out, self.drop_rate)
            out = out if pre_logits else self.head.classifier(out)
        return out

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        logits = self.forward_head(self.forward_features(x))
        return self._reached_by_all(logits) if self.training and self._unused else logits

    def _reached_by_all(self, logits: Tensor) -> Tensor:
        """Give parameters that no logit depends on a gradient of zero instead of none.

        Distributed training waits for a gradient of every parameter.
        """
        parts = (self.get_submodule(name) for name in self._unused)
        sums = [parameter.sum() for part in parts for parameter in part.parameters()]
        return logits + 0.0 * torch.stack(sums).sum()

    def forward_intermediates(
        self,
        x: Tensor,
        indices: int | Sequence[int] | None = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> Any:
        """Return the final features and the maps of chosen stages (timm's signature).

        Args:
            x: images.
            indices: stages; a number stands for the last so many; None for all.
            norm: not available: stages have no norm of their own.
            stop_early: do not run stages beyond the last chosen one.
            output_fmt: only ``NCHW``.
            intermediates_only: return the list of maps alone.

        Raises:
            ValueError: ``norm``, or another output format, or no such stage.
        """
        if norm or output_fmt != "NCHW":
            raise ValueError("`norm=False` and `output_fmt='NCHW'` must hold")
        chosen = _stage_indices(indices, len(self.stages))
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        tokens = None
        maps = []
        for index, stage in enumerate(self.stages):
            if stop_early and index > max(chosen):
                break
            x, tokens = self._run(stage, x, tokens)
            if index in chosen:
                maps.append(x)
        return maps if intermediates_only else ((x, tokens), maps)

    def get_classifier(self) -> nn.Module:
        """Return the classifier."""
        return self.head.classifier

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier by a new one for ``num_classes``; 0 for none.

        Args:
            num_classes: outputs.
            global_pool: another pooling of the same tokens: ``mean`` (timm's ``avg``),
                ``mean_all`` or ``class_token`` (``token``); empty, with 0 classes, for the last
                map; None keeps it.

        Raises:
            ValueError: the network was not built with the tokens that ``global_pool`` reads, or
                classes are to be read from a map.
        """
        if global_pool is not None:
            self._set_pooling(global_pool, num_classes)
        self.num_classes = num_classes
        device = next(self.head.parameters()).device
        self.head.reset(num_classes)
        self.head.classifier.to(device)

    def _set_pooling(self, global_pool: str, num_classes: int) -> None:
        """Set the pooling by our name or timm's; an ``avg`` over more than the map stays one."""
        pooling = _OUR_POOLINGS.get(global_pool, global_pool)
        if global_pool == self.global_pool or (
            global_pool == "avg" and "mean" in self.head.pooling
        ):
            pooling = self.head.pooling
        has_class_token = self.arch.stages[-1].class_token and self.stages[-1].tokens is not None
        if global_pool == "":
            if num_classes:
                raise ValueError("`global_pool=''` returns the last map: it needs 0 classes")
            self.global_pool = ""
            return
        if pooling not in _TIMM_POOLINGS or (pooling == "class_token" and not has_class_token):
            raise ValueError(
                "`global_pool` must be mean, mean_all or, with a class token in the last "
                f"stage, class_token, but got {global_pool!r}"
            )
        self.head.pooling = pooling
        self.global_pool = _TIMM_POOLINGS[pooling]

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Return patterns that group the parameters into layers, for layer-wise learning rates."""
        fine = [
            (r"^stages\.(\d+)\.(?:blocks|inner)\.(\d+)", None),
            (r"^stages\.(\d+)", (0,)),
            (r"^head", (99999,)),
        ]
        return {"stem": r"^stem", "blocks": r"^stages\.(\d+)" if coarse else fine}

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Keep less for the backward pass, and compute the stages again there."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Return the parameters that are to be left out of weight decay: tokens and tables."""
        endings = ("table", "tokens", "class_token")
        return {name for name, _ in self.named_parameters() if name.endswith(endings)}


#: our poolings in timm's words, and back
_TIMM_POOLINGS = {"mean": "avg", "mean_all": "avg", "class_token": "token"}
_OUR_POOLINGS = {"avg": "mean", "token": "class_token"}


def _stage_indices(indices: int | Sequence[int] | None, count: int) -> set[int]:
    if indices is None:
        return set(range(count))
    if isinstance(indices, int):
        indices = range(-indices, 0)
    if not indices or any(not -count <= index < count for index in indices):
        raise ValueError(f"`indices` must be among {count} stages, but got {indices}")
    return {index % count for index in indices}


def _feature_info(arch: Arch) -> list[dict[str, Any]]:
    """Return channels, stride and module name of each stage's map."""
    stride = arch.stem_stride
    info = []
    for index, stage in enumerate(arch.stages):
        stride *= 1 if stage.downsample is None else 2
        info.append({"num_chs": stage.width, "reduction": stride, "module": f"stages.{index}"})
    return info


_FIRST_CONV = {
    "patch": "stem.proj",
    "conv": "stem.layers.0",
    "tokens_to_token": None,
    "pixel": "stem.pixel_conv",
}


def timm_config(arch: Arch) -> dict[str, Any]:
    """Return what timm's data and transfer code wants to know."""
    return {
        "url": "",
        "architecture": "archsearch",
        "num_classes": arch.num_classes,
        "input_size": (arch.in_channels, arch.image_size, arch.image_size),
        "pool_size": (arch.map_sizes[-1], arch.map_sizes[-1]),
        "fixed_input_size": False,
        "crop_pct": 0.9,
        "interpolation": "bicubic",
        "mean": (0.485, 0.456, 0.406),
        "std": (0.229, 0.224, 0.225),
        "first_conv": _FIRST_CONV[arch.stem.type],
        "classifier": "head.classifier",
    }

"""The interface that timm's training scripts and feature extraction expect."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from archsearch.model.vision_transformer import TIMM_POOLINGS, VisionTransformer

#: timm's poolings in the words of the head
HEAD_POOLINGS = {"avg": "mean", "token": "class_token"}


class TimmVisionTransformer(VisionTransformer):
    """`VisionTransformer` with timm's model interface."""

    grad_checkpointing = False

    def forward_features(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the last map ``(B, C, H, W)`` and the extra tokens ``(B, T, C)`` or None."""
        x = self.forward_stem(x)
        tokens = None
        for stage in self.stages:
            x, tokens = self.forward_stage(stage, x, tokens)
        return x, tokens

    def forward_stage(
        self, stage: nn.Module, x: Tensor, tokens: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return what a stage returns; with checkpointing, the backward pass computes it again."""
        again = self.grad_checkpointing and torch.is_grad_enabled()
        out: tuple[Tensor, Tensor | None] = (
            checkpoint(stage, x, tokens, use_reentrant=False) if again else stage(x, tokens)
        )
        return out

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
            indices: stages; a number stands for the last ones; None for all.
            norm: not available: stages have no norm of their own.
            stop_early: do not run stages beyond the last chosen one.
            output_fmt: only ``NCHW``.
            intermediates_only: return the list of maps alone.

        Raises:
            ValueError: ``norm``, or another output format, or no such stage.
        """
        if norm or output_fmt != "NCHW":
            raise ValueError("`norm=False` and `output_fmt='NCHW'` must hold")
        chosen = self.chosen_stages(indices)
        x = self.forward_stem(x)
        tokens = None
        maps = []
        for index, stage in enumerate(self.stages):
            if stop_early and index > max(chosen):
                break
            x, tokens = self.forward_stage(stage, x, tokens)
            if index in chosen:
                maps.append(x)
        return maps if intermediates_only else ((x, tokens), maps)

    def chosen_stages(self, indices: int | Sequence[int] | None) -> list[int]:
        """Return stages by their numbers; an integer stands for the last ones, None for all."""
        count = len(self.stages)
        if indices is None:
            return list(range(count))
        if isinstance(indices, int):
            indices = range(-indices, 0)
        if not indices or any(not -count <= index < count for index in indices):
            raise ValueError(f"`indices` must be among {count} stages, but got {indices}")
        return [index % count for index in indices]

    def prune_intermediate_layers(
        self,
        indices: int | Sequence[int] = 1,
        prune_norm: bool = False,
        prune_head: bool = True,
    ) -> list[int]:
        """Drop the stages after the last chosen one, and the classifier."""
        chosen = self.chosen_stages(indices)
        self.stages = self.stages[: max(chosen) + 1]
        if prune_head:
            self.reset_classifier(0)
        return chosen

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
            self.set_pooling(global_pool, num_classes)
        self.num_classes = num_classes
        device = next(self.head.parameters()).device
        self.head.reset(num_classes)
        self.head.classifier.to(device)

    def set_pooling(self, global_pool: str, num_classes: int) -> None:
        """Set the pooling by our name or timm's; an ``avg`` over more than the map stays one."""
        pooling = HEAD_POOLINGS.get(global_pool, global_pool)
        if global_pool == self.global_pool or (
            global_pool == "avg" and "mean" in self.head.pooling
        ):
            pooling = self.head.pooling
        if global_pool == "":
            if num_classes:
                raise ValueError("`global_pool=''` returns the last map: it needs num_classes=0")
            self.global_pool = ""
            return
        if pooling not in TIMM_POOLINGS or (
            pooling == "class_token" and not self.has_class_token()
        ):
            raise ValueError(
                "`global_pool` must be mean, mean_all or, with a class token in the last "
                f"stage, class_token, but got {global_pool!r}"
            )
        self.head.pooling = pooling
        self.global_pool = TIMM_POOLINGS[pooling]

    def has_class_token(self) -> bool:
        """Return whether the last stage carries a class token."""
        return bool(getattr(self.stages[-1].tokens, "has_class_token", False))

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

"""Which tensors of an official checkpoint make which of ours, in both directions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from archsearch.arch import EfficientChannelAttention, Ffn, LocalityFfn, Mlp, NoGate

Change = Callable[[list[Tensor]], list[Tensor]]


@dataclass(frozen=True)
class Entry:
    """Some official tensors, and the tensors of ours that hold the same numbers.

    Attributes:
        official: official keys.
        ours: our keys.
        to_ours: from the official tensors to ours.
        to_official: the way back; it also says what shapes to expect.
    """

    official: tuple[str, ...]
    ours: tuple[str, ...]
    to_ours: Change
    to_official: Change


def _same(tensors: list[Tensor]) -> list[Tensor]:
    return tensors


@dataclass
class KeyMap:
    """The entries of one network, in the order in which they were added.

    Attributes:
        entries: the pairs of tensors.
        tables: official keys that hold no weights (index tables, masks) and their shapes; a
            checkpoint may have them or not.
    """

    entries: list[Entry] = field(default_factory=list)
    tables: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def same(self, official: str, ours: str) -> None:
        """Add a tensor that both sides hold alike."""
        self.entries.append(Entry((official,), (ours,), _same, _same))

    def changed(
        self,
        official: str,
        ours: str,
        to_ours: Callable[[Tensor], Tensor],
        to_official: Callable[[Tensor], Tensor],
    ) -> None:
        """Add a tensor whose layout differs."""
        self.entries.append(
            Entry(
                (official,),
                (ours,),
                lambda tensors: [to_ours(tensors[0])],
                lambda tensors: [to_official(tensors[0])],
            )
        )

    def reshaped(
        self, official: str, ours: str, official_shape: Iterable[int], our_shape: Iterable[int]
    ) -> None:
        """Add a tensor that only its shape distinguishes."""
        theirs, mine = tuple(official_shape), tuple(our_shape)
        self.changed(official, ours, lambda x: x.reshape(mine), lambda x: x.reshape(theirs))

    def layer(self, official: str, ours: str, *, bias: bool = True) -> None:
        """Add weight and bias of a linear layer, a convolution or a layer norm."""
        for name in ("weight", "bias") if bias else ("weight",):
            self.same(f"{official}.{name}", f"{ours}.{name}")

    def batch_norm(self, official: str, ours: str) -> None:
        """Add a batch norm with its statistics."""
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            self.same(f"{official}.{name}", f"{ours}.{name}")

    def joined(self, official: tuple[str, str], ours: str, share: int) -> None:
        """Add two tensors of which ours is the concatenation; ``share`` rows are the first's."""
        self.entries.append(
            Entry(
                official,
                (ours,),
                lambda tensors: [torch.cat(tensors)],
                lambda tensors: [tensors[0][:share], tensors[0][share:]],
            )
        )

    def relative_bias(self, official: str, ours: str) -> None:
        """Add a table that is ``(offsets, heads)`` there and ``(heads, offsets)`` here."""
        self.changed(official, ours, torch.t, torch.t)

    def position(
        self, official: str, ours: str, shape: tuple[int, int], *, class_token: bool
    ) -> None:
        """Add a table ``(1, [1 +] N, C)`` that is a map, and a class token's row, here."""
        names = (f"{ours}.class_table", f"{ours}.table") if class_token else (f"{ours}.table",)

        def to_ours(tensors: list[Tensor]) -> list[Tensor]:
            table = tensors[0].reshape(-1, tensors[0].shape[-1])
            first = int(class_token)
            grid = table[first:].reshape(*shape, -1)
            return [table[:1], grid] if class_token else [grid]

        def to_official(tensors: list[Tensor]) -> list[Tensor]:
            flat = [each.reshape(-1, each.shape[-1]) for each in tensors]
            return [torch.cat(flat)[None]]

        self.entries.append(Entry((official,), names, to_ours, to_official))

    def ffn(self, official: str, ours: str, ffn: Ffn, *, norm: str, residual: str) -> None:
        """Add an FFN: an MLP with its norm, or a locality FFN.

        Args:
            official: prefix of the block.
            ours: our prefix of the FFN.
            ffn: what it is.
            norm: name of the MLP's norm in the block.
            residual: name of the locality FFN in the block.
        """
        if isinstance(ffn, Mlp):
            self.layer(f"{official}.{norm}", f"{ours}.norm")
            self.layer(f"{official}.mlp.fc1", f"{ours}.fc1")
            self.layer(f"{official}.mlp.fc2", f"{ours}.fc2")
        elif isinstance(ffn, LocalityFfn):
            self._locality(f"{official}.{residual}.conv", ours, ffn)

    def _locality(self, official: str, ours: str, ffn: LocalityFfn) -> None:
        """Add LocalViT's sequence: convolution, norm, activation; the same depthwise; gate; out."""
        self.layer(f"{official}.0", f"{ours}.expand", bias=False)
        self.batch_norm(f"{official}.1", f"{ours}.expand_norm")
        index = 3
        if ffn.depthwise:
            self.layer(f"{official}.3", f"{ours}.depthwise.0", bias=False)
            self.batch_norm(f"{official}.4", f"{ours}.depthwise.1")
            index = 6
        if isinstance(ffn.gate, EfficientChannelAttention):
            self.layer(f"{official}.{index}.conv", f"{ours}.gate.conv", bias=False)
        elif not isinstance(ffn.gate, NoGate):
            self.layer(f"{official}.{index}.fc.0", f"{ours}.gate.fc1")
            self.layer(f"{official}.{index}.fc.2", f"{ours}.gate.fc2")
        index += not isinstance(ffn.gate, NoGate)
        self.layer(f"{official}.{index}", f"{ours}.project", bias=False)
        self.batch_norm(f"{official}.{index + 1}", f"{ours}.project_norm")

    def official_shapes(self, ours: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
        """Return the shape that each official tensor must have to make the given ones of ours."""
        shapes: dict[str, tuple[int, ...]] = {}
        for entry in self.entries:
            tensors = entry.to_official([ours[key].to("meta") for key in entry.ours])
            shapes |= {
                key: tuple(each.shape) for key, each in zip(entry.official, tensors, strict=True)
            }
        return shapes

    def to_ours(self, official: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Convert a whole state dict; its keys and shapes must be as `official_shapes` says."""
        state: dict[str, Tensor] = {}
        for entry in self.entries:
            tensors = entry.to_ours([official[key] for key in entry.official])
            state |= dict(zip(entry.ours, tensors, strict=True))
        return state

    def to_official(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Convert a whole state dict of ours; index tables and masks are not made."""
        state: dict[str, Tensor] = {}
        for entry in self.entries:
            tensors = entry.to_official([ours[key] for key in entry.ours])
            state |= dict(zip(entry.official, tensors, strict=True))
        return state

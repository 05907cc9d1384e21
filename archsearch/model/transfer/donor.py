"""A network that another one takes weights from, in one file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from archsearch.model.transfer.description import Description, describe
from archsearch.model.transfer.matching import Transfer, match, merged_state

#: entry in the header of a safetensors file that holds the description
HEADER = "described_network"


class NoDescriptionError(ValueError):
    """A file of weights does not say what network they are of."""


@dataclass(frozen=True)
class Donor:
    """Weights and the description of their network.

    Attributes:
        data: safetensors with the description in its header, as workers get it.
        label: what messages call it.
    """

    data: bytes
    label: str = ""

    @classmethod
    def of(
        cls,
        model: nn.Module,
        state: Mapping[str, Tensor] | None = None,
        *,
        class_names: Sequence[str] = (),
        label: str = "",
    ) -> "Donor":
        """Return a network as a donor.

        Args:
            model: the network; it may lie on the meta device where its state is given.
            state: its weights; None for those that it has.
            class_names: of its classifier, as far as they are known.
            label: what messages call it.
        """
        return cls(weights_file(model, state, class_names), label)

    @classmethod
    def read(cls, data: bytes, label: str = "") -> "Donor":
        """Return the donor of a file with a description.

        Raises:
            NoDescriptionError: it has none, or that of other weights.
            ValueError: it is no safetensors file.
        """
        try:
            tensors = load(data)
        except SafetensorError as error:
            raise ValueError(f"is no whole safetensors file ({error})") from None
        text = _header(data).get(HEADER)
        if text is None:
            raise NoDescriptionError
        try:
            description = Description.from_plain(json.loads(text))
        except ValueError:
            raise NoDescriptionError from None
        shapes = {name: description.shape(name) for name in description.tensors}
        if shapes != {name: tuple(value.shape) for name, value in tensors.items()}:
            raise NoDescriptionError
        # other entries of a header would make another file of the same weights
        header = {HEADER: json.dumps(description.to_plain(), separators=(",", ":"))}
        return cls(save(tensors, header), label)

    @cached_property
    def description(self) -> Description:
        """Its network."""
        return Description.from_plain(json.loads(_header(self.data)[HEADER]))

    @cached_property
    def digest(self) -> str:
        """Identity of network and weights: sha256 (64 hex digits)."""
        return hashlib.sha256(self.data).hexdigest()

    def gives(self, model: nn.Module, class_names: Sequence[str] = ()) -> Transfer:
        """Return what a network would take; see `match`."""
        return match(describe(model, class_names), self.description)

    def fill(self, model: nn.Module, class_names: Sequence[str] = ()) -> Transfer:
        """Give a network what it takes; the rest of it stays as it is.

        Args:
            model: on any device but meta.
            class_names: of its classifier, as far as they are known.
        """
        own = describe(model, class_names)
        transfer = match(own, self.description)
        with torch.no_grad():
            state = merged_state(
                model.state_dict(), load(self.data), transfer, own, self.description
            )
            model.load_state_dict(state)
        return transfer


def weights_file(
    model: nn.Module,
    state: Mapping[str, Tensor] | None = None,
    class_names: Sequence[str] = (),
    about: Mapping[str, str] | None = None,
) -> bytes:
    """Return weights as a safetensors file that says what network they are of.

    Args:
        model: the network.
        state: its weights; None for those that it has.
        class_names: of its classifier, as far as they are known.
        about: more entries for the header.
    """
    found = model.state_dict() if state is None else state
    plain = {
        name: value.detach().to("cpu", copy=True).contiguous() for name, value in found.items()
    }
    description = json.dumps(describe(model, class_names).to_plain(), separators=(",", ":"))
    # one entry: the order of several is not the same in every process
    data: bytes = save(plain, {HEADER: description, **(about or {})})
    return data


def _header(data: bytes) -> dict[str, str]:
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    return dict(header.get("__metadata__") or {})

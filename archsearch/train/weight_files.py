"""Weights on disk, as safetensors."""

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from archsearch.files import write_bytes
from archsearch.model.transfer import weights_file


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of all parameters and buffers, in main memory and plain layout."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
    }


def save_weights(model: nn.Module, path: str | Path, class_names: Sequence[str] = ()) -> None:
    """Write the weights, and what network they are of, as another network's start needs it.

    Args:
        model: the network.
        path: a file that is there is replaced in one move.
        class_names: of its classifier, as far as they are known.
    """
    write_bytes(path, weights_file(model, class_names=class_names), durable=True)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Read weights into ``model``.

    Args:
        model: gets the weights, in place.
        path: safetensors file, as `save_weights` writes it.

    Raises:
        RuntimeError: names or shapes do not match the model's.
    """
    model.load_state_dict(load_file(path))

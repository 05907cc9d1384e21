"""Weights on disk, as safetensors."""

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save
from torch import Tensor, nn

from archsearch.files import write_bytes


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    """Return copies of all parameters and buffers, in main memory and plain layout."""
    return {
        name: value.detach().to("cpu", copy=True).contiguous()
        for name, value in model.state_dict().items()
    }


def weights_bytes(model: nn.Module, about: Mapping[str, str] | None = None) -> bytes:
    """Return the weights as a safetensors file; ``about`` goes into its header."""
    data: bytes = save(weights_of(model), metadata=dict(about) if about else None)
    return data


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write the weights; a file that is there is replaced in one move."""
    write_bytes(path, weights_bytes(model), durable=True)


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Read weights into ``model``.

    Args:
        model: gets the weights, in place.
        path: safetensors file, as `save_weights` writes it.

    Raises:
        RuntimeError: names or shapes do not match the model's.
    """
    model.load_state_dict(load_file(path))

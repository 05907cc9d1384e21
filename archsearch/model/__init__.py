"""From an architecture to a network."""

from archsearch.model.builder import build_model
from archsearch.model.fusion import fuse
from archsearch.model.kernels import onednn_is_faster, use_onednn, use_torch
from archsearch.model.network import Network

__all__ = [
    "Network",
    "build_model",
    "fuse",
    "onednn_is_faster",
    "use_onednn",
    "use_torch",
]

"""From an architecture to a network."""

from archsearch.model.build import build_model
from archsearch.model.network import Network

__all__ = ["Network", "build_model"]

"""The papers' models: architecture files, official checkpoints, published figures."""

from archsearch.zoo.builder import build
from archsearch.zoo.catalog import arch, names
from archsearch.zoo.family_sizes import families, sizes
from archsearch.zoo.image_resizing import resize
from archsearch.zoo.official_weights import family_of, load_official, to_official

__all__ = [
    "arch",
    "build",
    "families",
    "family_of",
    "load_official",
    "names",
    "resize",
    "sizes",
    "to_official",
]

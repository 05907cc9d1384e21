"""The papers' models: architecture files, official checkpoints, published figures."""

from archsearch.zoo.build import build
from archsearch.zoo.catalog import arch, names
from archsearch.zoo.load import family_of, load_official, to_official
from archsearch.zoo.resize import resize

__all__ = ["arch", "build", "family_of", "load_official", "names", "resize", "to_official"]

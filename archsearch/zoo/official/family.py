"""A family of official checkpoints: how to know, read and convert them."""

from collections.abc import Callable
from dataclasses import dataclass

from archsearch.arch import Arch
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes


@dataclass(frozen=True)
class Family:
    """Checkpoints of one official code base.

    Attributes:
        name: what errors call it.
        mark: a key that every checkpoint of the family has, and no other family's.
        infer: the architecture that a checkpoint's shapes tell; what they do not tell (heads of
            plain attention, activations, image size) is as in the given one.
        key_map: how the tensors of an architecture in canonical form correspond.
    """

    name: str
    mark: str
    infer: Callable[[Shapes, Arch], Arch]
    key_map: Callable[[Arch], KeyMap]

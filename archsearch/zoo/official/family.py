"""A family of official checkpoints: how to know, read and convert them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from archsearch.arch import Arch
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.shapes import Shapes


@dataclass(frozen=True)
class Spelling:
    """Keys by which another publisher knows the tensors of a family.

    Attributes:
        publisher: whose keys they are.
        applies: tells from all keys of a checkpoint.
        to_official: the official key behind one of theirs.
        from_official: their key for an official one.
    """

    publisher: str
    applies: Callable[[Collection[str]], bool]
    to_official: Callable[[str], str]
    from_official: Callable[[str], str]


@dataclass(frozen=True)
class Family:
    """Checkpoints of one official code base.

    Attributes:
        name: what errors call it.
        mark: a key that every checkpoint of the family has, and no other family's.
        infer: the architecture that a checkpoint's shapes tell; what they do not tell (heads of
            plain attention, activations, image size) is as in the given one.
        key_map: how the tensors of an architecture in canonical form correspond.
        spellings: other publishers' keys.
    """

    name: str
    mark: str
    infer: Callable[[Shapes, Arch], Arch]
    key_map: Callable[[Arch], KeyMap]
    spellings: tuple[Spelling, ...] = ()

    def spelling(self, keys: Collection[str]) -> Spelling | None:
        """Return whose keys those of a checkpoint are; None for the official ones."""
        return next((each for each in self.spellings if each.applies(keys)), None)

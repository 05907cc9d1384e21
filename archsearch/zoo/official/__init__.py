"""Official checkpoints: their family, architecture and conversion."""

from archsearch.zoo.official.deit import DEIT
from archsearch.zoo.official.edgevit import EDGEVIT
from archsearch.zoo.official.family import Family, Spelling
from archsearch.zoo.official.key_map import KeyMap
from archsearch.zoo.official.lightvit import LIGHTVIT
from archsearch.zoo.official.pvt import PVT
from archsearch.zoo.official.sepvit import SEPVIT
from archsearch.zoo.official.shapes import ShapeError, Shapes
from archsearch.zoo.official.swin import SWIN
from archsearch.zoo.official.t2t import T2T
from archsearch.zoo.official.tnt import TNT

#: the plain transformer last: its mark is found in T2T-ViT's checkpoints too
FAMILIES: tuple[Family, ...] = (LIGHTVIT, EDGEVIT, SEPVIT, PVT, TNT, T2T, SWIN, DEIT)

__all__ = ["FAMILIES", "Family", "KeyMap", "ShapeError", "Shapes", "Spelling"]

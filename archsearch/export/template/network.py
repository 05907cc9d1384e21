"""The one part of a file that is written for its network; an export replaces this module.

It is a network of no stages, so that the other modules are checked against it.
"""

from typing import Any

from torch import nn

from archsearch.model.vision_transformer import VisionTransformer

#: the images that the network expects, in timm's terms
CONFIG: dict[str, Any] = {}

NUM_STAGES = 0

#: FFNs without stochastic depth
WITHOUT_DROP_PATH: tuple[type[nn.Module], ...] = ()


def build_network(num_classes: int, in_chans: int) -> VisionTransformer:
    """Return the network with its initial weights."""
    raise NotImplementedError

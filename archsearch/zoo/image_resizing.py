"""A network for another image size, with the weights it has."""

import logging

from archsearch.arch import Arch, SeparableAttention
from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, sides_of
from archsearch.model import Network, build_model
from archsearch.model.transfer import describe, match, merged_state

logger = logging.getLogger(__name__)


def resize(network: Network, image_size: ImageSize) -> Network:
    """Return a new network for ``image_size`` with the weights of ``network``.

    Position tables are interpolated as timm does (bicubic, antialiased). Relative position
    tables inside windows are cropped to a smaller window, which changes nothing for the offsets
    that are left, and interpolated to a larger one. Window tokens are interpolated. A separable
    attention whose window was the whole map has no parameters to exchange between windows: its
    window stays the whole map.

    Args:
        network: stays as it is.
        image_size: side of square images in pixels, or ``(height, width)``.

    Raises:
        InputError: ``image_size`` is smaller than one token of the last stage.
    """
    check_image_size(network.declared_arch, image_size)
    arch = _at_size(network.declared_arch, image_size)
    resized = build_model(arch)
    resized.train(network.training)
    own, theirs = describe(resized), describe(network)
    transfer = match(own, theirs)
    for each in transfer.tensors:
        if each.source_shape is None:
            logger.warning("%s starts anew at this image size; %s", each.name, each.how)
    if transfer.unused:
        logger.warning("dropped at this image size: %s", ", ".join(transfer.unused))
    state = merged_state(resized.state_dict(), network.state_dict(), transfer, own, theirs)
    resized.load_state_dict(state)
    return resized.to(next(network.parameters()).device)


def check_image_size(arch: Arch, image_size: ImageSize) -> None:
    """Raise `InputError` if ``image_size`` is smaller than one token of the last stage."""
    stride = arch.stem_stride * 2 ** sum(stage.downsample is not None for stage in arch.stages)
    height, width = sides_of(image_size)
    names = {"": height} if height == width else {"height ": height, "width ": width}
    problems = [
        Problem(
            "image_size",
            f"{name}must be at least {stride}, the pixels along a side of a token of the last "
            "stage",
            side,
        )
        for name, side in names.items()
        if side < stride
    ]
    if problems:
        raise InputError(problems)


def _at_size(arch: Arch, image_size: ImageSize) -> Arch:
    """Return ``arch`` at another size; windows that were the whole map stay it."""
    resized = arch.model_copy(update={"image_size": image_size})
    stages = []
    shapes = zip(arch.stages, arch.map_shapes, resized.map_shapes, strict=True)
    for stage, old, new in shapes:
        blocks = []
        for block in stage.blocks:
            attention = block.attention
            if isinstance(attention, SeparableAttention) and attention.group_size >= max(old):
                changes = {"window_size": max(new), "group_count": 1}
                attention = attention.model_copy(update=changes)
            blocks.append(block.model_copy(update={"attention": attention}))
        stages.append(stage.model_copy(update={"blocks": tuple(blocks)}))
    return resized.model_copy(update={"stages": tuple(stages)})

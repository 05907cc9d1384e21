"""The images that a network expects, and the names of its classes."""

import json
from dataclasses import dataclass
from typing import Any

from archsearch.arch import Arch
from archsearch.export.description import Origin
from archsearch.model.network import timm_config
from archsearch.train import ModelFile


@dataclass(frozen=True)
class Images:
    """How a picture becomes the input of a network, and the names of its classes.

    The picture is scaled so that it just covers height and width over ``crop_pct``, its centre is
    cut out, values are scaled to 0..1, ``mean`` is taken off, and ``std`` divides them.

    Attributes:
        input_size: channels, height, width.
        mean: one value a channel.
        std: likewise.
        interpolation: ``bilinear`` or ``bicubic``.
        crop_pct: share of the shorter edge that is kept.
        class_names: in the order of the outputs; empty if unknown.
    """

    input_size: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    crop_pct: float
    class_names: tuple[str, ...] = ()

    def config(self) -> dict[str, Any]:
        """Return timm's configuration entries for these images."""
        entries = {
            "input_size": self.input_size,
            "mean": self.mean,
            "std": self.std,
            "interpolation": self.interpolation,
            "crop_pct": self.crop_pct,
            "crop_mode": "center",
        }
        return entries | ({"label_names": self.class_names} if self.class_names else {})

    def words(self) -> dict[str, str]:
        """Return the same as JSON texts, for formats whose metadata are texts."""
        return {key: json.dumps(value) for key, value in self.config().items()}


def images_of(network: Arch | ModelFile, origin: Origin) -> Images:
    """Return the images that ``network`` expects: as in its training, else as it declares."""
    shape = network.input_shape
    data = origin.section("data")
    names = tuple(str(name) for name in data.get("class_names") or ())
    if origin.normalization:
        mean, std = origin.normalization["mean"], origin.normalization["std"]
        # as the reader of image files does it (archsearch.data.image_decoder)
        return Images(shape, mean, std, "bilinear", 1.0, names)
    config = timm_config(network) if isinstance(network, Arch) else network.config
    mean, std = (
        tuple(config.get(key) or (default,) * shape[0])
        for key, default in (("mean", 0.0), ("std", 1.0))
    )
    return Images(
        shape,
        mean,
        std,
        str(config.get("interpolation") or "bilinear"),
        float(config.get("crop_pct") or 1.0),
        names or tuple(config.get("label_names") or ()),
    )

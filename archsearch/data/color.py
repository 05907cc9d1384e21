"""Any colour mode to plain RGB or grey, as a person sees it: on white, in sRGB."""

import functools
import io

from PIL import Image, ImageCms

_SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}


def opaque(image: Image.Image) -> Image.Image:
    """Return ``image`` on white, in mode L, RGB, CMYK or LAB."""
    if image.has_transparency_data:
        is_grey = image.mode in ("1", "L", "LA", "La")
        return _on_white(image.convert("LA" if is_grey else "RGBA"))
    if image.mode in _SPACES:
        return image
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")


def in_srgb(image: Image.Image, profile: bytes | None, channels: int) -> Image.Image:
    """Return an image of mode L, RGB, CMYK or LAB in mode L (1 channel) or RGB (3).

    Args:
        image: opaque.
        profile: ICC profile of its colours; ignored where it is damaged or of another mode.
        channels: 1 for grey by luma (ITU-R 601), 3 for sRGB.
    """
    transform = _transform(profile, image.mode) if profile or image.mode == "LAB" else None
    if transform is not None:
        changed = transform.apply(image)
        assert isinstance(changed, Image.Image)
        image = changed
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _on_white(image: Image.Image) -> Image.Image:
    """Return an image of mode LA or RGBA on white, in mode L or RGB."""
    colour = image.convert(image.mode[:-1])
    return Image.composite(
        colour, Image.new(colour.mode, colour.size, "white"), image.getchannel("A")
    )


@functools.lru_cache(64)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return what turns colours of ``profile`` into sRGB; None where there is nothing to do."""
    try:
        if profile is None:
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        about = source.profile
        is_srgb = mode == "RGB" and "srgb" in (about.profile_description or "").lower()
        if is_srgb or about.xcolor_space.strip() != _SPACES[mode]:
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None

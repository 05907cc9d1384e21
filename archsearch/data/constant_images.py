"""Classes whose images are all of one colour: nothing can be learnt from them."""

import os

import numpy as np

from archsearch.data.file_names import readable
from archsearch.data.folder_scan import Files
from archsearch.data.splits import Pixels
from archsearch.errors import Problem

_SHOWN = 3


def constant_problems(
    folder: str, files: Files, pixels: Pixels, class_names: tuple[str, ...], least: int = 1
) -> list[Problem]:
    """Return a problem for each class in which every pixel of every image is the same.

    Args:
        folder: the files' folder, for the problem.
        files: what was decoded.
        pixels: (N, C, H, W), what the files were decoded to, or the extremes of that.
        class_names: by class index.
        least: number of images from which a class is judged.

    Returns:
        one problem for all where no class is left.
    """
    found: dict[int, list[int]] = {}
    for label in np.unique(files.labels):
        own = np.flatnonzero(files.labels == label)
        colour = pixels[own[0]][:, :1, :1]
        # most classes end at their first image
        if len(own) >= least and all((pixels[index] == colour).all() for index in own):
            found[int(label)] = own.tolist()
    colours = {pixels[own[0]][:, 0, 0].tobytes() for own in found.values()}
    if len(found) == len(np.unique(files.labels)) and len(colours) == 1:
        every = list(range(len(files)))
        return [_problem(folder, "all images", every, files, pixels)]
    return [
        _problem(folder, f"all images of class '{class_names[label]}'", own, files, pixels)
        for label, own in found.items()
    ]


def _problem(folder: str, what: str, indices: list[int], files: Files, pixels: Pixels) -> Problem:
    colour = ", ".join(str(value) for value in pixels[indices[0]][:, 0, 0])
    names = [readable(os.path.relpath(files.paths[index], folder)) for index in indices[:_SHOWN]]
    more = ", ..." if len(indices) > _SHOWN else ""
    return Problem(
        "",
        f"{what} came out as one colour ({colour}): {', '.join(names)}{more}",
        remedy="look at the files; remove them, or save them as PNG",
        file=readable(folder),
    )

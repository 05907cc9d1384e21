"""Official checkpoints as networks of ours."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archsearch.arch import Arch, diff
from archsearch.errors import InputError, Problem
from archsearch.image_size import ImageSize, read_size, sides_of
from archsearch.model import Network, build_model
from archsearch.zoo.builder import Kernels, with_kernels
from archsearch.zoo.catalog import arch as zoo_arch
from archsearch.zoo.checkpoint import read_checkpoint
from archsearch.zoo.image_resizing import resize
from archsearch.zoo.official import FAMILIES, Family, KeyMap, ShapeError, Shapes, Spelling
from archsearch.zoo.overrides import with_overrides

logger = logging.getLogger(__name__)


def load_official(
    model: str | Arch,
    checkpoint: Mapping[str, Any] | str | Path,
    *,
    image_size: ImageSize | None = None,
    kernels: Kernels = "auto",
    **overrides: Any,
) -> Network:
    """Build a network with the weights of an official checkpoint of its family, or of timm's.

    The whole family converts: widths, depths, token counts, windows, expansions, classes and
    whatever else shapes tell are taken from the checkpoint, the rest from the named model. What
    shapes cannot tell are the heads of attentions without a position table (DeiT, PVT, T2T-ViT,
    TNT, EdgeViT, SepViT: heads as wide as the named model's are assumed), activations without a
    gate behind them, and the image size of LightViT, EdgeViT and SepViT. Say those where they
    differ: ``num_heads=6``, ``activation="relu6"``; or give a whole architecture, which is then
    taken as it is.

    Args:
        model: name of a zoo model, or an architecture of the family.
        checkpoint: state dict with official keys, or a file of one.
        image_size: image size of the returned network, see `archsearch.zoo.build`; None keeps the
            checkpoint's.
        kernels: what linear layers compute by; see `archsearch.zoo.builder`.
        overrides: values that win over the checkpoint and the named model; see
            `archsearch.zoo.arch`.

    Raises:
        InputError: no such model; the file is no checkpoint; it is of another family; or tensors
            are missing, unexpected or of another shape: all of them are listed, and nothing is
            loaded.
    """
    named = zoo_arch(model) if isinstance(model, str) else model
    image_size = None if image_size is None else read_size(image_size)
    state = read_checkpoint(checkpoint)
    file = "" if isinstance(checkpoint, Mapping) else str(checkpoint)
    family = _family(named, state, file)
    spelling = family.spelling(state)
    state = _official_keys(state, spelling)
    if isinstance(model, Arch):
        candidates = [with_overrides(model, overrides)]
    else:
        # official networks are square; a side of the images asked for may be that of the weights
        asked = () if image_size is None else sides_of(image_size)
        sizes = list(dict.fromkeys([*sides_of(named.image_size), *asked]))
        candidates = _candidates(family, state, named, overrides, sizes)
    problems: list[Problem] = []
    for arch in candidates:
        found = _problems(family.key_map(arch.canonical()), arch, state, file)
        if not found:
            _tell(named, arch)
            network = _load(family.key_map(arch.canonical()), arch, state)
            if image_size not in (None, arch.image_size):
                network = resize(network, image_size)
            return with_kernels(network, kernels)
        if not problems or len(found) <= len(problems):
            problems = found
    raise InputError(_spelled(problems, spelling))


def convert_state(arch: Arch, state: Mapping[str, Tensor], file: str = "") -> dict[str, Tensor]:
    """Return official weights under the keys of our network of the same architecture.

    Raises:
        InputError: with every missing, misshapen and unexpected key.
    """
    family = family_of(arch)
    spelling = family.spelling(state)
    state = _official_keys(state, spelling)
    keys = family.key_map(arch.canonical())
    problems = _problems(keys, arch, state, file)
    if problems:
        raise InputError(_spelled(problems, spelling))
    return keys.to_ours(state)


def _official_keys(state: Mapping[str, Tensor], spelling: Spelling | None) -> dict[str, Tensor]:
    if spelling is None:
        return dict(state)
    return {spelling.to_official(key): value for key, value in state.items()}


def _spelled(problems: Sequence[Problem], spelling: Spelling | None) -> list[Problem]:
    """Return problems with the keys that the checkpoint has."""
    if spelling is None:
        return list(problems)
    return [replace(each, key=spelling.from_official(each.key)) for each in problems]


def to_official(network: Network) -> dict[str, Tensor]:
    """Return the weights of a network under the keys of its family's official code.

    Index tables and masks, which that code makes anew, are left out.

    Raises:
        InputError: the network is of no official family.
    """
    keys = family_of(network.arch).key_map(network.arch)
    return keys.to_official(network.state_dict())


def family_of(arch: Arch) -> Family:
    """Return the family of official checkpoints that ``arch`` belongs to.

    Raises:
        InputError: it belongs to none.
    """
    canonical = arch.canonical()
    ours = _empty_state(canonical)
    for family in FAMILIES:
        if _covers(family, canonical, ours):
            return family
    raise InputError(
        Problem("", "no official code builds this architecture", remedy="use a zoo model's shape")
    )


def _covers(family: Family, arch: Arch, ours: Mapping[str, Tensor]) -> bool:
    """Return whether the family's keys make every tensor of the architecture."""
    try:
        keys = family.key_map(arch)
    except AssertionError:
        return False
    return {key for entry in keys.entries for key in entry.ours} == set(ours)


def _family(named: Arch, state: Mapping[str, Tensor], file: str) -> Family:
    wanted = family_of(named)
    found = next((each for each in FAMILIES if each.mark in state), None)
    if found is not None and found is not wanted:
        raise InputError(
            Problem(
                "checkpoint",
                f"must be a checkpoint of {wanted.name}, but is one of {found.name}",
                remedy="name a model of that family",
                file=file,
            )
        )
    return wanted


def _candidates(
    family: Family,
    state: Mapping[str, Tensor],
    named: Arch,
    overrides: Mapping[str, Any],
    image_sizes: Sequence[int],
) -> list[Arch]:
    """Return the possible architectures: by the checkpoint's shapes, and last the named model."""
    shapes = Shapes({key: tuple(value.shape) for key, value in state.items()})
    candidates: list[Arch] = []
    wrong: InputError | None = None
    for image_size in image_sizes:
        try:
            like = named.model_copy(update={"image_size": image_size})
            candidates.append(with_overrides(family.infer(shapes, like), overrides))
        except ShapeError as error:
            logger.debug("the checkpoint tells no architecture: %s", error)
        except InputError as error:
            wrong = error
    try:
        candidates.append(with_overrides(named, overrides))
    except InputError as error:
        wrong = wrong or error
    if not candidates and wrong is not None:
        raise wrong
    return list(dict.fromkeys(candidates))


def _problems(keys: KeyMap, arch: Arch, state: Mapping[str, Tensor], file: str) -> list[Problem]:
    """Return every missing, misshapen and unexpected key."""
    expected = keys.official_shapes(_empty_state(arch))
    problems = []
    for key, shape in expected.items():
        if key not in state:
            problems.append(Problem(key, f"is missing (shape {list(shape)})", file=file))
    for key, value in state.items():
        wanted = expected.get(key, keys.tables.get(key))
        if wanted is None:
            problems.append(
                Problem(key, f"is an unexpected key (shape {list(value.shape)})", file=file)
            )
        elif tuple(value.shape) != wanted:
            rule = f"must have shape {list(wanted)}"
            problems.append(Problem(key, rule, list(value.shape), file=file))
    return problems


def _empty_state(arch: Arch) -> dict[str, Tensor]:
    """Return the network's state dict without memory behind its tensors."""
    with torch.device("meta"):
        return dict(build_model(arch).state_dict())


def _load(keys: KeyMap, arch: Arch, state: Mapping[str, Tensor]) -> Network:
    network = build_model(arch)
    with torch.no_grad():
        network.load_state_dict(keys.to_ours(state), strict=True)
    return network


def _tell(named: Arch, arch: Arch) -> None:
    """Say where the checkpoint's architecture is another than the named one."""
    differences = diff(named, arch)
    if differences:
        text = "; ".join(str(each) for each in differences[:8])
        more = f"; and {len(differences) - 8} more" if len(differences) > 8 else ""
        logger.warning("the checkpoint is of another size than the named model: %s%s", text, more)

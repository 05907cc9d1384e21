"""Teachers of timm and of the zoo."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archsearch import zoo
from archsearch.activity import doing
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import size_of
from archsearch.model import build_model
from archsearch.model.network import timm_config
from archsearch.run.teaching.opened_teacher import OpenedTeacher, TeacherImages, state_differences
from archsearch.run.teaching.teacher_memory import KEY, check_file, check_size
from archsearch.run.teaching.teacher_source import TeacherAbsentError, source_label, weights_of
from archsearch.zoo.checkpoint import read_checkpoint

_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
#: of networks of ours, whose keys no official checkpoint has
_OWN_BIAS = "head.classifier.bias"
#: differing tensors that a message names
_NAMED = 6


def open_zoo(source: str) -> OpenedTeacher:
    """Open ``zoo:NAME@FILE``: a model of the zoo with an official checkpoint, or our own weights.

    Raises:
        InputError: there is no such model or file, or the file holds other weights.
    """
    definition, weights = weights_of(source)
    name = definition.removeprefix("zoo:")
    declared = zoo.arch(name)
    if weights is None:
        rule = "needs weights: archsearch ships none"
        remedy = f"write zoo:{name}@FILE with a checkpoint of its authors, or of a training"
        raise InputError(Problem(KEY, rule, source, remedy))
    state = read_weights(weights)
    check_size(name, lambda: build_model(declared))
    if _OWN_BIAS in state:
        arch = declared.model_copy(update={"num_classes": len(state[_OWN_BIAS])})
        network: nn.Module = loaded(build_model(arch), state, weights)
    else:
        official = zoo.load_official(name, state)
        network, arch = official, official.arch
    return OpenedTeacher(
        source_label(source),
        network.eval(),
        images_of_config(timm_config(arch)),
        definition=arch.digest,
        files=(weights,),
    )


def open_timm(source: str, *, download: bool) -> OpenedTeacher:
    """Open ``timm:NAME``, with weights of timm's cache, or ``timm:NAME@FILE``.

    Args:
        source: as the user gave it.
        download: fetch weights that are not in the cache.

    Raises:
        TeacherAbsentError: the weights are not here.
        InputError: timm has no such model, or the file holds other weights.
    """
    import timm  # takes as long as torch

    definition, weights = weights_of(source)
    name = definition.removeprefix("timm:")
    base = name.partition(".")[0]
    known = timm.list_models()
    if base not in known:
        raise InputError(Problem(KEY, f"timm has no model '{base}'", None, nearest(base, known)))
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        tags = timm.list_pretrained(f"{base}.*")
        raise InputError(Problem(KEY, _one_line(error), name, nearest(name, tags))) from None
    if config is None:
        config = timm.create_model(base).pretrained_cfg
    data: dict[str, Any] = config if isinstance(config, dict) else config.to_dict()
    check_size(name, lambda: timm.create_model(base))
    if weights is not None:
        state = read_weights(weights)
        network = loaded(timm.create_model(base, **_shapes_in(state, data)), state, weights)
    else:
        weights = _cached(data) or _fetched(name, data, download)
        check_file(name, weights)
        overlay = {"file": str(weights)}
        network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    channels = getattr(network, "in_chans", 0) or data["input_size"][0]
    return OpenedTeacher(
        source_label(source),
        network.eval(),
        images_of_config({**data, "input_size": (channels, *data["input_size"][1:])}),
        tuple(data.get("label_names") or ()),
        data.get("license") or "",
        f"timm {name}",
        (weights,),
    )


def images_of_config(config: Mapping[str, Any]) -> TeacherImages:
    """Return the images that a network takes, from timm's configuration of it."""
    channels, height, width = config["input_size"]
    mean, std = (
        tuple(config.get(key) or ()) if len(config.get(key) or ()) == channels else other
        for key, other in (("mean", (0.0,) * channels), ("std", (1.0,) * channels))
    )
    return TeacherImages(size_of(height, width), channels, mean, std)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, however it is wrapped.

    Raises:
        TeacherAbsentError: there is no such file.
        InputError: it holds no weights, or they do not fit into memory.
    """
    if not path.is_file():
        raise TeacherAbsentError(Problem(KEY, "there is no such file", str(path), "check the path"))
    check_file(path.name, path)
    return read_checkpoint(path)


def loaded(network: nn.Module, state: Mapping[str, Tensor], weights: Path) -> nn.Module:
    """Put weights into a network and return it.

    Raises:
        InputError: they are those of another network; it names the tensors.
    """
    if lines := state_differences(network.state_dict(), state):
        more = f"; and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        rule = (
            f"must be the weights of this network, but {len(lines)} tensors differ: "
            f"{'; '.join(lines[:_NAMED])}{more}"
        )
        raise InputError(Problem(KEY, rule, file=str(weights)))
    network.load_state_dict(dict(state))
    return network


def _shapes_in(state: Mapping[str, Tensor], config: Mapping[str, Any]) -> dict[str, int]:
    """Return the classes and channels of a checkpoint of timm's, as timm's arguments."""
    found = {}
    for argument, key, axis in (("num_classes", "classifier", 0), ("in_chans", "first_conv", 1)):
        names = config.get(key)
        first = names[0] if isinstance(names, tuple | list) and names else names
        weight = state.get(f"{first}.weight")
        if weight is not None and weight.ndim > axis:
            found[argument] = weight.shape[axis]
    return found


def _cached(config: Mapping[str, Any]) -> Path | None:
    """Return timm's file of weights on this machine; None where there is none."""
    if config.get("file"):
        return Path(str(config["file"]))
    if hub := config.get("hf_hub_id"):
        from huggingface_hub import try_to_load_from_cache

        names = [config["hf_hub_filename"]] if config.get("hf_hub_filename") else _HUB_FILES
        for name in names:
            found = try_to_load_from_cache(str(hub), name)
            if isinstance(found, str):
                return Path(found)
    if url := config.get("url"):
        path = Path(torch.hub.get_dir()) / "checkpoints" / os.path.basename(str(url))
        return path if path.is_file() else None
    return None


def _fetched(name: str, config: Mapping[str, Any], download: bool) -> Path:
    """Return timm's file of weights, fetched where that is allowed.

    Raises:
        TeacherAbsentError: it is not here.
    """
    import timm

    if not any(config.get(key) for key in ("hf_hub_id", "url", "file")):
        raise InputError(
            Problem(KEY, "timm has no weights of this network", name, f"write timm:{name}@FILE")
        )
    reason = ""
    if download:
        try:
            with doing(f"fetching the weights of timm:{name}"):
                timm.create_model(name, pretrained=True)
        except Exception as error:  # the hub, the network and timm raise what they like
            reason = f", and cannot be fetched ({_one_line(error)})"
        if found := _cached(config):
            return found
    remedy = f"write timm:{name}@FILE with a file that was fetched elsewhere"
    if not download:
        remedy = f"add --download, or {remedy}"
    rule = f"its weights are not in timm's cache{reason}"
    raise TeacherAbsentError(Problem(KEY, rule, f"timm:{name}", remedy))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__

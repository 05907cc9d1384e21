"""Export in any format, with weights, a model card and the image settings beside it."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from torch import nn

from archsearch.activity import doing
from archsearch.arch import Arch, keep_sources
from archsearch.data import DataSplits
from archsearch.deployment import QuantizedNetwork
from archsearch.errors import InputError, Problem
from archsearch.export.description import Origin
from archsearch.export.graph_storage import graph_files
from archsearch.export.hub_folder import HubFolder
from archsearch.export.image_settings import Images, images_of
from archsearch.export.int8_graph import RUNTIME_OF, export_int8
from archsearch.export.model_card import card_text, check_card, own_card, with_part
from archsearch.export.onnx_pt2 import check_packages, export_graph
from archsearch.export.output_path import check_shared, check_target
from archsearch.export.python_file import python_text, yaml_text
from archsearch.export.selection import identifier
from archsearch.export.weights_file import trained_model, weights_beside
from archsearch.files import write_bytes, write_text
from archsearch.train import ModelFile

_GRAPHS = "onnx, openvino, litert, pt2"


class Format(StrEnum):
    """What to write."""

    PYTHON = "python"
    TIMM = "timm"
    YAML = "yaml"
    ONNX = "onnx"
    OPENVINO = "openvino"
    LITERT = "litert"
    PT2 = "pt2"
    HUB = "hub"

    @property
    def is_graph(self) -> bool:
        """Whether graph and weights are one file."""
        return self in (Format.ONNX, Format.OPENVINO, Format.LITERT, Format.PT2)

    @property
    def takes_int8(self) -> bool:
        """Whether it can hold a network in int8."""
        return self.value in RUNTIME_OF

    @property
    def holds_weights(self) -> bool:
        """Whether weights are a part of it."""
        return self.is_graph or self is Format.HUB


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: the definition, then its companions.
        error: how far the logits of a graph are off; None where they are bit-equal, or in int8.
        quantized: what int8 did to the predictions; None in float.
    """

    files: tuple[Path, ...]
    error: float | None = None
    quantized: QuantizedNetwork | None = None


@dataclass(frozen=True)
class _Companions:
    """Files that several formats of one network share, beside the definition."""

    weights: Path
    images: Path
    card: Path

    @staticmethod
    def beside(output: Path) -> "_Companions":
        endings = (".safetensors", ".json", ".md")
        return _Companions(*(output.with_suffix(ending) for ending in endings))


def export_model(
    network: Arch | ModelFile,
    form: Format,
    output: str | Path,
    *,
    origin: Origin | None = None,
    weights: Path | None = None,
    initial_weights: bool = False,
    any_size: bool = False,
    companions: bool = True,
    fused: bool = False,
    int8: DataSplits | None = None,
    force: bool = False,
) -> Exported:
    """Write a network in one format, checked, with its companion files.

    Beside a file lie its weights, a model card and a JSON of its image settings, under
    the file's name with the endings .safetensors, .md and .json. Several formats of one network
    in one folder share them.

    Args:
        network: an architecture; or a Python file, as python, onnx, pt2 or hub.
        form: what to write.
        output: file; for hub a folder.
        origin: where the network comes from.
        weights: file of trained weights; None for none.
        initial_weights: let formats that hold weights hold initial ones.
        any_size: of Python and timm files: take images of any size.
        fused: of graphs: fold batch norms and other linear steps into
            convolutions.
        int8: of graphs but pt2: write int8, calibrated on the training images of these data and
            judged on their validation images; None writes float32.
        companions: write weights, card and JSON beside the definition.
        force: replace existing files.

    Raises:
        InputError: a file exists and ``force`` is off, or cannot be written; weights are missing
            or do not fit; the network has no such format; or a package that the format needs is
            not installed.
        ExportError: the file does not compute the same; nothing is written.
    """
    origin = origin or Origin()
    output = Path(output)
    problems = _problems(network, form, origin, weights, initial_weights, fused)
    if int8 is not None:
        problems += _int8_problems(network, form, int8)
    if problems:
        raise InputError(problems)
    with doing(f"loading what {form.value} needs"):
        check_packages(form.value, "float32" if int8 is None else "int8")
    images = images_of(network, origin)
    if form is Format.HUB:
        folder = HubFolder(output, network, origin, images)
        folder.check(force=force)
        trained = _built(network, weights, origin)
        return Exported(folder.write(trained, _name(origin, output, Format.TIMM)))
    for file in graph_files(form.value, output):
        check_target(file, force=force)
    beside = _Companions.beside(output)
    model = None
    if weights or form.is_graph:
        model = _built(network, weights, origin)
    state = None
    if model is not None and weights and companions:
        state = weights_beside(model, beside.weights)
    name = _name(origin, output, form)
    card = own_card(network, beside.card) or card_text(network, origin, images, output.stem)
    if companions:
        _check_companions(beside, state, _json(images), card, force=force)

    error, quantized = None, None
    if int8 is not None:
        assert model is not None
        data = replace(int8, mean=images.mean, std=images.std)
        quantized = export_int8(model, form.value, output, data, fused=fused, about=images.words())
    else:
        error = _write(network, form, output, origin, model, name, images, any_size, fused)
    files = [*graph_files(form.value, output)]
    with doing("writing weights, model card and JSON of the images"):
        if state is not None:
            write_bytes(beside.weights, state)
            files.append(beside.weights)
        if companions:
            own = beside.weights if state is not None else None
            text = with_part(
                beside.card,
                card,
                network,
                form.value,
                output,
                name,
                own,
                error,
                fused=fused,
                quantized=quantized,
            )
            write_text(beside.card, text)
            write_text(beside.images, _json(images))
            files += [beside.card, beside.images]
    return Exported(tuple(files), error, quantized)


def _built(network: Arch | ModelFile, weights: Path | None, origin: Origin) -> nn.Module:
    with doing("building the model" + (f" with the weights of {weights}" if weights else "")):
        return trained_model(network, weights, _zoo_name(origin))


def _write(
    network: Arch | ModelFile,
    form: Format,
    output: Path,
    origin: Origin,
    model: nn.Module | None,
    name: str,
    images: Images,
    any_size: bool,
    fused: bool,
) -> float | None:
    """Write the definition; return the error of a graph."""
    if form.is_graph:
        assert model is not None
        about = images.words()
        return export_graph(network, model, form.value, output, fused=fused, about=about)
    if isinstance(network, ModelFile):
        write_bytes(output, network.path.read_bytes())
    elif form is Format.YAML:
        write_text(output, yaml_text(network, origin))
        keep_sources(network.to_dict(), output.parent)
    else:
        write_text(output, python_text(network, origin, form.value, name, any_size=any_size))
    return None


def _check_companions(
    beside: _Companions, state: bytes | None, images: str, card: str, *, force: bool
) -> None:
    if state is not None:
        check_shared(beside.weights, state, force=force)
    check_shared(beside.images, images.encode(), force=force)
    check_card(beside.card, card, force=force)


def _json(images: Images) -> str:
    return json.dumps(images.config(), indent=2) + "\n"


def _zoo_name(origin: Origin) -> str:
    return origin.name if origin.run is None and not origin.training else ""


def _name(origin: Origin, output: Path, form: Format) -> str:
    """Return the name of the model's function; for timm one that timm does not have."""
    name = identifier(origin.name or output.stem)
    if form is not Format.TIMM:
        return name
    import timm  # takes as long as torch

    return f"{name}_archsearch" if name in timm.list_models() else name


def _problems(
    network: Arch | ModelFile,
    form: Format,
    origin: Origin,
    weights: Path | None,
    initial_weights: bool,
    fused: bool,
) -> list[Problem]:
    problems = []
    if fused and not form.is_graph:
        problems.append(
            Problem("fuse", "must be off where a file holds no weights", form.value, _GRAPHS)
        )
    if isinstance(network, ModelFile):
        if form in (Format.TIMM, Format.YAML):
            problems.append(
                Problem(
                    "--format",
                    f"must be python, a graph ({_GRAPHS}) or hub for a Python file",
                    form.value,
                    "for the others export the run, its training, or the architecture (.yaml)",
                )
            )
        if fused:
            problems.append(
                Problem("fuse", "must be off for a Python file: fusing knows archsearch's blocks")
            )
    if form.holds_weights and weights is None and not initial_weights:
        problems.append(_missing_weights(form, origin))
    return problems


def _int8_problems(network: Arch | ModelFile, form: Format, data: DataSplits) -> list[Problem]:
    problems = []
    if not form.takes_int8:
        rule = "must be float32 for this format"
        problems.append(Problem("--dtype", rule, "int8", f"int8 is for {', '.join(RUNTIME_OF)}"))
    theirs = (data.in_channels, data.image_size, data.num_classes)
    own = (network.in_channels, network.image_size, network.num_classes)
    if theirs != own:
        words = "{} channels, {} px and {} classes"
        rule = f"must have images as the network takes them: {words.format(*own)}"
        remedy = "name the data that it was trained on"
        problems.append(Problem("--data", rule, words.format(*theirs), remedy))
    return problems


def _missing_weights(form: Format, origin: Origin) -> Problem:
    run, trial = origin.run, origin.trial
    if run is not None and trial is not None:
        kept = [str(each.number) for each in run.trials if each.checkpoint]
        others = f"name a trial whose weights were kept ({', '.join(kept)}), " if kept else ""
        return Problem(
            "weights",
            f"{form.value} holds weights, and those of trial {trial.number} were not kept",
            remedy=f"{others}train it (archsearch train {run.name} --trial {trial.number}) and "
            "export the folder of that training, or use --initial-weights",
        )
    return Problem(
        "weights",
        f"{form.value} holds weights, and an architecture has none",
        remedy="give --weights, or use --initial-weights",
    )

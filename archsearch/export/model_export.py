"""Export in any format, with weights and a model card beside it."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from timm.models import list_models

from archsearch.arch import Arch, keep_sources
from archsearch.errors import InputError, Problem
from archsearch.export.description import Origin
from archsearch.export.graph_file import export_graph
from archsearch.export.model_card import model_card
from archsearch.export.python_file import python_text, yaml_text
from archsearch.export.selection import identifier
from archsearch.export.target import check_target
from archsearch.export.weights_file import trained_model
from archsearch.files import write_text
from archsearch.train.weights import save_weights

logger = logging.getLogger(__name__)


class Format(StrEnum):
    """What to write."""

    PYTHON = "python"
    TIMM = "timm"
    YAML = "yaml"
    ONNX = "onnx"
    PT2 = "pt2"

    @property
    def holds_weights(self) -> bool:
        """Whether weights are a part of the file."""
        return self in (Format.ONNX, Format.PT2)


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        files: the definition, then what goes with it.
        error: how far the logits of a graph are off; None where they are bit-equal.
    """

    files: tuple[Path, ...]
    error: float | None = None


def export_model(
    arch: Arch,
    form: Format,
    output: str | Path,
    *,
    origin: Origin | None = None,
    weights: Path | None = None,
    initial_weights: bool = False,
    any_size: bool = False,
    companions: bool = True,
    fused: bool = False,
    force: bool = False,
) -> Exported:
    """Write ``arch`` in one format, checked; its weights and a model card go beside it.

    Args:
        arch: the architecture.
        form: what to write.
        output: file; weights and card take its name with the endings .safetensors and .md.
        origin: where the architecture comes from.
        weights: file of trained weights; None for none.
        initial_weights: let formats that hold weights hold initial ones.
        any_size: of Python and timm files: keep what images of another size need.
        fused: of onnx and pt2: fold batch norms and other linear steps into convolutions.
        companions: write weights and card beside the definition.
        force: replace existing files.

    Raises:
        InputError: a file exists and ``force`` is off, or cannot be written; weights are missing
            or do not fit; or a package that the format needs is not installed.
        ExportError: the file does not compute the same; nothing is written.
    """
    origin = origin or Origin()
    output = Path(output)
    beside = output.with_suffix(".safetensors") if weights and companions else None
    card = output.with_suffix(".md") if companions else None
    for path in (output, beside, card):
        check_target(path, force=force)
    if fused and not form.holds_weights:
        raise InputError(
            Problem("fuse", "must be off where a file holds no weights", form.value, "onnx or pt2")
        )
    if form.holds_weights and weights is None and not initial_weights:
        raise InputError(_missing_weights(form, origin))
    name = identifier(origin.name or output.stem)
    name = f"{name}_archsearch" if form is Format.TIMM and name in list_models() else name
    zoo_name = origin.name if origin.run is None else ""
    model = trained_model(arch, weights, zoo_name) if weights or form.holds_weights else None

    error = None
    if form.holds_weights:
        assert model is not None
        error = export_graph(arch, model, form.value, output, fused=fused)
    elif form is Format.YAML:
        write_text(output, yaml_text(arch, origin))
        keep_sources(arch.to_dict(), output.parent)
    else:
        write_text(output, python_text(arch, origin, form.value, name, any_size=any_size))
    files = [output]
    if beside is not None and model is not None:
        save_weights(model, beside)
        files.append(beside)
    if card is not None:
        text = model_card(
            arch, origin, form.value, output, name=name, weights=beside, error=error, fused=fused
        )
        write_text(card, text)
        files.append(card)
    return Exported(tuple(files), error)


def _missing_weights(form: Format, origin: Origin) -> Problem:
    if origin.trial is not None:
        return Problem(
            "weights",
            f"{form.value} holds weights, and those of trial {origin.trial.number} were not kept",
            remedy="name a trial of the front, train the python export and give --weights, or use "
            "--initial-weights",
        )
    return Problem(
        "weights",
        f"{form.value} holds weights, and an architecture has none",
        remedy="give --weights, or use --initial-weights",
    )

"""A model card: what it is, how it was trained, what was measured, how to load it."""

import json
import keyword
from collections.abc import Mapping
from pathlib import Path

from archsearch import __version__
from archsearch.arch import Arch
from archsearch.cost.runtimes.onnx_graph import OPSET
from archsearch.data.label import data_label
from archsearch.export.description import Origin, data_name, facts_of
from archsearch.export.graph_file import FUSED_TOLERANCE, TOLERANCE
from archsearch.record import Environment

_LOADING = {
    "python": """from {module} import create_model

model = create_model({weights}).eval()""",
    "timm": """import timm
import {module}  # registers the model

model = timm.create_model("{name}"{overlay}).eval()
backbone = timm.create_model("{name}", features_only=True)""",
    "onnx": """import onnxruntime

session = onnxruntime.InferenceSession("{file}")
logits = session.run(["logits"], {{"images": images}})[0]  # float32 (B, {shape})""",
    "pt2": """import torch

model = torch.export.load("{file}").module()
logits = model(images)  # float32 (B, {shape})""",
    "yaml": """from archsearch.arch import load_arch
from archsearch.model import build_model

model = build_model(load_arch("{file}"))""",
}
#: of files whose names are no Python names
_BY_NAME = "import importlib\n"
_CREATE = "\ncreate_model = importlib.import_module({module}).create_model"
_REGISTER = "\nimportlib.import_module({module})  # registers the model"
_EXACTNESS = {
    "python": "Logits are bit-equal to archsearch's network with the same weights.",
    "timm": "Logits and the maps of every stage are bit-equal to archsearch's network.",
    "yaml": "The file is the architecture; archsearch builds the network from it.",
}


def model_card(
    arch: Arch,
    origin: Origin,
    kind: str,
    output: Path,
    *,
    name: str = "model",
    weights: Path | None = None,
    error: float | None = None,
    fused: bool = False,
) -> str:
    """Return the card of an export as Markdown.

    Args:
        arch: the architecture.
        origin: where it comes from.
        kind: format of the export.
        output: its file.
        name: that timm knows it by.
        weights: file of the weights beside it; None for none.
        error: how far the logits of a graph are off.
        fused: the graph is fused.
    """
    parts = [
        f"# {_plain(origin.name or output.stem)}",
        _opening(arch, origin),
        _table(facts_of(arch, origin)),
        _images(arch, origin),
        _training(origin),
        _environment(origin.run.environment) if origin.run else "",
        f"## Loading\n\n```python\n{_loading(arch, kind, output, name, weights)}\n```",
        _checked(kind, error, fused),
        "## Licence\n\nThe definition was written by archsearch "
        f"{__version__} (Apache-2.0). Weights are subject to the terms of the data they were "
        "trained on.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _opening(arch: Arch, origin: Origin) -> str:
    what = f"An image classifier for {arch.image_size} x {arch.image_size} pixels"
    if origin.run is not None and origin.trial is not None:
        budget = f" within {origin.run.budget_ms:g} ms" if origin.run.budget_ms else ""
        return f"{what}, found by an architecture search{budget} on {data_name(origin.run)}."
    return f"{what}."


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"| {label} | {_plain(text.replace('|', '/'))} |" for label, text in rows]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _plain(text: str) -> str:
    """Return ``text`` in one line without what Markdown takes for HTML."""
    return " ".join(text.replace("<", "&lt;").split())


def _images(arch: Arch, origin: Origin) -> str:
    data = origin.section("data")
    text = (
        f"## Images\n\nFloat32 of shape (B, {arch.in_channels}, {arch.image_size}, "
        f"{arch.image_size}), scaled to 0..1"
    )
    if data.get("mean") and data.get("std"):
        mean, std = (", ".join(f"{value:.4f}" for value in data[key]) for key in ("mean", "std"))
        text += f", then minus the mean ({mean}) and divided by the deviation ({std})"
    for kind, (black, white) in (data.get("scale") or {}).items():
        text += f"; {kind} of more than 8 bits as bytes, {black:g} black and {white:g} white"
    classes = data.get("class_names") or []
    shown = ", ".join(_plain(str(each)) for each in classes[:20]) + (
        ", ..." if len(classes) > 20 else ""
    )
    return f"{text}." + (f" Classes in order: {shown}." if classes else "")


def _training(origin: Origin) -> str:
    recipe = origin.section("recipe")
    if not recipe or not (origin.trial or origin.training):
        return ""
    data = origin.section("data")
    epochs, seed, rest = origin.training.get("epochs", ()), origin.training.get("seed"), "."
    if origin.trial is not None:
        epochs, seed = origin.trial.curve, origin.trial.seed
        rest = (
            ", as one candidate of a search: brief training, meant for comparing architectures. "
            "Train it further before you rely on its accuracy."
        )
    images = f"{data.get('train', '?')} images" + (
        f" of {data_label(str(data['name']))}" if "name" in data else ""
    )
    text = f"## Training\n\n{len(epochs)} epochs of {images}, seed {seed}{rest}"
    rows = [(key, str(value)) for key, value in recipe.items() if not isinstance(value, Mapping)]
    rows += [
        (f"{key}.{inner}", str(value))
        for key, values in recipe.items()
        if isinstance(values, Mapping)
        for inner, value in values.items()
    ]
    return f"{text}\n\n{_table(rows)}"


def _environment(environment: Environment) -> str:
    rows = [
        (key, str(value)) for key, value in environment.model_dump().items() if value not in ("", 0)
    ]
    return f"## Machine\n\n{_table(rows)}"


def _loading(arch: Arch, kind: str, output: Path, name: str, weights: Path | None) -> str:
    module, text = output.stem, _LOADING[kind]
    if not module.isidentifier() or keyword.iskeyword(module):
        module = _quoted(module)
        text = text.replace("from {module} import create_model", _BY_NAME + _CREATE)
        text = text.replace("import {module}  # registers the model", _BY_NAME + _REGISTER)
    return text.format(
        module=module,
        file=_quoted(output.name)[1:-1],
        name=name,
        weights=f"pretrained_path={_quoted(weights.name)}" if weights else "",
        overlay=(
            f', pretrained=True, pretrained_cfg_overlay={{"file": {_quoted(weights.name)}}}'
            if weights
            else ""
        ),
        shape=f"{arch.in_channels}, {arch.image_size}, {arch.image_size}",
    )


def _quoted(text: str) -> str:
    """Return ``text`` as a Python string in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _checked(kind: str, error: float | None, fused: bool) -> str:
    if error is None:
        return f"## Checked\n\n{_EXACTNESS[kind]}"
    opset = f" Operators: opset {OPSET}." if kind == "onnx" else ""
    folded = " Batch norms are folded into convolutions." if fused else ""
    return (
        f"## Checked\n\nLogits of random images in two batch sizes are within {error:.1e} of the "
        f"network's (allowed: {FUSED_TOLERANCE if fused else TOLERANCE[kind]:g}). Any number of "
        f"images.{opset}{folded}"
    )

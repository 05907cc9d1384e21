"""A model card: description, training, measurements and loading."""

import json
import keyword
import re
from collections.abc import Mapping
from pathlib import Path

from archsearch import __version__
from archsearch.arch import Arch
from archsearch.cost.runtimes.onnx_graph import OPSET
from archsearch.data.label import data_label
from archsearch.deployment import QuantizedNetwork
from archsearch.export.description import Origin, data_name, facts_of
from archsearch.export.graph_storage import ONE_IMAGE
from archsearch.export.image_settings import Images
from archsearch.export.int8_text import int8_sentences
from archsearch.export.onnx_pt2 import FUSED_TOLERANCE, TOLERANCE
from archsearch.export.output_path import check_shared
from archsearch.record import Environment
from archsearch.record.teacher_text import teacher_facts, teacher_words
from archsearch.train import ModelFile

_LOADING = {
    "python": """from {module} import {function}

model = {function}({weights}).eval()""",
    "timm": """import timm
import {module}  # registers the model

model = timm.create_model("{name}"{overlay}).eval()
backbone = timm.create_model("{name}", features_only=True)""",
    "onnx": """import onnxruntime

session = onnxruntime.InferenceSession("{file}")
logits = session.run(["logits"], {{"images": images}})[0]  # float32 (B, {shape})
print(session.get_modelmeta().custom_metadata_map["label_names"])""",
    "openvino": """import openvino

# one image at a time; float32 layers are computed in float32 on every processor
settings = {{"INFERENCE_PRECISION_HINT": "f32"}}
network = openvino.Core().compile_model("{file}", "CPU", settings)
logits = network([images])[0]  # float32 (1, {shape})""",
    "litert": """from ai_edge_litert.interpreter import Interpreter

run = Interpreter("{file}").get_signature_runner()
logits = run(images=images)["logits"]  # one image at a time; float32 (1, {shape})""",
    "pt2": """import torch

model = torch.export.load("{file}").module()
logits = model(images)  # float32 (B, {shape})""",
    "yaml": """from archsearch.arch import load_arch
from archsearch.model import build_model

model = build_model(load_arch("{file}"))""",
}
#: of files whose names are no Python names
_BY_NAME = "import importlib\n"
_CREATE = "\n{function} = importlib.import_module({module}).{function}"
_REGISTER = "\nimportlib.import_module({module})  # registers the model"
_EXACTNESS = {
    "python": "Logits are bit-equal to archsearch's network with the same weights.",
    "timm": "Logits and the maps of every stage are bit-equal to archsearch's network.",
    "yaml": "The file is the architecture; archsearch builds the network from it.",
}
#: what a foreign Python file is: the one that was trained
_COPY = "The file is the one that was trained, byte for byte."


def card_text(
    network: Arch | ModelFile, origin: Origin, images: Images, title: str = "model"
) -> str:
    """Return the card of a network as Markdown, without what belongs to one format.

    Args:
        network: an architecture or a Python file.
        origin: where it comes from.
        images: the images that it expects.
        title: where the origin has no name.
    """
    parts = [
        f"# {_plain(origin.name or title)}",
        _opening(network, origin),
        _table(facts_of(network, origin)),
        images_text(images) + _deep_text(origin),
        _training(origin),
        _environment(origin.run.environment) if origin.run else "",
        "## Licence\n\nThe definition was written by archsearch "
        f"{__version__} (Apache-2.0). Weights are subject to the terms of the data they were "
        "trained on.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def with_part(
    path: Path,
    card: str,
    network: Arch | ModelFile,
    kind: str,
    output: Path,
    name: str,
    weights: Path | None,
    error: float | None,
    *,
    fused: bool = False,
    quantized: QuantizedNetwork | None = None,
) -> str:
    """Return a card with how to load ``output``, and the other formats that ``path`` has.

    Args:
        path: of the card; it may be there.
        card: `card_text` of the network.
        network: an architecture or a Python file.
        kind: format of the export.
        output: its file.
        name: that timm knows it by.
        weights: file of the weights beside it; None for none.
        error: how far the logits of a graph are off.
        fused: the graph is fused.
        quantized: what int8 did to its predictions; None in float.
    """
    parts = _parts(path) if path.is_file() and _common(path) == card else {}
    loading = f"```python\n{_loading(network, kind, output, name, weights)}\n```"
    if quantized is not None:
        checked = " ".join(int8_sentences(quantized))
    elif isinstance(network, Arch) or error:
        checked = _checked(kind, error, fused)
    else:
        checked = _COPY
    parts[_plain(output.name)] = f"{loading}\n\n{checked}"
    texts = [f"## Loading {file}\n\n{text}\n" for file, text in sorted(parts.items())]
    return "\n".join([card, *texts])


def check_card(path: Path, card: str, *, force: bool) -> None:
    """Check that a card may be written: none is there, or one of the same network.

    Raises:
        InputError: another file is there and ``force`` is off, or it cannot be written.
    """
    same = path.is_file() and _common(path) == card
    check_shared(path, path.read_bytes() if same else card.encode(), force=force)


def own_card(network: Arch | ModelFile, path: Path) -> str:
    """Return the card that already describes a Python file, where it lies beside it; or empty."""
    if not isinstance(network, ModelFile) or network.path.with_suffix(".md") != path:
        return ""
    return _common(path) if path.is_file() and network.path.name in _parts(path) else ""


def _common(path: Path) -> str:
    return _split(path)[0].rstrip("\n") + "\n"


def _parts(path: Path) -> dict[str, str]:
    _, *rest = _split(path)
    return {rest[i]: rest[i + 1].strip("\n") for i in range(0, len(rest), 2)}


def _split(path: Path) -> list[str]:
    """Return what is common to all formats, then file names and their parts in turn."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return re.split(r"^## Loading (.+)\n", text, flags=re.MULTILINE)


def _opening(network: Arch | ModelFile, origin: Origin) -> str:
    channels, height, width = network.input_shape
    what = f"An image classifier for {height} x {width} pixels"
    if channels not in (1, 3):
        what += f" of {channels} channels"
    if origin.run is not None and origin.trial is not None:
        budget = f" within {origin.run.budget_ms:g} ms" if origin.run.budget_ms else ""
        data = _plain(data_name(origin.run))
        return f"{what}, found by an architecture search{budget} on {data}."
    return f"{what}."


def _table(rows: list[tuple[str, str]]) -> str:
    lines = [f"| {label} | {_plain(text.replace('|', '/'))} |" for label, text in rows]
    return "\n".join(["| | |", "| --- | --- |", *lines])


def _plain(text: str) -> str:
    """Return ``text`` in one line without what Markdown takes for HTML."""
    return " ".join(text.replace("<", "&lt;").split())


def images_text(images: Images) -> str:
    """Return how a picture becomes an input, and the classes, as Markdown."""
    channels, height, width = images.input_size
    down, across = (round(side / images.crop_pct) for side in (height, width))
    scaled = f"the shorter edge has {down} pixels"
    if height != width:
        scaled = f"it just covers {down} x {across} pixels"
    mean, std = (", ".join(f"{value:.4f}" for value in each) for each in (images.mean, images.std))
    text = (
        f"## Images\n\nFloat32 of shape (B, {channels}, {height}, {width}): scaled so that "
        f"{scaled} ({images.interpolation}), the centre cut out, values "
        f"scaled to 0..1, then minus the mean ({mean}) and divided by the deviation ({std})."
    )
    if channels not in (1, 3):
        text += " The channels are those of the image file, in its order."
    names = images.class_names
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return text + (f" Classes in order: {_plain(shown)}." if names else "")


def _deep_text(origin: Origin) -> str:
    """Return how images with more than 8 bits became bytes; empty where there were none."""
    scale = origin.section("data").get("scale") or {}
    return "".join(
        f" Of images with more than 8 bits a channel, {black:g} became black and {white:g} white "
        f"({kind})."
        for kind, (black, white) in scale.items()
    )


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
    plural = "" if len(epochs) == 1 else "s"
    text = f"## Training\n\n{len(epochs)} epoch{plural} of {images}, seed {seed}{rest}"
    if teacher := teacher_words(recipe):
        text += (
            f" It learned from a teacher too, {_plain(teacher)}: {_plain(teacher_facts(recipe))}. "
            "The teacher is not needed to use it; its licence may bind what was learned from it."
        )
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


def _loading(
    network: Arch | ModelFile, kind: str, output: Path, name: str, weights: Path | None
) -> str:
    function, arguments = "create_model", []
    if isinstance(network, ModelFile):
        function = network.function
        arguments.append(f"num_classes={network.num_classes}")
    if weights:
        arguments.append(f"pretrained_path={_quoted(weights.name)}")
    module, text = output.stem, _LOADING[kind]
    if not module.isidentifier() or keyword.iskeyword(module):
        module = _quoted(module)
        text = text.replace("from {module} import {function}", _BY_NAME + _CREATE)
        text = text.replace("import {module}  # registers the model", _BY_NAME + _REGISTER)
    return text.format(
        module=module,
        file=_quoted(output.name)[1:-1],
        name=name,
        function=function,
        weights=", ".join(arguments),
        overlay=(
            f', pretrained=True, pretrained_cfg_overlay={{"file": {_quoted(weights.name)}}}'
            if weights
            else ""
        ),
        shape=", ".join(map(str, network.input_shape)),
    )


def _quoted(text: str) -> str:
    """Return ``text`` as a Python string in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def _checked(kind: str, error: float | None, fused: bool) -> str:
    if error is None:
        return _EXACTNESS[kind]
    opset = f" Operators: opset {OPSET}." if kind == "onnx" else ""
    number = "One image at a time." if kind in ONE_IMAGE else "Any number of images."
    folded = " Batch norms are folded into convolutions." if fused else ""
    return (
        f"Logits of random images in two batch sizes are within {error:.1e} of the "
        f"network's (allowed: {FUSED_TOLERANCE if fused else TOLERANCE[kind]:g}). {number}"
        f"{opset}{folded}"
    )

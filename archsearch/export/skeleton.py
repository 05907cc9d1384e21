"""What stands around the classes of the library in an exported file, ahead of specialisation."""

import ast
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archsearch.arch import Arch
from archsearch.export.construction import Construction
from archsearch.export.skeleton_options import OPTIONS, options_words
from archsearch.export.source import parse_with_comments
from archsearch.model.network import timm_config

#: where images may have any size, timm's data code learns which one was asked for
_NOTE_SIZE = """if img_size is not None:
        side = img_size if isinstance(img_size, int) else img_size[0]
        model.pretrained_cfg["input_size"] = (model.in_chans, side, side)"""

#: name of the network's class
ROOT = "VisionTransformer"


@dataclass(frozen=True)
class Skeleton:
    """A template of the network's class and of what follows it.

    In both, words in braces are filled in. In the class, ``STEM``, ``STAGES`` and ``HEAD`` stand
    for the constructor calls; its constructor has ``num_classes`` and may have ``in_chans``.

    Attributes:
        network: the class.
        tail: what follows it.
        imports: names that it uses beyond the library's, with their imports.
        public: methods of the class that others call.
        joins_stages: stages that only hand a map on may be one ``nn.Sequential``.
        recomputes: stages may be computed again in the backward pass in place of being kept.
    """

    network: str
    tail: str
    imports: Mapping[str, str] = field(default_factory=dict)
    public: frozenset[str] = frozenset()
    joins_stages: bool = False
    recomputes: bool = False


@dataclass(frozen=True)
class Filling:
    """What the words in braces stand for.

    Attributes:
        arch: the architecture, in canonical form.
        construction: how its network is made.
        any_size: images may have any size.
        carries_tokens: some maps have extra tokens beside them.
        name: of the model, a Python identifier.
        images: timm's configuration entries of the training images; empty for ImageNet's.
    """

    arch: Arch
    construction: Construction
    any_size: bool
    carries_tokens: bool
    name: str
    images: Mapping[str, Any]

    def words(self) -> dict[str, object]:
        """Return each word in braces with its text."""
        arch, network = self.arch, self.construction.network
        reads_tokens = arch.head.pooling != "mean" and network.stages[-1].tokens is not None
        config = timm_config(arch) | {"fixed_input_size": not self.any_size}
        config |= self.images
        del config["architecture"]
        return {
            "name": self.name,
            "in_channels": arch.in_channels,
            "num_classes": arch.num_classes,
            "num_features": network.num_features,
            "head_hidden_size": network.head_hidden_size,
            "width": arch.stages[-1].width,
            "size": arch.image_size,
            "side": arch.map_sizes[-1],
            "feature_info": network.feature_info,
            "out_indices": tuple(range(len(arch.stages))),
            "config": config,
            **options_words(arch, any_size=self.any_size),
            "layout": _layout(self.carries_tokens),
            "features": "tuple[Tensor, Tensor | None]" if reads_tokens else "Tensor",
            "result": "x, tokens" if reads_tokens else "x",
            "last_map": "features[0]" if reads_tokens else "features",
            "note_size": _NOTE_SIZE if self.any_size else "",
            "unpacked": "*features" if reads_tokens else "features, None",
            "and_tokens": " and the extra tokens" if reads_tokens else "",
        }


def network_class(skeleton: Skeleton, filling: Filling) -> ast.ClassDef:
    """Return the network's class; every constructor call in it is written out."""
    text = skeleton.network.format(**filling.words())
    if filling.any_size:
        text = _without_size_check(text)
    node = parse_with_comments(text.strip()).body[0]
    construction, network = filling.construction, filling.construction.network
    stem, head = construction.expression(network.stem), construction.expression(network.head)
    assert isinstance(stem, ast.Call)
    assert isinstance(head, ast.Call)
    head.args[1] = ast.Name("num_classes", ast.Load())
    if "in_chans" in text:
        stem.args[0] = ast.Name("in_chans", ast.Load())
    stages: list[ast.expr] = [construction.expression(stage) for stage in network.stages]
    parts = {"STEM": stem, "STAGES": ast.List(stages, ast.Load()), "HEAD": head}
    filled = _Fill(parts).visit(node)
    assert isinstance(filled, ast.ClassDef)
    return filled


def tail_of(skeleton: Skeleton, filling: Filling) -> list[ast.stmt]:
    """Return what follows the network's class."""
    words = filling.words()
    text = "\n\n".join(part.format(**words).strip() for part in (OPTIONS, skeleton.tail))
    return parse_with_comments(text + "\n").body


def _without_size_check(text: str) -> str:
    text = re.sub(r"        if x.shape.*?\n.*?raise.*?\n", "", text)
    text = re.sub(r"(last map ``\(B, \d+), \d+, \d+\)", r"\1, h, w)", text)
    return re.sub(r"(head: ``\(B, \d+), \d+, \d+\)", r"\1, H, W)", text)


def _layout(carries_tokens: bool) -> str:
    text = (
        "Between stages a map is ``(B, C, H, W)`` in channels-last memory; inside, blocks see its "
        "view ``(B, H, W, C)``"
    )
    text += ", and extra tokens ``(B, T, C)`` beside it" if carries_tokens else ""
    text += ". Without classes (0) it returns pooled features."
    return textwrap.indent(textwrap.fill(text, 95), "    ")


class _Fill(ast.NodeTransformer):
    def __init__(self, parts: dict[str, ast.expr]) -> None:
        self._parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._parts.get(node.id, node)

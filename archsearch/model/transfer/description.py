"""A network as its parts: where they are, of which kind, and the layout of every tensor."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from torch import nn

from archsearch.arch.block_file import MODULES
from archsearch.model.transfer.block_layouts import (
    LAYOUTS,
    PLACES,
    classifier_layouts,
    stem_layouts,
)
from archsearch.model.transfer.layer_layouts import Layouts
from archsearch.model.transfer.tensor_layout import RULES, Dim, Layout

#: classes that are no parts, but hold some
_HOLDERS = {
    "Network",
    "VisionTransformer",
    "TimmVisionTransformer",
    "Stage",
    "TransformerBlock",
    "Head",
    "ModuleList",
    "ModuleDict",
    "Identity",
}
#: of descriptions in files; others are not read
_VERSION = 1

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Part:
    """A part of a network.

    Attributes:
        kind: class of its module, and after a comma what makes two of a class no match.
        layouts: by name inside the part.
        shapes: the same of the tensors as they are stored.
        is_whole: it is taken as a whole, or not at all: nobody knows what its dimensions count.
    """

    kind: str
    layouts: Mapping[str, Layout]
    shapes: Mapping[str, Shape]
    is_whole: bool = False


@dataclass(frozen=True)
class Description:
    """The parts of a network.

    Attributes:
        parts: by path, as ``stages.1.blocks.0.attention``.
        parameters: names of the tensors that are parameters.
        class_names: of the classifier, as far as they are known.
    """

    parts: Mapping[str, Part]
    parameters: frozenset[str]
    class_names: tuple[str, ...] = ()
    _tensors: dict[str, tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        tensors = {
            _joined(path, name): (path, name)
            for path, part in self.parts.items()
            for name in part.layouts
        }
        object.__setattr__(self, "_tensors", tensors)

    @property
    def tensors(self) -> Mapping[str, tuple[str, str]]:
        """Part and name inside it of every tensor, by the name in the whole network."""
        return self._tensors

    def layout(self, name: str) -> Layout:
        """Return the layout of a tensor."""
        path, inside = self._tensors[name]
        return self.parts[path].layouts[inside]

    def shape(self, name: str) -> Shape:
        """Return the shape of a tensor."""
        path, inside = self._tensors[name]
        return self.parts[path].shapes[inside]

    def to_plain(self) -> dict[str, Any]:
        """Return plain data that `from_plain` reads back."""
        dims: dict[Dim, int] = {}
        parts = {
            path: [
                part.kind,
                int(part.is_whole),
                {
                    name: [
                        list(part.shapes[name]),
                        [dims.setdefault(each, len(dims)) for each in layout],
                    ]
                    for name, layout in part.layouts.items()
                },
            ]
            for path, part in self.parts.items()
        }
        fixed = sorted(set(self._tensors) - self.parameters)
        return {
            "version": _VERSION,
            "dims": [[each.size, each.name, each.rule] for each in dims],
            "parts": parts,
            "buffers": fixed,
            "class_names": list(self.class_names),
        }

    @classmethod
    def from_plain(cls, data: Any) -> "Description":
        """Read what `to_plain` returned.

        Raises:
            ValueError: it is something else, or of another version.
        """
        try:
            if data["version"] != _VERSION:
                raise ValueError(f"version {data['version']}")
            dims = [_dim(*each) for each in data["dims"]]
            parts = {
                str(path): Part(
                    str(kind),
                    {name: tuple(dims[at] for at in layout) for name, (_, layout) in own.items()},
                    {name: tuple(map(int, shape)) for name, (shape, _) in own.items()},
                    bool(is_whole),
                )
                for path, (kind, is_whole, own) in data["parts"].items()
            }
            found = cls(parts, frozenset(), tuple(map(str, data["class_names"])))
            return cls(parts, frozenset(found.tensors) - set(data["buffers"]), found.class_names)
        except (TypeError, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"no description: {error!r}") from None


def _dim(size: object, name: object, rule: object) -> Dim:
    if rule not in RULES or not isinstance(size, int) or size < 0:
        raise ValueError(f"no dimension: {size!r} {rule!r}")
    return Dim(size, str(name), RULES[RULES.index(rule)])


def describe(model: nn.Module, class_names: Sequence[str] = ()) -> Description:
    """Describe a network.

    Args:
        model: built from an `Arch`, or by an exported file; it may lie on the meta device. Of any
            other module, what is known is that it is what it is: all of it is one part.
        class_names: of its classifier, as far as they are known.
    """
    parts: dict[str, Part] = {}
    for path, module, layouts in _parts(model, "", False):
        own = {
            name: tuple(value.shape)
            for name, value in module.state_dict().items()
            if not any(_joined(path, name).startswith(f"{inner}.") for inner in parts)
        }
        if not own:
            continue
        if layouts is None or not _says(layouts, own):
            sizes = {name: _sizes(shape) for name, shape in own.items()}
            parts[path] = Part(_kind(module), sizes, own, is_whole=True)
        else:
            parts[path] = Part(_kind(module), {name: layouts[name] for name in own}, own)
    order = {name: at for at, name in enumerate(model.state_dict())}
    parts = dict(sorted(parts.items(), key=lambda each: _first(each, order)))
    parameters = frozenset(name for name, _ in model.named_parameters())
    return Description(parts, parameters, tuple(class_names))


def _says(layouts: Layouts, shapes: Mapping[str, Shape]) -> bool:
    """Tell whether layouts are those of tensors of these shapes."""
    return all(
        name in layouts and prod(each.size for each in layouts[name]) == prod(shape)
        for name, shape in shapes.items()
    )


def _first(part: tuple[str, Part], order: Mapping[str, int]) -> int:
    return min(order[_joined(part[0], name)] for name in part[1].layouts)


def _sizes(shape: Shape) -> Layout:
    return tuple(Dim(size, f"values along dimension {at}") for at, size in enumerate(shape))


def _parts(
    module: nn.Module, path: str, has_neck: bool
) -> Iterator[tuple[str, nn.Module, Layouts | None]]:
    """Yield path, module and layouts of every part; inner parts come before outer ones."""
    name = type(module).__name__
    if path == "head.classifier" and isinstance(module, nn.Linear):
        yield path, module, classifier_layouts(module, has_neck)
        return
    if path in PLACES and name != "Identity":
        yield path, module, PLACES[path](module)
        return
    layouts = _known_layouts(module, path)
    if layouts is None and (name not in _HOLDERS or _is_from_block_file(module)):
        yield path, module, None
        return
    neck = getattr(module, "neck", None)
    has_neck = neck is not None and bool(list(neck.children()))
    for child, inner in module.named_children():
        below = _joined(path, child)
        # a known part is described as a whole, but for what is a part by itself
        if layouts is None or type(inner).__name__ in LAYOUTS or _is_foreign(inner):
            yield from _parts(inner, below, has_neck)
    if layouts is not None:
        yield path, module, layouts


def _known_layouts(module: nn.Module, path: str) -> Layouts | None:
    """Return the layouts of a module of the block library; None for any other."""
    if _is_from_block_file(module):
        return None
    if path == "stem":
        return stem_layouts(module)
    made = LAYOUTS.get(type(module).__name__)
    return None if made is None else made(module)


def _is_from_block_file(module: nn.Module) -> bool:
    """Tell whether the class comes from a user's file of blocks, whatever its name."""
    return type(module).__module__.startswith(MODULES)


def _is_foreign(module: nn.Module) -> bool:
    """Tell whether a module inside a known part is of a class that neither torch nor we have."""
    home = type(module).__module__
    if _is_from_block_file(module):
        return True
    known = (*_HOLDERS, *LAYOUTS, "RelativeBias", "PerformerAttention", "LocalPropagation")
    is_known = type(module).__name__ in (*known, "OneDnnLinear", "OneDnnPointwise", "DropPath")
    return not home.startswith("torch.") and not is_known


def _kind(module: nn.Module) -> str:
    name = type(module).__name__
    if isinstance(module, nn.Linear):  # whatever computes it
        return "Linear"
    if _is_from_block_file(module):
        # the name of the module has a digest of the file
        return f"{name},{type(module).__module__}"
    if name == "PatchEmbedding":
        made: Any = module
        return f"{name},kernel {made.kernel_size} stride {made.patch_size}"
    if name == "LearnedPosition" and not next(module.parameters()).requires_grad:
        return f"{name},fixed"
    return name


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name

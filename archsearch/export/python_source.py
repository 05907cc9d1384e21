"""An architecture as the text of one Python file.

The classes of its blocks stand in the file as they stand in archsearch and in users' files, with
all that they use; a function written for the network calls their constructors.
"""

from collections.abc import Mapping
from typing import Any

from archsearch.arch import Arch
from archsearch.export.construction import Construction, modules_of, quoted
from archsearch.export.source_collection import Library
from archsearch.export.weight_layout import Expression, Group, laid_out, prefixed
from archsearch.model.network import timm_config

_TEMPLATE = "archsearch.export.template"
_NETWORK = f"{_TEMPLATE}.network"
#: the class of the network by the kind of file
_CLASSES = {
    "python": ("archsearch.model.vision_transformer", "VisionTransformer"),
    "timm": ("archsearch.model.timm_interface", "TimmVisionTransformer"),
}
#: the part of the file that is written for its network; see `archsearch.export.template.network`
_MODULE = '''
from typing import Any

from torch import nn

from archsearch.blocks.initialization import initialize
from archsearch.model.timm_interface import TimmVisionTransformer
from archsearch.model.vision_transformer import VisionTransformer
{imports}

#: the images that the network expects, in timm's terms
{config}

NUM_STAGES = {num_stages}

#: FFNs without stochastic depth
{without_drop_path}


def build_network(num_classes: int, in_chans: int) -> VisionTransformer:
    """Return the network with its initial weights."""
    model = {network}
    model.apply(initialize)
    return model
'''
#: what registers a model with timm
_TIMM = '''
from typing import Any

from timm.models import generate_default_cfgs, register_model

from archsearch.export.template.network import CONFIG
from archsearch.export.template.timm_model import build_for_timm
from archsearch.model.vision_transformer import VisionTransformer

default_cfgs = generate_default_cfgs({{"{name}.archsearch": CONFIG}})


@register_model
def {name}(pretrained: bool = False, **kwargs: Any) -> VisionTransformer:
    """Build the network for ``timm.create_model("{name}")``."""
    return build_for_timm("{name}", pretrained, **kwargs)
'''


def network_source(
    arch: Arch,
    docstring: str,
    *,
    any_size: bool = False,
    kind: str = "python",
    name: str = "model",
    images: Mapping[str, Any] | None = None,
) -> str:
    """Return the file; ``docstring`` goes to its top.

    Args:
        arch: the architecture.
        docstring: of the file.
        any_size: take images of any size, not only of the architecture's.
        kind: ``python``, or ``timm`` for a file that registers a model.
        name: of the registered model, a Python identifier.
        images: timm's configuration entries of the training images; None for ImageNet's.

    Raises:
        ExportError: a block was made in a way that a file cannot hold.
    """
    arch = arch.canonical()
    construction = Construction(arch)
    whole = _CLASSES[kind]
    texts = {_NETWORK: _network_module(construction, whole[1], any_size, images or {})}
    # in the order of the file: parts ahead of the wholes
    roots = [(_NETWORK, "CONFIG"), *construction.imports.values(), whole]
    roots.append((_NETWORK, "build_network"))
    if kind == "timm":
        texts["registration"] = _TIMM.format(name=name)
        roots += [("registration", "default_cfgs"), ("registration", name)]
    else:
        roots.append((f"{_TEMPLATE}.plain", "create_model"))
    homes = frozenset(module.__name__ for module in modules_of(arch))
    end = "\n" if "\n" in docstring else ""
    return f'"""{docstring}{end}"""\n\n{Library(texts, homes).text(roots)}'


def _network_module(
    construction: Construction, whole: str, any_size: bool, images: Mapping[str, Any]
) -> str:
    network = construction.network
    arch = network.arch
    config = timm_config(arch) | {"fixed_input_size": not any_size, **images}
    del config["architecture"]
    stages: list[Expression] = [construction.expression(stage) for stage in network.stages]
    parts = [
        construction.expression(network.stem, {"in_channels": "in_chans"}),
        Group("[", stages, "]"),
        construction.expression(network.head, {"num_classes": "num_classes"}),
        "num_classes=num_classes",
        "in_chans=in_chans",
        prefixed("feature_info=", _constant(network.feature_info)),
    ]
    if not any_size:
        parts.append(prefixed("fixed_size=", _constant(arch.image_size)))
    kept = _keep_their_path(construction)
    imports = [
        f"from {module} import {found}" + (f" as {local}" if local != found else "")
        for local, (module, found) in construction.imports.items()
    ]
    ffns = Group("(", kept, ",)" if len(kept) == 1 else ")")
    return _MODULE.format(
        imports="\n".join(imports),
        config=laid_out(prefixed("CONFIG: dict[str, Any] = ", _constant(config))),
        num_stages=len(stages),
        without_drop_path=laid_out(
            prefixed("WITHOUT_DROP_PATH: tuple[type[nn.Module], ...] = ", ffns)
        ),
        network=laid_out(Group(f"{whole}(", parts, ")"), depth=1).lstrip(),
    )


def _keep_their_path(construction: Construction) -> list[str]:
    """Return the classes of FFNs whose update stochastic depth never drops."""
    network, found = construction.network, []
    for index, stage in enumerate(network.arch.stages):
        for number, block in enumerate(stage.pattern):
            if not block.ffn.drops_path:
                ffn = network.get_submodule(f"stages.{index}.blocks.{number}.ffn")
                found.append(construction.class_name(ffn))
    return list(dict.fromkeys(found))


def _constant(value: Any) -> Expression:
    """Return a constant, nested in any way, as an expression."""
    if isinstance(value, dict):
        entries = [prefixed(f"{quoted(key)}: ", _constant(each)) for key, each in value.items()]
        return Group("{", entries, "}")
    if isinstance(value, list):
        return Group("[", [_constant(each) for each in value], "]")
    if isinstance(value, tuple):
        items = [_constant(each) for each in value]
        return Group("(", items, ",)" if len(items) == 1 else ")")
    return quoted(value)

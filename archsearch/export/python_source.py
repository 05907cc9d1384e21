"""An architecture as the text of one Python file."""

from collections.abc import Mapping
from typing import Any

from archsearch.arch import Arch
from archsearch.export.branches import decide_branches
from archsearch.export.chain import chain_stages, recompute_stages
from archsearch.export.compact import compact, fold_repeats
from archsearch.export.construction import Construction, modules_of
from archsearch.export.join import join_lines
from archsearch.export.observation import observe
from archsearch.export.program import (
    Definition,
    import_lines,
    library,
    names_in,
    with_modules,
)
from archsearch.export.prose import shorten_docstrings
from archsearch.export.skeleton import ROOT, Filling, Skeleton, network_class, tail_of
from archsearch.export.skeleton_torch import PLAIN
from archsearch.export.source import emit, format_source
from archsearch.export.specialize import specialize


def python_source(
    arch: Arch,
    docstring: str,
    *,
    any_size: bool = False,
    skeleton: Skeleton = PLAIN,
    name: str = "model",
    images: Mapping[str, Any] | None = None,
) -> str:
    """Return the file; ``docstring`` goes to its top.

    Args:
        arch: the architecture.
        docstring: of the file.
        any_size: keep what images of another size than the architecture's need.
        skeleton: what stands around the classes of the library.
        name: of the model, a Python identifier.
        images: timm's configuration entries of the training images; None for ImageNet's.
    """
    arch = arch.canonical()
    modules = modules_of(arch)
    construction = Construction(arch, modules)
    seen = observe(construction.network, ROOT, modules)
    filling = Filling(arch, construction, any_size, seen.carries_tokens, name, images or {})
    program = library()
    imports = {**with_modules(program, modules), **skeleton.imports}
    program[ROOT] = network_class(skeleton, filling)
    fold_repeats(program[ROOT])
    program = specialize(program, ROOT, seen, skeleton.public)
    if not any_size:
        shape = (arch.in_channels, arch.image_size, arch.image_size)
        decide_branches(program, ROOT, shape, imports)
        program = specialize(program, ROOT, seen, skeleton.public)
    compact(program, ROOT)
    if skeleton.joins_stages:
        chain_stages(program[ROOT])
    if skeleton.recomputes:
        recompute_stages(program[ROOT])
    join_lines(program)
    for node in program.values():
        shorten_docstrings(node, carries_tokens=seen.carries_tokens, keep=ROOT)
    definitions: list[Definition] = [*program.values(), *tail_of(skeleton, filling)]
    return format_source(_assemble(docstring, definitions, imports))


def _assemble(docstring: str, definitions: list[Definition], imports: Mapping[str, str]) -> str:
    read = {name for node in definitions for name in names_in(node)}
    lines = dict.fromkeys([*import_lines(read), *imports.values()])
    head = [f'"""{docstring}\n"""', "\n".join(lines)]
    blocks = ["\n".join(emit([node])) for node in definitions]
    return "\n\n\n".join([*head, *blocks]) + "\n"

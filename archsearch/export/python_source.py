"""An architecture as the text of one Python file that needs torch alone."""

import ast
import re
import textwrap

from archsearch.arch import Arch
from archsearch.export.compact import compact
from archsearch.export.construction import Construction
from archsearch.export.observation import observe
from archsearch.export.program import Definition, Program, library, names_in
from archsearch.export.prose import shorten_docstrings
from archsearch.export.skeleton import CREATE_MODEL, ROOT, network_class
from archsearch.export.source import emit, format_source, parse_with_comments
from archsearch.export.specialize import specialize

_IMPORTS = {
    "json": "import json",
    "math": "import math",
    "Sequence": "from collections.abc import Sequence",
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
    "Tensor": "from torch import Tensor",
    "nn": "from torch import nn",
}


def python_source(arch: Arch, docstring: str) -> str:
    """Return the file; ``docstring`` goes to its top."""
    arch = arch.canonical()
    construction = Construction(arch)
    seen = observe(construction.network, ROOT)
    program: Program = dict(library())
    program[ROOT] = network_class(arch, construction)
    program = specialize(program, ROOT, seen)
    compact(program, ROOT)
    for node in program.values():
        shorten_docstrings(node, carries_tokens=seen.carries_tokens, root=ROOT)
    tail = parse_with_comments(CREATE_MODEL.format(num_classes=arch.num_classes)).body
    definitions: list[Definition] = [*program.values(), *reversed(tail)]  # type: ignore[list-item]
    return format_source(_assemble(docstring, definitions))


def _assemble(docstring: str, definitions: list[Definition]) -> str:
    read = {name for node in definitions for name in names_in(node)}
    unknown = read - set(_IMPORTS) - {_name(node) for node in definitions}
    imports = [line for name, line in _IMPORTS.items() if name in read]
    blocks = ["\n".join(emit([node])) for node in definitions]
    text = f'"""{docstring}\n"""\n\n' + "\n".join(imports) + "\n\n\n" + "\n\n\n".join(blocks) + "\n"
    assert unknown is not None
    return re.sub(r"[ \t]+\n", "\n", textwrap.dedent(text))


def _name(node: Definition) -> str:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return node.name

"""An architecture as the text of one Python file that needs torch alone."""

from archsearch.arch import Arch
from archsearch.export.branches import decide_branches
from archsearch.export.compact import compact, fold_repeats
from archsearch.export.construction import Construction
from archsearch.export.join import join_lines
from archsearch.export.observation import observe
from archsearch.export.program import Definition, import_lines, library, names_in
from archsearch.export.prose import shorten_docstrings
from archsearch.export.skeleton import CREATE_MODEL, ROOT, network_class
from archsearch.export.source import emit, format_source, parse_with_comments
from archsearch.export.specialize import specialize


def python_source(arch: Arch, docstring: str, *, any_size: bool = False) -> str:
    """Return the file; ``docstring`` goes to its top.

    Args:
        arch: the architecture.
        docstring: of the file.
        any_size: keep what images of another size than the architecture's need.
    """
    arch = arch.canonical()
    construction = Construction(arch)
    seen = observe(construction.network, ROOT)
    program = library()
    program[ROOT] = network_class(
        arch, construction, any_size=any_size, carries_tokens=seen.carries_tokens
    )
    fold_repeats(program[ROOT])
    program = specialize(program, ROOT, seen)
    if not any_size:
        decide_branches(program, ROOT, (arch.in_channels, arch.image_size, arch.image_size))
        program = specialize(program, ROOT, seen)
    compact(program, ROOT)
    join_lines(program)
    for node in program.values():
        shorten_docstrings(node, carries_tokens=seen.carries_tokens, keep=ROOT)
    tail = parse_with_comments(CREATE_MODEL.format(num_classes=arch.num_classes)).body
    definitions: list[Definition] = [*program.values(), *reversed(tail)]  # type: ignore[list-item]
    return format_source(_assemble(docstring, definitions))


def _assemble(docstring: str, definitions: list[Definition]) -> str:
    read = {name for node in definitions for name in names_in(node)}
    head = [f'"""{docstring}\n"""', "\n".join(import_lines(read))]
    blocks = ["\n".join(emit([node])) for node in definitions]
    return "\n\n\n".join([*head, *blocks]) + "\n"

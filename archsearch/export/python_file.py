"""Export an architecture as one Python file, or as YAML."""

from pathlib import Path

from archsearch.arch import Arch, keep_sources
from archsearch.export.description import Origin, facts_of, module_docstring
from archsearch.export.image_settings import images_of
from archsearch.export.output_path import check_target
from archsearch.export.proof import prove_python
from archsearch.export.python_source import network_source
from archsearch.files import write_text
from archsearch.record import RunRecord, TrialRecord


def export_python(
    arch: Arch,
    output: str | Path | None = None,
    *,
    force: bool = False,
    any_size: bool = False,
    run: RunRecord | None = None,
    trial: TrialRecord | None = None,
    name: str = "",
) -> str:
    """Write ``arch`` as one readable Python file that needs PyTorch alone; return its text.

    The file holds the classes that this network uses, as they stand, and ``create_model``. Before
    it is written it is run in a fresh process that cannot import archsearch: with the same weights
    its logits must be bit-equal, and parameters and MACs equal.

    Args:
        arch: the architecture.
        output: file; None writes none.
        force: replace an existing file.
        any_size: take images of any size, not only of the architecture's.
        run: the run that found it, for the docstring.
        trial: its trial in that run.
        name: name of a published model, for the docstring.

    Raises:
        InputError: the file exists and ``force`` is off, or it cannot be written.
        ExportError: the file does not compute the same; nothing is written.
    """
    path = None if output is None else Path(output)
    check_target(path, force=force)
    text = python_text(arch, Origin(run, trial, name), "python", "model", any_size=any_size)
    if path is not None:
        write_text(path, text)
    return text


def export_yaml(
    arch: Arch,
    output: str | Path | None = None,
    *,
    force: bool = False,
    run: RunRecord | None = None,
    trial: TrialRecord | None = None,
    name: str = "",
) -> str:
    """Write ``arch`` as YAML that `archsearch.arch.load_arch` reads; return its text.

    What is known about it stands ahead of it in comments. Arguments and errors are those of
    `export_python`.
    """
    path = None if output is None else Path(output)
    check_target(path, force=force)
    text = yaml_text(arch, Origin(run, trial, name))
    if path is not None:
        write_text(path, text)
        keep_sources(arch.to_dict(), path.parent)
    return text


def python_text(arch: Arch, origin: Origin, kind: str, name: str, *, any_size: bool = False) -> str:
    """Return the text of a Python file, proved; ``kind`` is ``python`` or ``timm``.

    Raises:
        ExportError: the file does not compute the same.
    """
    docstring = module_docstring(arch, origin, timm_name=name if kind == "timm" else "")
    text = network_source(
        arch,
        docstring,
        any_size=any_size,
        kind=kind,
        name=name,
        images=images_of(arch, origin).config() if origin.normalization else {},
    )
    prove_python([(arch, text)], kind, name)
    return text


def yaml_text(arch: Arch, origin: Origin) -> str:
    """Return an architecture as YAML, with what is known about it in comments."""
    facts = facts_of(arch, origin)
    column = max(len(label) for label, _ in facts) + 2
    comments = "\n".join(f"# {label:<{column}}{text}" for label, text in facts)
    return f"{comments}\n{arch.to_yaml()}"

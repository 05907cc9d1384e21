"""Export an architecture as one Python file, or as YAML."""

from pathlib import Path

from archsearch.arch import Arch
from archsearch.export.description import Origin, facts_of, module_docstring
from archsearch.export.proof import prove_python
from archsearch.export.python_source import python_source
from archsearch.export.target import check_target, write_target
from archsearch.record import RunRecord, TrialRecord


def export_python(
    arch: Arch,
    output: str | Path | None = None,
    *,
    force: bool = False,
    run: RunRecord | None = None,
    trial: TrialRecord | None = None,
    name: str = "",
) -> str:
    """Write ``arch`` as one readable Python file that needs PyTorch alone; return its text.

    The file holds the classes that this network uses, written for it, and ``create_model``. Before
    it is written it is run in a fresh process that cannot import archsearch: with the same weights
    its logits must be bit-equal, and parameters and MACs equal.

    Args:
        arch: the architecture.
        output: file; None writes none.
        force: replace an existing file.
        run: the run that found it, for the docstring.
        trial: its trial in that run.
        name: name of a published model, for the docstring.

    Raises:
        InputError: the file exists and ``force`` is off, or it cannot be written.
        ExportError: the file does not compute the same; nothing is written.
    """
    path = None if output is None else Path(output)
    check_target(path, force=force)
    text = python_source(arch, module_docstring(arch, Origin(run, trial, name)))
    prove_python([(arch, text)])
    if path is not None:
        write_target(path, text)
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
    facts = facts_of(arch, Origin(run, trial, name))
    column = max(len(label) for label, _ in facts) + 2
    comments = "\n".join(f"# {label:<{column}}{text}" for label, text in facts)
    text = f"{comments}\n{arch.to_yaml()}"
    if path is not None:
        write_target(path, text)
    return text

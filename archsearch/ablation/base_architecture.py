"""Find the architecture that an ablation starts from."""

import ast
import re
from pathlib import Path

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import Arch, load_arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.run import load_run
from archsearch.run.run_folder import RunFolder, find_run

_DIGEST = re.compile(r"^Digest +([0-9a-f]{64})$", re.MULTILINE)
_TRIAL = re.compile(r"^Run +(?P<run>.+?), trial (?P<trial>\d+),", re.MULTILINE)


def find_arch(text: str, folder: Path, runs_dir: str | Path = "runs") -> Arch:
    """Return the architecture that ``text`` stands for.

    Args:
        text: an Arch file; ``zoo:NAME``; ``run:PATH#TRIAL``, the run by folder or name and the
            trial by number, ``best`` or ``knee``; or an exported ``model.py``, with or without
            ``:create_model``.
        folder: where relative files are looked for first; the working directory comes next.
        runs_dir: folder of all runs.

    Raises:
        InputError: there is no such thing, or it is broken.
    """
    if text.startswith("zoo:"):
        return zoo.arch(text.removeprefix("zoo:"))
    if (run := run_of(text, folder, runs_dir)) is not None:
        _, _, trial = text.partition("#")
        return choose(load_run(RunFolder(run)), trial or "best").arch
    file = text.rpartition(":")[0] if ".py:" in text else text
    path = folder / file if (folder / file).is_file() else Path(file)
    if path.suffix == ".py":
        return _exported(path, runs_dir)
    if path.suffix in (".yaml", ".yml"):
        return load_arch(path)
    remedy = nearest(text, [f"zoo:{name}" for name in zoo.names()])
    if not remedy.startswith("did"):
        remedy = "archsearch zoo lists models"
    rule = "must be an Arch file (.yaml), zoo:NAME, run:PATH#TRIAL or an exported model.py"
    raise InputError(Problem("base", rule, text, remedy))


def run_of(text: str, folder: Path, runs_dir: str | Path = "runs") -> Path | None:
    """Return the folder of the run that ``text`` names a trial of; None where it names none.

    Args: as of `find_arch`.
    """
    if not text.startswith("run:"):
        return None
    run, _, _ = text.removeprefix("run:").partition("#")
    near = folder / run
    return near if near.is_dir() else find_run(run, runs_dir).path


def _exported(path: Path, runs_dir: str | Path) -> Arch:
    """Return the architecture of an exported file, which names it by its digest.

    It is looked for in the file beside it, in the run that the file names, and in the zoo.
    """
    if not path.is_file():
        raise InputError(
            Problem("", "there is no such file", remedy="check the path", file=str(path))
        )
    try:
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(Problem("", f"must be Python ({error})", file=str(path))) from None
    found = _DIGEST.search(docstring)
    if found is None:
        rule = "must be a file that archsearch exported: its docstring has no digest"
        remedy = "give the architecture as YAML"
        raise InputError(Problem("", rule, None, remedy, file=str(path)))
    beside = path.with_suffix(".yaml")
    if beside.is_file() and (arch := load_arch(beside)).digest == found[1]:
        return arch
    named = _TRIAL.search(docstring)
    if named and (Path(runs_dir) / named["run"]).is_dir():
        for trial in load_run(named["run"], runs_dir).trials:
            if trial.digest == found[1]:
                return trial.arch
    for name in zoo.names():
        arch = zoo.arch(name)
        if arch.digest == found[1]:
            return arch
    remedy = f"export it as YAML too, to {beside.name} beside it"
    rule = "its architecture is in no file beside it, no run here and not in the zoo"
    raise InputError(Problem("", rule, found[1][:16], remedy, file=str(path)))

"""What a name on the command line of ``archsearch profile`` stands for."""

import difflib
import os
from pathlib import Path

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import load_arch
from archsearch.cost import Target
from archsearch.errors import InputError, Problem
from archsearch.files import is_file
from archsearch.run import load_run


def chosen(target: str, trial: str, runs_dir: Path) -> Target:
    """Return the network that ``target`` names.

    Args:
        target: ``zoo:NAME``, ``timm:NAME``, an Arch file, a Python file,
            ``package.module:function``, a run, or ``RUN/TRIAL``.
        trial: of a run: ``best``, ``knee`` or a number.
        runs_dir: folder of all runs.

    Raises:
        InputError: it names nothing.
    """
    if target.startswith("zoo:"):
        return zoo.arch(target.removeprefix("zoo:"))
    if target.endswith((".yaml", ".yml")):
        return load_arch(target)
    if target.endswith(".py") or (":" in target and not Path(target).is_dir()):
        return target
    run, _, last = target.rpartition("/")
    if (
        run
        and (last in ("best", "knee") or last.isdigit())
        and not (_exists(target) or _exists(runs_dir / target))
    ):
        target, trial = run, last
    try:
        return choose(load_run(target, runs_dir), trial).arch
    except InputError as error:
        if _exists(target) or _exists(runs_dir / target):
            raise
        raise InputError(_unknown(target, error)) from None


def _exists(path: str | Path) -> bool:
    # what no file system takes as a name is not there
    return is_file(path) or os.path.isdir(path)


def _unknown(target: str, error: InputError) -> Problem:
    """Say what a name may have stood for: a network of timm's or of the zoo's, or a run."""
    import timm  # takes as long as torch

    known = {name: f"zoo:{name}" for name in zoo.names()}
    known |= {name: f"timm:{name}" for name in timm.list_models() if name not in known}
    close = difflib.get_close_matches(target, known, n=3, cutoff=0.75)
    close = [target] if target in known else close
    if is_file(f"{target}.py"):
        remedy = f"did you mean {target}.py?"
    elif close:
        remedy = f"did you mean {' or '.join(known[name] for name in close)}?"
    else:
        remedy = error.problems[0].remedy or "name zoo:NAME, timm:NAME, a file or a run"
    rule = "is no run, and neither zoo:NAME, timm:NAME nor a file (.yaml, .py)"
    return Problem(target, rule, remedy=remedy)

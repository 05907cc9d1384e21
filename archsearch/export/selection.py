"""What to export: a trial of a run, an architecture file, or a model of the zoo."""

import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import Arch, load_arch
from archsearch.export.description import Origin
from archsearch.files import read_json
from archsearch.search import load_run
from archsearch.search.run_folder import find_run
from archsearch.train import TrainingFolder


@dataclass(frozen=True)
class Selection:
    """What to export.

    Attributes:
        arch: the architecture.
        origin: where it comes from.
        weights: trained weights that were kept with it; None for none.
    """

    arch: Arch
    origin: Origin
    weights: Path | None = None


def select(source: str, trial: str = "best", runs_dir: str | Path = "runs") -> Selection:
    """Find what to export.

    Args:
        source: ``zoo:NAME``, an architecture file (``.yaml``; weights of the same name beside it
            belong to it), or a run: its folder or name.
        trial: ``best``, ``knee`` or a number; for a run.
        runs_dir: folder of all runs.

    Raises:
        InputError: there is no such model, file, run or trial; or the run has no finished trial.
    """
    if source.startswith("zoo:"):
        name = source.removeprefix("zoo:")
        return Selection(zoo.arch(name), Origin(name=name))
    if source.endswith((".yaml", ".yml")):
        beside = Path(source).with_suffix(".safetensors")
        origin = Origin(name=Path(source).stem, training=_training(Path(source)))
        return Selection(load_arch(source), origin, beside if beside.is_file() else None)
    run = load_run(source, runs_dir)
    record = choose(run, trial)
    weights = find_run(source, runs_dir).checkpoint(record.digest)
    return Selection(
        record.arch,
        Origin(run, record, f"{run.name}-trial{record.number}"),
        weights if weights.is_file() else None,
    )


def _training(arch: Path) -> dict[str, Any]:
    """Return what `archsearch train` wrote beside an architecture; empty for none."""
    folder = TrainingFolder(arch.parent)
    if folder.arch != arch or not folder.result.is_file():
        return {}
    found: dict[str, Any] = read_json(folder.result)
    return found


def identifier(name: str) -> str:
    """Return ``name`` as a name for a Python function: ``my-run`` becomes ``my_run``."""
    kept = "".join(char if f"_{char}".isidentifier() else "_" for char in name)
    word = re.sub("_+", "_", kept).strip("_").lower() or "model"
    return word if word.isidentifier() and not keyword.iskeyword(word) else f"model_{word}"

"""archsearch: architecture search and ablation for light-weight vision transformers.

The names below are the public interface; each loads its part of the package on first use, so
that ``import archsearch`` costs nothing and loads neither ray, optuna, plotly nor torch.
"""

import os
import sys

_named = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
if sys.argv[:1] == ["-m"] and _named == ["archsearch"] and sys.path[:1] == [os.getcwd()]:
    # python -m archsearch: a random.py in the working directory must not shadow the standard
    # library
    sys.path.append(sys.path.pop(0))

import importlib  # noqa: E402
from importlib.metadata import PackageNotFoundError, version  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from archsearch.arch import Arch, Block, Stage, diff, load_arch, summary
    from archsearch.cost import Probe, count_arch
    from archsearch.data import load_data
    from archsearch.errors import ArchsearchError, InputError
    from archsearch.model import build_model
    from archsearch.run import SearchConfig, load_run, run_search
    from archsearch.space import SearchSpace, flat_space, load_space
    from archsearch.train import Recipe, Trainer
    from archsearch.tune import tune_space, tune_trainable

try:
    __version__ = version("archsearch")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"

_HOMES = {
    "Arch": "arch",
    "ArchsearchError": "errors",
    "Block": "arch",
    "InputError": "errors",
    "Probe": "cost",
    "Recipe": "train",
    "SearchConfig": "run",
    "SearchSpace": "space",
    "Stage": "arch",
    "Trainer": "train",
    "build_model": "model",
    "count_arch": "cost",
    "diff": "arch",
    "load_arch": "arch",
    "load_data": "data",
    "load_run": "run",
    "load_space": "space",
    "flat_space": "space",
    "run_search": "run",
    "summary": "arch",
    "tune_space": "tune",
    "tune_trainable": "tune",
}

__all__ = [
    "Arch",
    "ArchsearchError",
    "Block",
    "InputError",
    "Probe",
    "Recipe",
    "SearchConfig",
    "SearchSpace",
    "Stage",
    "Trainer",
    "build_model",
    "count_arch",
    "diff",
    "flat_space",
    "load_arch",
    "load_data",
    "load_run",
    "load_space",
    "run_search",
    "summary",
    "tune_space",
    "tune_trainable",
]


def __getattr__(name: str) -> Any:
    """Load the part of the package that ``name`` lives in (PEP 562)."""
    home = _HOMES.get(name)
    if name == "search":
        # a package that can be called as well
        return importlib.import_module("archsearch.search")
    if home is None:
        raise AttributeError(f"module 'archsearch' has no attribute {name!r}")
    return getattr(importlib.import_module(f"archsearch.{home}"), name)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted([*globals(), *__all__])

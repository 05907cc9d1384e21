"""The search: engine (ask -> screen -> evaluate -> tell), samplers, runs. Home of optuna."""

import sys
import types

from archsearch.search.config import (
    Budgets,
    Execution,
    LatencyTarget,
    SearchConfig,
    StudyFile,
)
from archsearch.search.evaluation import Evaluation
from archsearch.search.function_search import search
from archsearch.search.importance import ParameterImportance, RunImportance, run_importance
from archsearch.search.plan import describe_plan
from archsearch.search.prepare import Place, Prepared, default_name, prepare
from archsearch.search.read_run import load_run
from archsearch.search.result import SearchResult
from archsearch.search.run import run_search
from archsearch.search.run_folder import RunFolder, find_run
from archsearch.search.samplers import SAMPLERS
from archsearch.search.second_measurement import measure_front
from archsearch.search.settings import configured
from archsearch.search.status import Listener, SearchStatus, SilentListener
from archsearch.search.study_file import read_search

__all__ = [
    "SAMPLERS",
    "Budgets",
    "Evaluation",
    "Execution",
    "LatencyTarget",
    "Listener",
    "ParameterImportance",
    "Place",
    "Prepared",
    "RunFolder",
    "RunImportance",
    "SearchConfig",
    "SearchResult",
    "SearchStatus",
    "SilentListener",
    "StudyFile",
    "configured",
    "default_name",
    "describe_plan",
    "find_run",
    "load_run",
    "measure_front",
    "prepare",
    "read_search",
    "run_importance",
    "run_search",
    "search",
]


class _CallableModule(types.ModuleType):
    """Lets people write ``archsearch.search(space, evaluate, ...)``."""

    __call__ = staticmethod(search)


sys.modules[__name__].__class__ = _CallableModule

"""Runs: the search with networks, in a folder, from a space file to a measured front."""

from archsearch.run.budgets import Budgets
from archsearch.run.config import SearchConfig, StudyFile
from archsearch.run.config_settings import configured
from archsearch.run.cost_plan import describe_plan
from archsearch.run.execution_options import Execution
from archsearch.run.explained_trainings import train_for_explanation
from archsearch.run.explanation import Explanation, explain
from archsearch.run.final.second_measurement import measure_front
from archsearch.run.importance import ParameterImportance, RunImportance, run_importance
from archsearch.run.latency.latency_target import LatencyTarget
from archsearch.run.preparation import Place, Prepared, default_name, prepare
from archsearch.run.run_folder import RunFolder, find_run
from archsearch.run.run_reader import load_run
from archsearch.run.session import run_search
from archsearch.run.status import Listener, SearchStatus, SilentListener
from archsearch.run.study_file import read_search
from archsearch.run.teaching.teaching import taught
from archsearch.run.trained_path import train_path

__all__ = [
    "Budgets",
    "Execution",
    "Explanation",
    "LatencyTarget",
    "Listener",
    "ParameterImportance",
    "Place",
    "Prepared",
    "RunFolder",
    "RunImportance",
    "SearchConfig",
    "SearchStatus",
    "SilentListener",
    "StudyFile",
    "configured",
    "default_name",
    "describe_plan",
    "explain",
    "find_run",
    "load_run",
    "measure_front",
    "prepare",
    "read_search",
    "run_importance",
    "run_search",
    "taught",
    "train_for_explanation",
    "train_path",
]

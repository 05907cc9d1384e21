"""Reads a study file, or a space alone, into the configuration of a search."""

from collections.abc import Sequence
from typing import Any

from archsearch.arch import value_from
from archsearch.errors import InputError
from archsearch.resources import find_yaml
from archsearch.run.config import SearchConfig, StudyFile
from archsearch.run.config_settings import configured
from archsearch.settings import Setting
from archsearch.train import Recipe
from archsearch.yaml_source import load_yaml


def read_search(
    path_or_name: str, settings: Sequence[Setting] = (), recipe: Recipe | None = None
) -> SearchConfig:
    """Return the configuration of a study, or of a search of a space, with values changed.

    Args:
        path_or_name: study or space: a YAML file, or the name of a shipped one.
        settings: values in place of the study's and of the defaults; see `configured`.
        recipe: in place of the study's.

    Raises:
        InputError: with every problem.
    """
    data: dict[str, Any] = {"space": path_or_name}
    study = _study(path_or_name)
    if study is not None:
        data = study.search.model_dump(mode="json")
    if recipe is not None:
        data |= {"recipe": recipe.model_dump(mode="json"), "recipe_keys": None}
    return configured(data, settings)


def _study(path_or_name: str) -> StudyFile | None:
    """Return the study that the argument names, None when it names a space."""
    try:
        path = find_yaml(path_or_name, "spaces")
    except InputError as missing:
        try:
            path = find_yaml(path_or_name, "studies")
        except InputError:
            raise missing from None
    source = load_yaml(path)
    if not isinstance(source.data, dict) or not {"search", "base"} & set(source.data):
        return None
    if "search" not in source.data:
        remedy = f"use archsearch ablate {path_or_name}"
        raise InputError(source.problem(("base",), "is an ablation, not a search", None, remedy))
    return value_from(StudyFile, source)

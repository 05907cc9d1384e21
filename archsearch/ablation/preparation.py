"""Check everything an ablation needs before it writes anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from archsearch.ablation.ablation_folder import AblationFolder
from archsearch.ablation.network_builder import Networks
from archsearch.ablation.study import Study
from archsearch.ablation.study_file import FULL
from archsearch.ablation.study_networks import open_study
from archsearch.activity import doing
from archsearch.arch import value_from
from archsearch.cost.device import choose_device, is_cuda
from archsearch.data import DataSplits, load_data
from archsearch.data.label import data_label
from archsearch.errors import Problem, ProblemList
from archsearch.files import valid_name
from archsearch.run.execution_options import Execution
from archsearch.run.preparation import place_problem
from archsearch.run.run_folder import RunFolder, new_run_folder
from archsearch.run.teaching.teaching import Teaching, open_teaching
from archsearch.settings import Setting
from archsearch.train import (
    Recipe,
    RecipeFit,
    changed_recipe,
    default_recipe,
    fit_recipe,
    most_epochs,
    set_keys,
    with_settings,
)
from archsearch.train.compatibility import fit_problems
from archsearch.train.precision import half_precision
from archsearch.yaml_source import YamlSource

_SPLIT_SEED = 0
#: keys of a study that say which images there are
_IMAGES = ("data", "data_root", "image_size", "channels", "limit")


@dataclass(frozen=True)
class AblationPlace:
    """Which study, at which scale, and where its results live.

    Attributes:
        study: YAML file, or the name of a shipped study.
        scale: ``full``, or one that the file declares.
        changes: key of the study to a value in place of the file's.
        name: of the folder; empty for one made from study, scale and data.
        runs_dir: folder of all runs.
        download: fetch a missing published data set.
        only: names of the variants to train beside the base; empty for all.
        settings: values of the recipe in place of the study's, its ``epochs`` among them.
    """

    study: str
    scale: str = FULL
    changes: Mapping[str, Any] | None = None
    name: str = ""
    runs_dir: str = "runs"
    download: bool = False
    only: tuple[str, ...] = ()
    settings: tuple[Setting, ...] = ()


@dataclass(frozen=True)
class PreparedAblation:
    """An ablation that has been checked and has written nothing yet.

    Attributes:
        study: the study.
        networks: what is trained, with the classes and channels of the data.
        data: the data splits, the same for every seed.
        fit: the recipe, nothing left open, and how it was fitted.
        recipe_keys: keys of the recipe that were set, where the rest is the data set's; None if
            all of it was given.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        folder: where its results live.
        name: of the study.
        scale: that is run.
        execution: how the trainings are carried out.
        left_out: variants of the study that were not asked for.
        teaching: the recipe's teacher; None without one.
    """

    study: Study
    networks: Networks
    data: DataSplits
    fit: RecipeFit
    recipe_keys: frozenset[str] | None
    device: str
    folder: RunFolder
    name: str
    scale: str
    execution: Execution
    left_out: tuple[str, ...] = ()
    teaching: Teaching | None = None

    @property
    def recipe(self) -> Recipe:
        """How every network is trained, nothing left open."""
        return self.fit.recipe


def _int8_problem(study: Study) -> Problem | None:
    if study.latency.dtype != "int8":
        return None
    rule = "must be a floating type: an ablation compares accuracies in float"
    return Problem("latency.dtype", rule, "int8", "archsearch run judges candidates in int8")


def prepare_ablation(place: AblationPlace, execution: Execution) -> PreparedAblation:
    """Check everything an ablation needs, and write nothing.

    Args:
        place: the study and where it lives.
        execution: how it is carried out.

    Raises:
        InputError: with what is wrong.
    """
    changes = dict(place.changes or {})
    found = ProblemList()
    opened = None
    with found.gathered():
        opened = open_study(place.study, place.scale, changes, place.runs_dir)
    named = "" if opened is None else default_name(place.study, place.scale, opened[0].data)
    if name := place.name or named:
        with found.gathered():
            folder = new_run_folder(place.runs_dir, name)
            found.add(place_problem(folder))
    if opened is not None:
        study, every = opened
        with found.gathered():
            keys = _keys(study, place.settings)
            if place.settings:
                shipped = _recipe_of(study)
                longest = None if keys is None or "epochs" in keys else most_epochs(shipped)
                settled = with_settings(shipped, place.settings, longest)
                study = study.model_copy(update={"recipe": settled, "epochs": None})
        with found.gathered():
            networks = every.only(place.only)
        with found.gathered():
            device = choose_device(study.latency.device, "--device")
        with found.gathered():
            found.add(_int8_problem(study))
        with found.gathered(), doing(f"reading the data: {study.data}") as activity:
            data = load_data(
                study.data,
                image_size=every.base.arch.image_size,
                root=study.data_root,
                download=place.download,
                # the same images for every seed: pairs differ in nothing but the network
                seed=_SPLIT_SEED,
                limit=study.limit,
                channels=study.channels,
                progress=activity.progress,
            )
    found.check()
    asked = {network.name for network in networks.all}
    fit = _settled(fit_recipe(data, _recipe_of(study), keys), device)
    fit = _going_on(fit, AblationFolder(folder), study, keys)
    networks = _fitted(networks, data)
    problems = {
        str(problem): problem
        for network in networks.all
        for problem in fit_problems(network.arch, data, fit.recipe, torch.device(device))
    }
    found.add(*problems.values())
    teaching = None
    with found.gathered():
        teaching = open_teaching(
            fit.recipe,
            data,
            folder.path,
            runs_dir=place.runs_dir,
            download=place.download,
            device=device,
        )
    found.check()
    if teaching is not None:
        fit = replace(fit, recipe=teaching.recipe)
    return PreparedAblation(
        study=study,
        networks=networks,
        data=data,
        fit=fit,
        recipe_keys=keys,
        device=device,
        folder=folder,
        name=Path(place.study).stem,
        scale=place.scale,
        execution=execution,
        left_out=tuple(each.name for each in every.all if each.name not in asked),
        teaching=teaching,
    )


def default_name(study: str, scale: str, data: str) -> str:
    """Return a name made from the study, its scale and the data set; it is a valid one."""
    parts = [Path(study).stem, *([] if scale == FULL else [scale]), data_label(data)]
    return valid_name("-".join(parts))


def _fitted(networks: Networks, data: DataSplits) -> Networks:
    """Return the networks for the classes and channels of the data."""
    fitting = {"num_classes": data.num_classes, "in_channels": data.in_channels}
    fitted = [replace(each, arch=each.arch.model_copy(update=fitting)) for each in networks.all]
    return replace(networks, all=tuple(fitted))


def _recipe_of(study: Study) -> Recipe:
    """Return the study's recipe, or its data set's with the study's epochs."""
    if study.recipe is not None:
        return study.recipe
    recipe = default_recipe(study.data)
    if study.epochs is None:
        return recipe
    return changed_recipe(recipe, {"epochs": study.epochs})


def _keys(study: Study, settings: Sequence[Setting]) -> frozenset[str] | None:
    """Return which keys of the data set's recipe are set; None for a recipe of the study's own."""
    if study.recipe is not None:
        return None
    return set_keys(settings) | ({"epochs"} if study.epochs is not None else set())


def _going_on(
    fit: RecipeFit, folder: AblationFolder, study: Study, keys: frozenset[str] | None
) -> RecipeFit:
    """Return the fit with the recipe of an ablation that goes on, if it may go on with it."""
    begun = folder.read_request()
    now = study.model_dump(mode="json")
    before = begun.get("study") or {}
    if "recipe" not in begun or any(before.get(key) != now[key] for key in _IMAGES):
        return fit
    known = begun.get("recipe_keys")
    same = keys is not None and known == sorted(keys)
    same = same and all(before.get(key) == now[key] for key in ("recipe", "epochs"))
    source = YamlSource(str(folder.request), begun["recipe"])
    return fit.going_on(value_from(Recipe, source), same)


def _settled(fit: RecipeFit, device: str) -> RecipeFit:
    """Return the fit with nothing left open.

    Precision is settled for all networks alike and without a clock: two networks in two
    arithmetics would differ in more than what the study asks about.
    """
    if fit.recipe.precision != "auto":
        return fit
    precision = half_precision(torch.device(device)) if is_cuda(device) else "float32"
    settled = {"precision": precision}
    return replace(
        fit,
        recipe=fit.recipe.model_copy(update=settled),
        asked=fit.asked.model_copy(update=settled),
    )

"""Check everything a run needs before it writes anything."""

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from archsearch import __version__
from archsearch.activity import doing
from archsearch.arch import value_from
from archsearch.cluster.remote_probe import RemoteProbe
from archsearch.cost import current_environment
from archsearch.cost.device import choose_device
from archsearch.cost.runtimes import check_runtime
from archsearch.data import DataSplits, load_data
from archsearch.errors import InputError, Problem, ProblemList
from archsearch.files import folder_problem, valid_name
from archsearch.image_size import plain_size, read_size
from archsearch.model.transfer import Donor
from archsearch.record import Environment
from archsearch.run.config import RUN, SearchConfig
from archsearch.run.final.known_network import Baseline, find_baselines
from archsearch.run.inheritance import check_fits
from archsearch.run.run_folder import RunFolder, new_run_folder
from archsearch.run.run_identity import asks_again
from archsearch.run.teaching.teaching import Teaching, open_teaching
from archsearch.run.weight_source import WeightSource
from archsearch.search.rungs import epoch_rungs
from archsearch.search.samplers.registry import check_sampler
from archsearch.search.storage import (
    LONGEST_PATH,
    OWN_FILE,
    VARIABLE,
    Storage,
    reach_problem,
    storage_at,
)
from archsearch.space import SearchSpace, adapted, load_space
from archsearch.tracking import check_sinks
from archsearch.train import Recipe, RecipeFit, fit_recipe, recipe_problems
from archsearch.yaml_source import YamlSource

#: networks of a space of which one at least must take something from given weights
_LOOKED_AT = 16


@dataclass(frozen=True)
class Place:
    """Where a run lives.

    Attributes:
        name: of the run; empty for one made from space, data and budget.
        runs_dir: folder of all runs.
        storage: Optuna storage URL; empty for ``$ARCHSEARCH_STORAGE``, or for a SQLite file in the
            run's folder. A run that was started keeps its own.
        download: fetch a missing published data set.
    """

    name: str = ""
    runs_dir: str = "runs"
    storage: str = field(default="", repr=False)
    download: bool = False


@dataclass(frozen=True)
class Prepared:
    """A run that has been checked and has written nothing yet."""

    config: SearchConfig
    space: SearchSpace
    data: DataSplits
    fit: RecipeFit
    device: str
    folder: RunFolder
    storage: Storage
    environment: Environment
    identity: dict[str, Any]
    written: dict[str, Any]
    baselines: tuple[Baseline, ...] = ()
    donor: Donor | None = None
    teaching: Teaching | None = None

    def training_lines(self) -> list[str]:
        """Return steps and epochs, and what candidates begin with and learn from beside labels."""
        lines = self.fit.lines()
        if self.recipe.teacher is not None:
            lines.append(self.recipe.teacher.line)
        if self.config.inherits:
            start = self.donor.label if self.donor is not None else "trained candidates of the run"
            lines.append(f"inherit: candidates begin with weights of {start}, as far as they fit")
        return lines

    @property
    def recipe(self) -> Recipe:
        """How candidates are trained, nothing left open but the precision."""
        return self.fit.recipe


def prepare(config: SearchConfig, place: Place, space: SearchSpace | None = None) -> Prepared:
    """Check everything a run needs, and write nothing.

    Args:
        config: what is asked for.
        place: where the run lives.
        space: in place of the one that ``config`` names, for a run whose space was read elsewhere.

    Raises:
        InputError: with everything that is wrong.
    """
    found = ProblemList()
    data: DataSplits | None = None
    folder: RunFolder | None = None
    device = "cpu"
    with found.gathered():
        check_sampler(config.sampler)
    with found.gathered():
        check_sinks(config.execution.log)
    with found.gathered():
        space = space or load_space(config.space, config.space_overrides)
        found.add(_flat_problem(space, config))
    with found.gathered():
        _check_recipe(config)
    with found.gathered():
        wanted = "auto" if config.latency.elsewhere else config.latency.device
        device = choose_device(wanted, "--device")
        if not config.latency.elsewhere:
            check_runtime(config.latency.runtime, device, config.latency.dtype)
    for target in config.targets.values():
        with found.gathered():
            its_device = choose_device(target.device, "targets")
            check_runtime(target.runtime, its_device, target.dtype)
    name = place.name or (default_name(config, space) if space is not None else "")
    if name:
        with found.gathered():
            folder, storage = locate(place, name)
    donor = None
    if config.inherits and config.inherit != RUN:
        with found.gathered():
            source = WeightSource(config.inherit, "--inherit", Path(place.runs_dir))
            donor = source.open()
    if space is not None and not space.is_flat:
        with found.gathered():
            image_size = config.image_size or read_size(space.to_dict().get("image_size", 224))
            with doing(f"reading the data: {config.data}") as activity:
                data = load_data(
                    config.data,
                    image_size=image_size,
                    root=config.data_root,
                    download=place.download,
                    seed=config.seed,
                    limit=config.limit,
                    channels=config.channels,
                    progress=activity.progress,
                )
            baselines = find_baselines(config.execution.baselines, data)
            space = adapted(
                space,
                image_size=image_size,
                in_channels=data.in_channels,
                num_classes=data.num_classes,
            )
            if donor is not None:
                rng = np.random.default_rng(config.seed)
                some = [space.arch(space.sample(rng)) for _ in range(_LOOKED_AT)]
                check_fits(donor, "--inherit", some, data.class_names)
    teaching = None
    if data is not None and folder is not None:
        with found.gathered():
            teaching = open_teaching(
                fit_recipe(data, config.recipe, config.recipe_keys).recipe,
                data,
                folder.path,
                runs_dir=place.runs_dir,
                download=place.download,
                device=device,
            )
    found.check()
    assert space is not None, "a space that cannot be read is a problem"
    assert data is not None, "so are data"
    assert folder is not None, "so is a folder"
    if teaching is not None:
        config = _with_teacher(config, teaching.recipe)
    fit = _fit(config, data, folder)
    if teaching is not None:
        teaching = replace(teaching, recipe=fit.recipe)
    elsewhere = config.latency.elsewhere
    environment = target_environment(config) if elsewhere else current_environment(device)
    identity = {
        **config.identity(),
        # where its file lies means nothing elsewhere; what it says follows
        "space": Path(config.space).name,
        "space_digest": space.digest,
        **({"inherit_digest": donor.digest} if donor is not None else {}),
    }
    written = {
        "archsearch": __version__,
        "identity": identity,
        "space_name": space.name,
        "space": space.to_dict(),
        "recipe": fit.recipe.model_dump(mode="json"),
        "training": fit.to_dict(),
        "data": {
            "train": len(data.train),
            "val": len(data.val),
            "test": len(data.test) if data.test is not None else 0,
            "num_classes": data.num_classes,
            "in_channels": data.in_channels,
            "image_size": plain_size(data.image_size),
            "mean": list(data.mean),
            "std": list(data.std),
            "class_names": list(data.class_names),
            "places": list(data.places),
            "scale": data.scale.to_dict(),
        },
        "device": device,
        "storage": storage.kept,
        "study": folder.name,
        "environment": environment.model_dump(mode="json"),
    }
    return Prepared(
        config,
        space,
        data,
        fit,
        device,
        folder,
        storage,
        environment,
        identity,
        written,
        tuple(baselines),
        donor,
        teaching,
    )


def target_environment(config: SearchConfig) -> Environment:
    """Ask the node where latency is to be measured what it is.

    Raises:
        InputError: no address was given, or no node of the cluster is the target.
    """
    address = config.execution.address
    if not address:
        raise InputError(
            Problem("--target", "needs a Ray cluster", None, "say --address, e.g. auto")
        )
    with RemoteProbe(address, config.latency.device, config.latency.threads) as probe:
        return probe.environment()


def default_name(config: SearchConfig, space: SearchSpace) -> str:
    """Return a name made from the space, the data set and the latency budget; it is a valid one."""
    budget = f"-{config.budgets.latency_ms:g}ms" if config.budgets.latency_ms else ""
    kind, _, path = config.data.partition(":")
    # a folder may be named by a path such as "..", which says nothing
    source = Path(os.path.abspath(path)).name if path else kind
    return valid_name(f"{space.name}-{source}{budget}")


def locate(place: Place, name: str) -> tuple[RunFolder, Storage]:
    """Return the folder of a run and where its study is.

    Raises:
        InputError: nothing can be written there, the storage cannot be used, or the run was started
            with another.
    """
    found = ProblemList()
    with found.gathered():
        folder = new_run_folder(place.runs_dir, name)
        found.add(place_problem(folder))
    with found.gathered():
        asked = place.storage or os.environ.get(VARIABLE, "")
        storage = storage_at(asked) if asked else None
    found.check()
    if storage is not None and storage.file_of_url == folder.own_storage.file:
        storage = None
    if folder.exists():
        begun = folder.storage_in(folder.read_config())
        if place.storage and (storage or folder.own_storage).kept != begun.kept:
            rule = f"run '{name}' was started with {begun.kept}"
            remedy = "leave it out, or give this run another --name"
            raise InputError(Problem("--storage", rule, storage_at(place.storage).shown, remedy))
        if storage is None or storage.kept != begun.kept:
            storage = begun
    storage = storage or folder.own_storage
    found.add(reach_problem(storage))
    found.check()
    return folder, storage


def place_problem(folder: RunFolder) -> Problem | None:
    """Return why no run can be written into a folder; None if it can."""
    path = folder.path
    if problem := folder_problem("--runs-dir", path.parent):
        return problem
    if os.path.lexists(path) and (problem := folder_problem("--name", path)):
        return problem
    file = path.resolve() / OWN_FILE
    if len(os.fsencode(file)) > LONGEST_PATH:
        rule = f"SQLite opens no file whose path is longer than {LONGEST_PATH} bytes"
        return Problem("--runs-dir", rule, str(path), "choose a shorter path")
    return None


def _flat_problem(space: SearchSpace, config: SearchConfig) -> Problem | None:
    if not space.is_flat:
        return None
    rule = "must be a space of architectures, not a flat one"
    return Problem(
        "space", rule, config.space, "flat spaces are for archsearch.search as a library"
    )


def _with_teacher(config: SearchConfig, recipe: Recipe) -> SearchConfig:
    """Return what is asked for with the teacher that was found: it is part of the identity."""
    assert config.recipe is not None, "no default recipe has a teacher"
    asked = config.recipe.model_copy(update={"teacher": recipe.teacher})
    return config.model_copy(update={"recipe": asked})


def _check_recipe(config: SearchConfig) -> None:
    """Check what is known of the recipe before the images are.

    Raises:
        InputError: it cannot be followed, or does not go with the rungs.
    """
    recipe, keys = config.recipe, config.recipe_keys
    if recipe is None:
        return
    if keys is None and (broken := recipe_problems(recipe)):
        raise InputError(broken)
    if keys is None or "epochs" in keys:
        _check_rungs(config, recipe)


def _check_rungs(config: SearchConfig, recipe: Recipe) -> None:
    epoch_rungs(config.pauses(recipe.epochs), config.promote, recipe.epochs)


def _fit(config: SearchConfig, data: DataSplits, folder: RunFolder) -> RecipeFit:
    """Return the recipe of a run that begins; of one that goes on, its own if it may go on.

    Raises:
        InputError: it cannot be followed, or does not go with the rungs.
    """
    fit = fit_recipe(data, config.recipe, config.recipe_keys)
    if folder.exists():
        begun = folder.read_config()
        if "recipe" in begun:
            source = YamlSource(str(folder.config), begun["recipe"])
            fit = fit.going_on(value_from(Recipe, source), asks_again(begun, config.identity()))
    if broken := recipe_problems(fit.recipe):
        raise InputError(broken)
    _check_rungs(config, fit.recipe)
    return fit

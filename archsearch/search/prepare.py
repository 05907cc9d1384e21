"""Check everything a run needs before it writes anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsearch import __version__
from archsearch.cluster.remote_probe import RemoteProbe
from archsearch.cost import current_environment
from archsearch.cost.device import choose_device
from archsearch.data import DataSplits, load_data
from archsearch.errors import InputError, Problem
from archsearch.record import Environment
from archsearch.search.baselines import Baseline, find_baselines
from archsearch.search.config import SearchConfig
from archsearch.search.promotion import promotion_of
from archsearch.search.run_folder import RunFolder, run_folder
from archsearch.search.samplers import check_sampler
from archsearch.space import SearchSpace, adapted, load_space
from archsearch.tracking import check_sinks
from archsearch.train import Recipe, default_augmentation, default_recipe, recipe_problems


@dataclass(frozen=True)
class Place:
    """Where a run lives.

    Attributes:
        name: of the run; empty for one made from space, data and budget.
        runs_dir: folder of all runs.
        storage: Optuna storage URL; empty for a SQLite file in the run's folder.
        download: fetch a missing published data set.
    """

    name: str = ""
    runs_dir: str = "runs"
    storage: str = ""
    download: bool = False


@dataclass(frozen=True)
class Prepared:
    """A run that has been checked and has written nothing yet."""

    config: SearchConfig
    space: SearchSpace
    data: DataSplits
    recipe: Recipe
    device: str
    folder: RunFolder
    storage: str
    environment: Environment
    identity: dict[str, Any]
    written: dict[str, Any]
    baselines: tuple[Baseline, ...] = ()


def prepare(config: SearchConfig, place: Place) -> Prepared:
    """Check everything a run needs, and write nothing.

    Raises:
        InputError: with what is wrong.
    """
    check_sampler(config.sampler)
    check_sinks(config.execution.log)
    space = load_space(config.space, config.space_overrides)
    if space.is_flat:
        raise InputError(
            Problem(
                "space",
                "must be a space of architectures, not a flat one",
                config.space,
                "flat spaces are for archsearch.search as a library",
            )
        )
    image_size = config.image_size or space.to_dict().get("image_size", 224)
    data = load_data(
        config.data,
        image_size=image_size,
        root=config.data_root,
        download=place.download,
        seed=config.seed,
        limit=config.limit,
    )
    space = adapted(
        space, image_size=image_size, in_channels=data.in_channels, num_classes=data.num_classes
    )
    elsewhere = config.latency.elsewhere
    device = choose_device("auto" if elsewhere else config.latency.device, "--device")
    baselines = find_baselines(config.execution.baselines, data)
    name = place.name or default_name(config, space)
    folder = run_folder(place.runs_dir, name)
    storage = place.storage or folder.storage
    recipe = config.recipe or default_recipe(config.data)
    if broken := recipe_problems(recipe):
        raise InputError(broken)
    promotion_of(config.rungs, config.promote, recipe.epochs)
    if recipe.augmentation is None:
        recipe = recipe.model_copy(update={"augmentation": default_augmentation(data)})
    environment = target_environment(config) if elsewhere else current_environment(device)
    identity = {**config.identity(), "space_digest": space.digest}
    written = {
        "archsearch": __version__,
        "identity": identity,
        "space_name": space.name,
        "space": space.to_dict(),
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "train": len(data.train),
            "val": len(data.val),
            "test": len(data.test),
            "num_classes": data.num_classes,
            "in_channels": data.in_channels,
            "image_size": data.image_size,
            "mean": list(data.mean),
            "std": list(data.std),
            "class_names": list(data.class_names),
        },
        "device": device,
        "storage": storage,
        "environment": environment.model_dump(mode="json"),
    }
    return Prepared(
        config,
        space,
        data,
        recipe,
        device,
        folder,
        storage,
        environment,
        identity,
        written,
        tuple(baselines),
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
    """Return a name made from the space, the data set and the latency budget."""
    data = config.data.partition(":")
    source = Path(data[2]).name if data[2] else data[0]
    budget = f"-{config.budgets.latency_ms:g}ms" if config.budgets.latency_ms else ""
    text = f"{space.name}-{source}{budget}"
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in text)

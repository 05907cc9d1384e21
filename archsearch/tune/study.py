"""The study of Ray Tune's trials: space, data, recipe, budgets and latency target."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from archsearch.arch import value_from
from archsearch.cost.device import device_kind
from archsearch.data import DataSplits
from archsearch.errors import InputError, Problem
from archsearch.resources import find_yaml
from archsearch.run import (
    Budgets,
    LatencyTarget,
    Place,
    RunFolder,
    SearchConfig,
    StudyFile,
    prepare,
)
from archsearch.run.run_identity import asked_for
from archsearch.run.teaching.teaching import with_outputs
from archsearch.space import SearchSpace, space_from
from archsearch.train import Recipe
from archsearch.yaml_source import YamlSource, load_yaml

logger = logging.getLogger(__name__)

#: a configuration, a study file (its path, or a name in ``studies/``), or the folder of a run
Study = SearchConfig | RunFolder | str | Path


@dataclass(frozen=True)
class TuneStudy:
    """One study, as every trial of it gets it.

    Attributes:
        space: of the candidates.
        data: what they are trained on.
        recipe: how they are trained.
        budgets: upper limits; a candidate above one of them is not trained.
        budget_confidence: with which the latency budget is to be kept.
        latency: where and how latency is measured.
        device: ``cpu``, or ``cuda``: Ray numbers the GPUs that it gives to a trial from 0.
        threads: intra-op threads of a training.
        seed: of initialisation and data order.
    """

    space: SearchSpace
    data: DataSplits
    recipe: Recipe
    budgets: Budgets
    budget_confidence: float
    latency: LatencyTarget
    device: str
    threads: int
    seed: int


def tune_study(study: Study) -> TuneStudy:
    """Check a study and load its data; nothing is written.

    Raises:
        InputError: with what is wrong.
    """
    config, space, place = _config_of(study)
    if config.latency.elsewhere:
        rule = "cannot be measured on another machine from Ray Tune"
        remedy = "leave out latency.elsewhere, or use archsearch run --target"
        raise InputError(Problem("latency.elsewhere", rule, None, remedy))
    if config.latency.dtype == "int8":
        rule = "must be a floating type with Ray Tune, which is told accuracies in float"
        remedy = "archsearch run judges candidates in int8"
        raise InputError(Problem("latency.dtype", rule, "int8", remedy))
    if config.inherits:
        rule = "must be none with Ray Tune, whose trials know nothing of each other"
        raise InputError(Problem("inherit", rule, config.inherit, "archsearch run inherits"))
    prepared = prepare(config, place, space)
    return TuneStudy(
        space=prepared.space,
        data=with_outputs(prepared.data, prepared.teaching, logger.info),
        recipe=prepared.recipe,
        budgets=config.budgets,
        budget_confidence=config.budget_confidence,
        latency=config.latency,
        device=device_kind(prepared.device),
        threads=config.execution.threads_per_worker,
        seed=config.seed,
    )


def _config_of(study: Study) -> tuple[SearchConfig, SearchSpace | None, Place]:
    """Return the configuration of a study; for a run, its space as the run's folder keeps it.

    The place of a run is its own, where the outputs of its teacher lie.
    """
    nowhere = Place(name="tune")
    if isinstance(study, SearchConfig):
        return study, None, nowhere
    folder = study if isinstance(study, RunFolder) else RunFolder(study)
    if not folder.exists():
        source = load_yaml(find_yaml(str(study), "studies"))
        return value_from(StudyFile, source).search, None, nowhere
    written = folder.read_config()
    data = asked_for(written["identity"])
    # a run without a recipe of its own has the default one of its time
    data |= {"recipe": written["recipe"], "recipe_keys": None}
    config = value_from(SearchConfig, YamlSource(str(folder.config), data))
    space = space_from(YamlSource(str(folder.config), written["space"]), written["space_name"])
    parent = Path(os.path.abspath(folder.path)).parent
    return config, space, Place(name=folder.name, runs_dir=str(parent))

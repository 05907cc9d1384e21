"""The configuration of a search run, and what may change when it goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from archsearch.arch import Spec
from archsearch.arch.spec import Count, Flag, Size
from archsearch.option import BUDGET, DATA, SEARCH, Option
from archsearch.record import EVEN_CHANCE, FIRST_TARGET, Aims
from archsearch.run.budgets import Budgets
from archsearch.run.execution_options import Execution
from archsearch.run.latency.latency_target import (
    FurtherTarget,
    LatencyTarget,
    TargetName,
    targets_of_texts,
)
from archsearch.search.evaluation import Direction
from archsearch.search.rungs import AUTO, automatic_rungs
from archsearch.train import Recipe
from archsearch.train.teacher import (
    TEACHER,
    TEACHER_FEATURES,
    TEACHER_TEMPERATURE,
    TEACHER_WEIGHT,
)

#: values of ``inherit`` that name no weights
NONE, RUN = "none", "run"
#: keys that a further target inherits from the first one
_SHARED = ("device", "batch_size", "threads", "dtype")
#: objectives of a run beside the latencies of further targets, with their directions
OBJECTIVES: dict[str, Direction] = {
    "accuracy": "max",
    FIRST_TARGET: "min",
    "params": "min",
    "macs": "min",
    "memory_bytes": "min",
}


def _epochs(value: Any) -> Any:
    """Read ``2,6``, ``auto`` or ``none``."""
    if value == "none":
        return None
    if value is None or value == AUTO:
        return value
    hint = {"remedy": "e.g. 2,6"}
    try:
        each = value.split(",") if isinstance(value, str) else value
        epochs = [int(one) if isinstance(one, str) else one for one in each]
    except (TypeError, ValueError):
        rule = "must be numbers of epochs with commas between them, auto or none"
        raise PydanticCustomError("epochs", rule, hint) from None
    if not all(type(one) is int and one >= 1 for one in epochs) or not epochs:
        raise PydanticCustomError("epochs", "must be whole numbers of epochs, 1 or more", hint)
    return epochs


def _names(value: Any) -> Any:
    """Read ``accuracy,params``."""
    return [each.strip() for each in value.split(",")] if isinstance(value, str) else value


Pauses = Annotated[tuple[Count, ...] | Literal["auto"] | None, BeforeValidator(_epochs)]


class SearchConfig(Spec):
    """A search run, as a study file or the command line gives it.

    Attributes:
        space: path or name of a search space.
        space_overrides: dotted path in the space to a value or domain in place of the file's.
        data: ``digits``, ``cluttered-digits``, ``fashion-mnist``, ``cifar10``, ``cifar100`` or
            ``folder:PATH``.
        data_root: folder of a torchvision data set; None for its default.
        image_size: side of square images in pixels, or ``(height, width)``; None takes the space's.
        channels: of the images; None for what they have.
        limit: use at most this many images of the data set; None for all.
        recipe: how candidates are trained, never changed; None takes the data set's, fitted to the
            number of training images.
        recipe_keys: keys of ``recipe`` that were set, where the rest of it is the data set's and
            is fitted; None if all of ``recipe`` was given.
        budgets: upper limits.
        budget_confidence: with which the latency budgets are to be kept, 0.5 to 0.99.
        latency: where and how latency is measured.
        targets: further latency targets by name, each an objective ``NAME_ms``; what one leaves
            open of device, batch size, threads and dtype is as at the first target.
        objectives: what the front trades off: ``accuracy``, ``latency_ms``, ``NAME_ms`` of a
            further target, ``params``, ``macs``, ``memory_bytes``; None for accuracy and every
            latency.
        execution: how the run is carried out.
        sampler: how candidates are proposed.
        early_stopping: stop candidates that are clearly dominated; rungs take its place.
        rungs: epochs after which candidates pause until it is worth it to finish them; ``auto``
            for a fifth of the epochs, where there are 3 or more and the sampler is ``model``; None
            trains each to the end.
        inherit: what candidates begin with: ``none`` for new weights, ``run`` for those of the
            trained candidate of the run that gives most, or what `WeightSource` reads.
        promote: share of the candidates at a rung that continue; None leaves it to the model, and
            to other samplers the ratio of the rung's epochs to the next one's.
        seed: of proposals, initialisation and data order.
    """

    space: str
    space_overrides: dict[str, Any] = Field(default_factory=dict)
    data: Annotated[
        str,
        Option(
            "--data",
            "digits, cluttered-digits, fashion-mnist, cifar10, cifar100, or folder:PATH with "
            "train/ and val/.",
            DATA,
        ),
    ] = "digits"
    data_root: Annotated[
        str | None, Option("--data-root", "Folder of a torchvision data set.", DATA, type=Path)
    ] = None
    image_size: Annotated[
        Size | None,
        Option(
            "--image-size",
            "Size of the images in pixels: side of a square (64), or height x width (96x160).",
            DATA,
            default="the space's",
            type=str,
        ),
    ] = None
    channels: Annotated[
        Count | None,
        Option(
            "--channels",
            "Channels of the images: 1 grey, 3 colour, or those of a folder's files, e.g. 4.",
            DATA,
            default="what they have",
        ),
    ] = None
    limit: Annotated[Count | None, Option("--limit", "Use at most this many images.", DATA)] = None
    recipe: Annotated[
        Recipe | None,
        Option(
            "--epochs",
            "Epochs of each candidate.",
            DATA,
            default="the recipe's",
            key="epochs",
            type=int,
        ),
        Option("--recipe", "YAML file with the training recipe.", DATA, type=Path),
        TEACHER,
        TEACHER_WEIGHT,
        TEACHER_TEMPERATURE,
        TEACHER_FEATURES,
    ] = None
    recipe_keys: tuple[str, ...] | None = None
    budgets: Budgets = Budgets()
    budget_confidence: Annotated[
        float,
        Field(ge=EVEN_CHANCE, le=0.99),
        Option(
            "--budget-confidence",
            "Probability with which another measurement should keep a latency budget, by the "
            "interval of the latency: 0.5 compares the estimate, 0.95 nearly the upper end.",
            BUDGET,
        ),
    ] = EVEN_CHANCE
    latency: LatencyTarget = LatencyTarget()
    targets: Annotated[
        dict[TargetName, FurtherTarget],
        Option(
            "--also",
            "Measure latency at one more target, with a budget of its own: a runtime and what "
            "differs from the first target, e.g. onnxruntime:budget_ms=3,threads=2; keys are "
            "budget_ms, name, device, threads, batch_size and dtype. May be repeated.",
            BUDGET,
            default="none",
            type=list[str],
        ),
    ] = Field(default_factory=dict)
    objectives: Annotated[
        tuple[str, ...] | None,
        BeforeValidator(_names),
        Option(
            "--objectives",
            "What the front trades off, with commas: accuracy, and of latency_ms, params, macs, "
            "memory_bytes and NAME_ms of a further target at least one.",
            BUDGET,
            default="accuracy and every latency",
            type=str,
        ),
    ] = None
    # before the sampler: --help has the options in this order
    execution: Execution = Execution()
    sampler: Annotated[
        str, Option("--sampler", "model, evolution, random, nsga2, tpe or gp.", SEARCH)
    ] = "model"
    early_stopping: Annotated[
        Flag, Option("--early-stopping", "Stop candidates that are clearly dominated.", SEARCH)
    ] = True
    rungs: Annotated[
        Pauses,
        Option(
            "--rungs",
            "Pause candidates after these epochs, e.g. 2,6; those that are expected on the front "
            "continue from where they paused. Replaces early stopping. none trains every "
            "candidate to the end.",
            SEARCH,
            default="auto: a fifth of the epochs, with the model sampler",
            type=str,
        ),
    ] = AUTO
    promote: Annotated[
        Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None,
        Option(
            "--promote",
            "Share of the candidates at a rung that continue (successive halving).",
            SEARCH,
            default="the model chooses",
        ),
    ] = None
    inherit: Annotated[
        str,
        Field(min_length=1),
        Option(
            "--inherit",
            "What candidates begin with: none (new weights), run (weights of the trained "
            "candidate of this run that gives most), or a training, run, .safetensors, model.py or "
            "zoo:NAME@FILE.",
            SEARCH,
        ),
    ] = NONE
    seed: Annotated[
        int,
        Field(ge=0, strict=True),
        Option("--seed", "Of proposals, initialisation and data order.", SEARCH),
    ] = 0

    @field_validator("targets", mode="before")
    @classmethod
    def _as_first_target(cls, value: Any, info: ValidationInfo) -> Any:
        """Read texts, and fill what a target leaves open with what the first target says."""
        targets = targets_of_texts(value) if isinstance(value, list) else value
        first = info.data.get("latency")
        if not isinstance(targets, Mapping) or not isinstance(first, LatencyTarget):
            return targets
        shared = {name: getattr(first, name) for name in _SHARED}
        return {
            name: {**shared, **target} if isinstance(target, Mapping) else target
            for name, target in targets.items()
        }

    @field_validator("objectives")
    @classmethod
    def _known_objectives(
        cls, names: tuple[str, ...] | None, info: ValidationInfo
    ) -> tuple[str, ...] | None:
        if names is None:
            return None
        known = (*OBJECTIVES, *(f"{name}_ms" for name in info.data.get("targets", {})))
        if set(names) - set(known):
            rule = f"must be of {', '.join(known)}"
            raise PydanticCustomError("objectives", rule)
        if "accuracy" not in names or len(names) < 2:
            raise PydanticCustomError("objectives", "must be accuracy and at least one more")
        if len(set(names)) < len(names):
            raise PydanticCustomError("objectives", "must differ from each other")
        return names

    @property
    def further(self) -> dict[str, FurtherTarget]:
        """The further targets, by the names of their objectives."""
        return {f"{name}_ms": target for name, target in self.targets.items()}

    @property
    def directions(self) -> dict[str, Direction]:
        """Direction of each objective by name, in the order of the study; accuracy first."""
        names = self.objectives or ("accuracy", FIRST_TARGET, *self.further)
        chosen = dict.fromkeys(("accuracy", *names))
        return {name: OBJECTIVES.get(name, "min") for name in chosen}

    @property
    def limits(self) -> dict[str, float]:
        """Every budget by name: the sizes, and the latency at each target."""
        more = {name: target.budget_ms for name, target in self.further.items()}
        return self.budgets.limits | {n: limit for n, limit in more.items() if limit is not None}

    @property
    def latency_names(self) -> tuple[str, ...]:
        """Names of all latencies, the first target's first."""
        return (FIRST_TARGET, *self.further)

    @property
    def aims(self) -> Aims:
        """What the front trades off, and the latencies it keeps."""
        limits = {name: ms for name, ms in self.limits.items() if name in self.latency_names}
        names = tuple(self.directions)
        return Aims(objectives=names, budgets_ms=limits, confidence=self.budget_confidence)

    @property
    def inherits(self) -> bool:
        """Whether candidates begin with weights of other networks."""
        return self.inherit != NONE

    @property
    def other_seeds(self) -> range:
        """The seeds that the front is trained with after the search."""
        return range(self.seed + 1, self.seed + 1 + self.execution.front_seeds)

    def pauses(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs after which candidates pause; empty where none does.

        Args:
            epochs: of a whole training.
        """
        if self.rungs != AUTO:
            return self.rungs or ()
        return automatic_rungs(epochs) if self.sampler == "model" else ()

    def identity(self) -> dict[str, Any]:
        """Return the identity that a resumed run must share; defaults are written out."""
        return self.model_dump(mode="json", exclude={"execution"})


class StudyFile(Spec):
    """A file in ``studies/``: a question, what it costs, what is expected, and the search.

    Attributes:
        question: what the study answers.
        cost: what it takes to run.
        expected: outcome that would be no surprise.
        search: the search.
    """

    question: str
    cost: str
    expected: str
    search: SearchConfig

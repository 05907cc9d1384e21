"""The training recipe, as a frozen value that a YAML file can hold."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializerFunctionWrapHandler, model_serializer

from archsearch.arch import Spec, value_from
from archsearch.arch.spec import Count, Flag, Ratio
from archsearch.errors import InputError, Problem, nearest
from archsearch.settings import put
from archsearch.train.teacher import USE_OF_TEACHER, Teacher, teacher_problems
from archsearch.yaml_source import YamlSource, dump_yaml, load_yaml

Precision = Literal["float32", "bfloat16", "float16"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
#: optimisers that a recipe may name without loading timm, which takes as long as torch
COMMON_OPTIMIZERS = ("adamw", "lamb", "lion", "muon", "sgd")

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Augmentation(Spec):
    """Random changes to the training images.

    Attributes:
        translate: move by up to this many pixels each way; black comes in at the edges. Equal to a
            random crop of the image padded by as much.
        flip: mirror every second image, left and right.
        erase_probability: share of the images that lose a rectangle (random erasing).
        erase_area: smallest and largest rectangle, as a share of the image.
        mixup: alpha of the Beta distribution that blends two images; 0 for none.
        cutmix: alpha of the Beta distribution that pastes a part of one image into another; 0 for
            none. With both, a coin decides for each batch.
    """

    translate: Annotated[int, Field(ge=0, strict=True)] = 0
    flip: Flag = False
    erase_probability: Share = 0.0
    erase_area: tuple[Share, Share] = (0.02, 0.2)
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0


def _source(value: Any) -> Any:
    """Read ``teacher: timm:resnet18``."""
    return {"source": value} if isinstance(value, str) else value


class Recipe(Spec):
    """How a candidate is trained.

    Attributes:
        epochs: passes over the training images.
        batch_size: images a step; batches of an epoch differ by one image at most.
        optimizer: a name that timm knows.
        learning_rate: highest of the schedule, for steps of ``batch_size`` images.
        schedule: what follows the warm-up: ``cosine`` or ``linear`` towards
            ``final_learning_rate``, or ``constant``.
        warmup_epochs: epochs of linear increase, may be a fraction.
        final_learning_rate: share of ``learning_rate`` that the schedule ends at.
        weight_decay: not applied to biases, norms and what the model names.
        momentum: of optimisers that have one.
        label_smoothing: share of the target spread over all classes.
        drop_path: highest rate of stochastic depth.
        clip_norm: largest norm of the gradient; None for no limit.
        ema_decay: of the average of weights that is evaluated and kept; None for the weights
            themselves.
        precision: arithmetic of forward and backward pass; ``auto`` times a step of each where
            the training is long enough to earn it back, and takes float32 elsewhere.
        augmentation: None for what suits the data set (see `default_augmentation`).
        teacher: a trained network that it learns from too; None for none.
    """

    epochs: Count = 20
    batch_size: Count = 128
    optimizer: str = "adamw"
    learning_rate: Ratio = 2e-3
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_epochs: NotNegative = 2.0
    final_learning_rate: Share = 0.01
    weight_decay: NotNegative = 0.05
    momentum: Share = 0.9
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    clip_norm: Ratio | None = 1.0
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    precision: Precision | Literal["auto"] = "auto"
    augmentation: Augmentation | None = None
    teacher: Annotated[Teacher | None, BeforeValidator(_source)] = None

    @model_serializer(mode="wrap")
    def _without_no_teacher(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a teacher that there is none of: such a recipe keeps its digest."""
        data: dict[str, Any] = dump(self)
        if self.teacher is None:
            data.pop("teacher", None)
        return data

    def to_yaml(self) -> str:
        """Return YAML that `load_recipe` reads back as an equal value."""
        return dump_yaml(self.to_dict())


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a YAML file.

    Raises:
        InputError: with every problem of the file.
    """
    return recipe_from(load_yaml(path))


def recipe_from(source: YamlSource) -> Recipe:
    """Check and convert plain data to a recipe; see `load_recipe`."""
    recipe = value_from(Recipe, source)
    problems = [
        source.problem(tuple(problem.key.split(".")), problem.rule, problem.value, problem.remedy)
        for problem in recipe_problems(recipe)
    ]
    if problems:
        raise InputError(problems)
    return recipe


def changed_recipe(
    recipe: Recipe, changes: Mapping[str, Any], longest: int | None = None
) -> Recipe:
    """Return ``recipe`` with values changed.

    A warm-up that is as long as fewer epochs is cut to a quarter of them, unless it is changed too.
    Of an augmentation that was left to the data set, what is not changed has the defaults of
    `Augmentation`, as in a file.

    Args:
        recipe: what to change.
        changes: dotted key to value, e.g. ``augmentation.flip``.
        longest: epochs that the recipe may still get; None if they are settled, or changed here.

    Raises:
        InputError: with every key that a recipe does not have, and every rule that is broken.
    """
    data = recipe.model_dump(mode="json")
    if "teacher.source" in changes and "teacher" in data:
        # what was known of the teacher before says nothing of this one
        data["teacher"] = {key: data["teacher"][key] for key in USE_OF_TEACHER}
    for key, value in changes.items():
        put(data, key.split("."), value)
    epochs, warmup = data["epochs"], data["warmup_epochs"]
    if "epochs" in changes and "warmup_epochs" not in changes and type(epochs) is int:
        data["warmup_epochs"] = min(warmup, epochs / 4)
    try:
        changed = value_from(Recipe, YamlSource("", data))
        problems = recipe_problems(changed, None if "epochs" in changes else longest)
    except InputError as error:
        problems = list(error.problems)
    if problems:
        raise InputError(
            [replace(problem, key=f"recipe.{problem.key}", file="") for problem in problems]
        )
    return changed


def recipe_problems(recipe: Recipe, longest: int | None = None) -> list[Problem]:
    """Return every rule between values that ``recipe`` breaks.

    Args:
        recipe: to check.
        longest: epochs that it may still get; None for its own.
    """
    epochs = longest or recipe.epochs
    problems = []
    if recipe.optimizer not in COMMON_OPTIMIZERS:
        problems += _optimizer_problems(recipe.optimizer)
    if recipe.warmup_epochs and recipe.warmup_epochs >= epochs:
        problems.append(
            Problem(
                "warmup_epochs",
                f"must be less than the {epochs} epochs",
                recipe.warmup_epochs,
            )
        )
    if recipe.teacher is not None:
        problems += teacher_problems(recipe.teacher)
    if recipe.augmentation is not None:
        low, high = recipe.augmentation.erase_area
        if low > high or low <= 0:
            problems.append(
                Problem(
                    "augmentation.erase_area",
                    "must be two shares, 0 < smallest <= largest",
                    [low, high],
                )
            )
    return problems


def _optimizer_problems(name: str) -> list[Problem]:
    """Return what is wrong with the name of an optimiser, as timm knows them."""
    from timm.optim import list_optimizers

    known = list_optimizers()
    if name in known:
        return []
    remedy = nearest(name, known)
    if not remedy.startswith("did"):  # timm knows more than a hundred
        remedy = f"try {', '.join(COMMON_OPTIMIZERS[:-1])} or {COMMON_OPTIMIZERS[-1]}"
    return [Problem("optimizer", "must be a known optimiser", name, remedy)]

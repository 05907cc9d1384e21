"""How a recipe uses a teacher: a trained network whose outputs a candidate learns from."""

from typing import Annotated, Any

from pydantic import Field

from archsearch.arch import Spec
from archsearch.arch.spec import Ratio, Size
from archsearch.errors import Problem
from archsearch.image_size import size_text
from archsearch.option import DATA, Option
from archsearch.record.teacher_text import teacher_facts, teacher_words

#: how a teacher is used, whichever network it is
USE_OF_TEACHER = ("weight", "temperature", "feature_weight")

#: of every command that trains
TEACHER = Option(
    "--teacher",
    "Trained network to learn from beside the labels: timm:NAME, zoo:NAME@FILE, model.py, the "
    "folder of archsearch train, a run, or a file of weights beside its definition.",
    DATA,
    default="none",
    key="teacher.source",
    type=str,
)
TEACHER_WEIGHT = Option(
    "--teacher-weight",
    "Share of the teacher's class probabilities in the loss, 0 to 1; 0 for a teacher of other "
    "classes.",
    DATA,
    default="0.9",
    key="teacher.weight",
    type=float,
)
TEACHER_TEMPERATURE = Option(
    "--teacher-temperature",
    "Temperature that softens class probabilities.",
    DATA,
    default="4",
    key="teacher.temperature",
    type=float,
)
TEACHER_FEATURES = Option(
    "--teacher-features",
    "Weight of a loss that compares pooled features with the teacher's, e.g. 0.5.",
    DATA,
    default="0: not used",
    key="teacher.feature_weight",
    type=float,
)
#: keys of a configuration with a recipe that these options set
TEACHER_KEYS = (
    "recipe.teacher.source",
    "recipe.teacher.weight",
    "recipe.teacher.temperature",
    "recipe.teacher.feature_weight",
)


class Teacher(Spec):
    """A trained network whose outputs a candidate learns from, beside the labels.

    The loss of a batch is ``(1 - weight) * L + weight * T^2 * KL + feature_weight * F``: ``L`` is
    the cross-entropy with the labels, ``T`` the temperature, ``KL`` the divergence of the
    candidate's class probabilities from the teacher's, both softened by ``T`` (Hinton et al.
    2015, section 2), and ``F`` one minus the cosine between the teacher's pooled features and a
    linear map of the candidate's.

    ``weight`` 0.9 and temperature 4 are what knowledge distillation is compared with on CIFAR
    (Tian et al. 2020, "Contrastive Representation Distillation", section 4).

    Attributes:
        source: ``timm:NAME``, ``zoo:NAME@FILE``, ``model.py``, the folder of a training, a run, or
            a file of weights beside its definition. Once opened, its last part alone.
        weight: share of the teacher's class probabilities in the loss of the classes; 0 for a
            teacher of other classes.
        temperature: that softens class probabilities.
        feature_weight: of the loss of the features; 0 for none.
        digest: of the teacher's definition, images and weights: sha256 (64 hex digits). This and
            what follows is filled in when the teacher is opened.
        params: its parameters.
        num_classes: its outputs.
        image_size: of its images; where a file gives one, images are scaled to this.
        in_channels: of its images.
        licence: of its weights; empty where it is not known.
    """

    source: Annotated[str, Field(min_length=1)]
    weight: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.9
    temperature: Ratio = 4.0
    feature_weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    digest: str = ""
    params: int = 0
    num_classes: int = 0
    image_size: Size | None = None
    in_channels: int = 0
    licence: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is known which network this is."""
        return bool(self.digest)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; how it is used is written out, whatever the defaults are."""
        use = {name: getattr(self, name) for name in USE_OF_TEACHER}
        return {**super().to_dict(), **use}

    @property
    def line(self) -> str:
        """What it is and how it is used, for the plan of a training."""
        plain = {"teacher": self.model_dump(mode="json")}
        size = "" if self.image_size is None else f", images of {size_text(self.image_size)} px"
        return f"teacher: {teacher_words(plain)}: {teacher_facts(plain)}{size}"


def teacher_problems(teacher: Teacher) -> list[Problem]:
    """Return every rule between values that ``teacher`` breaks."""
    if teacher.weight or teacher.feature_weight:
        return []
    rule = "must be above 0 where no features are used: nothing is learned from the teacher"
    remedy = "or set teacher.feature_weight (--teacher-features 0.5)"
    return [Problem("teacher.weight", rule, teacher.weight, remedy)]

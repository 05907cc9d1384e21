"""An ablation as a frozen value: question, cost, base, one design, and how to train."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from archsearch.ablation_record import Published
from archsearch.arch import Spec
from archsearch.arch.spec import Count, Flag, Size
from archsearch.errors import Problem
from archsearch.option import DATA, Option
from archsearch.run import LatencyTarget
from archsearch.train import Recipe, recipe_problems
from archsearch.train.teacher import (
    TEACHER,
    TEACHER_FEATURES,
    TEACHER_TEMPERATURE,
    TEACHER_WEIGHT,
)
from archsearch.yaml_source import KeyPath, YamlSource

#: the ways to say what is compared, one of which a study has
DESIGNS = ("variants", "leave_one_out", "one_factor", "factorial")


def _said(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


def _seeds(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | list | tuple):
        raise PydanticCustomError("seeds", "must be a number of seeds, or a list of seeds")
    if value in (0, [], ()) or (isinstance(value, int) and value < 0):
        raise PydanticCustomError("seeds", "must be at least 1")
    if isinstance(value, int):
        return tuple(range(value))
    if len(set(map(str, value))) < len(value):
        raise PydanticCustomError("seeds", "must not hold a seed twice")
    return value


def _share(value: Any) -> Any:
    """Read ``1/4`` as a number."""
    above, line, below = value.partition("/") if isinstance(value, str) else ("", "", "")
    if line and above.strip().isdigit() and below.strip().isdigit() and int(below):
        return int(above) / int(below)
    return value


_Published = Annotated[Published, BeforeValidator(_said)]


class Base(Spec):
    """Where an ablation starts from.

    Attributes:
        arch: Arch file, ``zoo:NAME``, ``run:PATH#TRIAL``, or an exported ``model.py``.
        overrides: dotted path to value, applied to it.
        name: of the base in tables.
        description: one line; may be empty.
        published: what a paper reports of it.
    """

    arch: str
    overrides: dict[str, Any] = Field(default_factory=dict)
    name: str = "base"
    description: str = ""
    published: _Published | None = None


class Change(Spec):
    """The change that a variant, component or level makes to the base.

    Attributes:
        overrides: dotted path to value.
        arch: an architecture in place of the base; the base's own overrides are left out.
        description: one line; may be empty.
        published: what a paper reports of it.
    """

    overrides: dict[str, Any] = Field(default_factory=dict)
    arch: str = ""
    description: str = ""
    published: _Published | None = None


class Factor(Spec):
    """One thing that varies.

    Attributes:
        levels: label to change; in a file also a list of values of ``path``.
        path: dotted path that a list of levels is about.
        description: one line; may be empty.
    """

    levels: dict[str, Change]
    path: str = ""
    description: str = ""


class Factorial(Spec):
    """Every combination of the levels of some factors, or a fraction of them.

    Attributes:
        factors: the base has the first level of each.
        fraction: share of the combinations to train, e.g. ``1/2``.
        published: name of a combination, as ``a=x, b=y``, to what a paper reports of it.
    """

    factors: dict[str, Factor]
    fraction: Annotated[float, Field(gt=0, le=1), BeforeValidator(_share)] = 1.0
    published: dict[str, _Published] = Field(default_factory=dict)


class Study(Spec):
    """An ablation study at one scale.

    Attributes:
        question: what it answers.
        cost: what it takes to run.
        published: outcome that the paper reports; empty where none was found.
        base: where it starts from.
        variants: named changes of the base.
        leave_one_out: component to the change that removes it.
        one_factor: factors, each varied alone.
        factorial: factors, varied together.
        data: ``digits``, ``cluttered-digits``, ``fashion-mnist``, ``cifar10``, ``cifar100`` or
            ``folder:PATH``.
        data_root: folder of a torchvision data set; None for its default.
        image_size: side of square images in pixels, or ``(height, width)``; None takes the base's.
        channels: of the images; None for what they have.
        limit: use at most this many images of the data set; None for all.
        recipe: how every network is trained; in a file also the name of a recipe, or a path;
            None takes the data set's default.
        epochs: in place of the recipe's; a longer warm-up is cut to a quarter of it.
        seeds: of initialisation and data order; in a file also how many.
        intervals: effects have intervals, which needs 2 seeds.
        latency: where and how latency is measured.
    """

    question: str
    cost: str
    published: str
    base: Base
    variants: dict[str, Change] | None = None
    leave_one_out: dict[str, Change] | None = None
    one_factor: dict[str, Factor] | None = None
    factorial: Factorial | None = None
    data: Annotated[
        str,
        Option(
            "--data",
            "digits, cluttered-digits, fashion-mnist, cifar10, cifar100, or folder:PATH with "
            "train/ and val/.",
            DATA,
            default="the study's",
        ),
    ] = "digits"
    data_root: Annotated[
        str | None, Option("--data-root", "Folder of a torchvision data set.", DATA, type=Path)
    ] = None
    image_size: Size | None = None
    channels: Annotated[
        Count | None,
        Option(
            "--channels",
            "Channels of the images: 1 grey, 3 colour, or those of a folder's files, e.g. 4.",
            DATA,
            default="the study's",
        ),
    ] = None
    limit: Annotated[
        Count | None,
        Option("--limit", "Use at most this many images.", DATA, default="the study's"),
    ] = None
    recipe: Annotated[
        Recipe | None,
        Option(
            "--epochs",
            "Epochs of each training.",
            DATA,
            default="the recipe's",
            key="epochs",
            type=int,
        ),
        TEACHER,
        TEACHER_WEIGHT,
        TEACHER_TEMPERATURE,
        TEACHER_FEATURES,
    ] = None
    epochs: Count | None = None
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, strict=True)], ...],
        BeforeValidator(_seeds),
        Option("--seeds", "Trainings of each network.", DATA, default="the study's", type=int),
    ] = (0, 1, 2)
    intervals: Flag = True
    latency: LatencyTarget = LatencyTarget()


def study_problems(study: Study, source: YamlSource) -> list[Problem]:
    """Return what is wrong between the values of a study read from ``source``."""
    given = [design for design in DESIGNS if getattr(study, design) is not None]
    problems: list[Problem] = []
    if len(given) != 1:
        rule = f"must have one of {', '.join(DESIGNS)}"
        problems.append(source.problem((), rule, " and ".join(given) or None))
    empty = [design for design in given if not getattr(study, design)]
    problems += [source.problem((design,), "must not be empty") for design in empty]
    if len(study.seeds) < 2 and study.intervals:
        rule = "an interval needs at least 2 seeds"
        remedy = "use 3 or more seeds, or say intervals: false"
        problems.append(source.problem(("seeds",), rule, len(study.seeds), remedy))
    if study.recipe is not None:
        problems += [
            source.problem(("recipe", *p.key.split(".")), p.rule, p.value, p.remedy)
            for p in recipe_problems(study.recipe)
        ]
    factors = study.one_factor or (study.factorial.factors if study.factorial else {})
    above: KeyPath = ("factorial", "factors") if study.factorial else ("one_factor",)
    for name, factor in factors.items():
        if len(factor.levels) < 2:
            rule = "a factor needs at least 2 levels"
            value = ", ".join(factor.levels) or None
            problems.append(source.problem((*above, name), rule, value, "add a level"))
    if study.factorial is not None and len(factors) < 2:
        remedy = "with one factor, use one_factor"
        rule = "a factorial needs at least 2 factors"
        problems.append(source.problem(above, rule, len(factors), remedy))
    return problems

"""Opens the teacher of a recipe, checks that it suits the data, and asks it about the images."""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from archsearch.arch import Arch
from archsearch.cluster.training_store import data_digest
from archsearch.cost.device import is_out_of_memory
from archsearch.cost.measured_network import module_of
from archsearch.data import DataSplits, TeacherOutputs
from archsearch.errors import InputError, Problem, ProblemList
from archsearch.image_size import sides_of
from archsearch.model import build_model
from archsearch.run.teaching.asking import ask, trial_answers
from archsearch.run.teaching.known_networks import loaded, open_timm, open_zoo, read_weights
from archsearch.run.teaching.opened_teacher import OpenedTeacher
from archsearch.run.teaching.stored_outputs import StoredOutputs
from archsearch.run.teaching.teacher_memory import KEY, answering_batch, check_size
from archsearch.run.teaching.teacher_source import TeacherAbsentError, find_files, source_label
from archsearch.train import ModelFile, Recipe, default_augmentation
from archsearch.train.pooled_features import classifier_of
from archsearch.train.teacher import USE_OF_TEACHER, Teacher, teacher_problems
from archsearch.user_code import load_function

logger = logging.getLogger(__name__)

#: channels that a data set and a teacher may have between them, other than equal ones
_CONVERTED = {(1, 3), (3, 1)}


@dataclass(frozen=True)
class Teaching:
    """A recipe with its teacher, and where the teacher's outputs are kept.

    Attributes:
        recipe: its teacher is known by digest; the augmentation is settled.
        teacher: open; None where its outputs are kept, and so it is not needed.
        stored: the files of its outputs; None where they are not kept.
        device: that it runs on.
    """

    recipe: Recipe
    teacher: OpenedTeacher | None
    stored: StoredOutputs | None
    device: str

    def outputs(self, data: DataSplits) -> tuple[TeacherOutputs, list[str]]:
        """Return the teacher's outputs on the training images, and lines about them.

        They are read from their files, or computed and not yet kept.

        Raises:
            InputError: an output is not finite.
        """
        wanted = self.recipe.teacher
        assert wanted is not None, "a teaching has a teacher"
        if self.teacher is None:
            assert self.stored is not None, "what is not asked was asked before"
            return self.stored.read(), []
        began = time.perf_counter()
        outputs = ask(
            self.teacher,
            data,
            views=_views(self.recipe),
            columns=_columns(self.teacher, data) if wanted.weight else None,
            with_features=bool(wanted.feature_weight),
            digest=wanted.digest,
            device=torch.device(self.device),
        )
        seconds = time.perf_counter() - began
        return outputs, [_line(self.teacher.label, outputs, data, seconds)]

    def keep(self, outputs: TeacherOutputs) -> None:
        """Write the outputs to their files, unless they were read from there."""
        teacher = self.recipe.teacher
        assert teacher is not None, "a teaching has a teacher"
        if self.teacher is not None and self.stored is not None:
            self.stored.write(outputs, teacher)


def open_teaching(
    recipe: Recipe,
    data: DataSplits,
    folder: Path | None,
    *,
    runs_dir: str | Path = "runs",
    download: bool = False,
    device: str = "cpu",
) -> Teaching | None:
    """Open the teacher of a recipe and check that it suits the data; None without one.

    Where the folder keeps the outputs of this very teacher, the teacher is not needed: neither
    where the recipe names it by its digest, nor where nothing lies any more where it was.

    Args:
        recipe: whose teacher may be known by its source alone.
        data: that it is to be asked about.
        folder: of the run, ablation or training; None where nothing is kept.
        runs_dir: folder of all runs.
        download: fetch weights of timm's that are not here.
        device: that it runs on.

    Raises:
        InputError: there is no such teacher, or it does not suit the data.
    """
    asked = recipe.teacher
    if asked is None:
        return None
    if problems := teacher_problems(asked):
        raise InputError([dataclasses.replace(p, key=f"recipe.{p.key}") for p in problems])
    if recipe.augmentation is None:
        recipe = recipe.model_copy(update={"augmentation": default_augmentation(data)})
    stored = None
    if folder is not None:
        stored = StoredOutputs(folder, data_digest(data), _views(recipe))
    kept = stored.teacher() if stored is not None and stored.suffice(asked) else None
    if kept is not None and asked.is_open and kept.digest == asked.digest:
        return Teaching(_with(recipe, kept), None, stored, device)
    try:
        opened = _open(asked, runs_dir, download)
    except TeacherAbsentError:
        if kept is not None and kept.source == source_label(asked.source):
            return Teaching(_with(recipe, kept), None, stored, device)
        raise
    if folder is not None:
        _check_elsewhere(opened, folder)
    found = _facts(asked, opened)
    if asked.is_open and asked.digest != found.digest:
        rule = f"must be the teacher with the digest {asked.digest[:12]}"
        remedy = "give that one, or leave the digest out of the recipe"
        raise InputError(Problem(KEY, rule, found.digest[:12], remedy))
    if kept is not None and kept.digest == found.digest:
        # the same network, perhaps from another place: it keeps the name that it has here
        return Teaching(_with(recipe, kept), None, stored, device)
    _check_suits(opened, asked, data, device)
    return Teaching(recipe.model_copy(update={"teacher": found}), opened, stored, device)


def with_outputs(
    data: DataSplits, teaching: Teaching | None, say: Callable[[str], None]
) -> DataSplits:
    """Return the data with the teacher's outputs, if there is a teacher; nothing is written.

    Args:
        data: that have them, or not yet.
        teaching: the teacher; None for none.
        say: prints a line.

    Raises:
        InputError: an output is not finite.
    """
    if teaching is None or data.teacher is not None:
        return data
    outputs, lines = teaching.outputs(data)
    for line in lines:
        say(line)
    return dataclasses.replace(data, teacher=outputs)


def keep_outputs(data: DataSplits, teaching: Teaching | None) -> None:
    """Write the teacher's outputs to the teaching's folder, if there is a teacher."""
    if teaching is not None and data.teacher is not None:
        teaching.keep(data.teacher)


def taught(
    data: DataSplits,
    recipe: Recipe,
    *,
    runs_dir: str | Path = "runs",
    device: str = "cpu",
) -> tuple[DataSplits, Recipe]:
    """Return data and recipe for a `Trainer` whose recipe has a teacher; nothing is written.

    Args:
        data: whose training images the teacher is asked about.
        recipe: with a teacher, which may be known by its source alone.
        runs_dir: folder of all runs.
        device: that the teacher runs on.

    Raises:
        InputError: there is no such teacher, or it does not suit the data.
    """
    teaching = open_teaching(recipe, data, None, runs_dir=runs_dir, device=device)
    if teaching is None:
        return data, recipe
    return with_outputs(data, teaching, logger.info), teaching.recipe


def _with(recipe: Recipe, kept: Teacher) -> Recipe:
    """Return the recipe with what is known of the teacher whose outputs are kept."""
    assert recipe.teacher is not None
    asked = {name: getattr(recipe.teacher, name) for name in USE_OF_TEACHER}
    return recipe.model_copy(update={"teacher": kept.model_copy(update=asked)})


def _views(recipe: Recipe) -> int:
    return 2 if recipe.augmentation is not None and recipe.augmentation.flip else 1


def _open(asked: Teacher, runs_dir: str | Path, download: bool) -> OpenedTeacher:
    """Return the teacher; every problem without a place is one of its source."""
    try:
        if asked.source.startswith("timm:"):
            opened = open_timm(asked.source, download=download)
        elif asked.source.startswith("zoo:"):
            opened = open_zoo(asked.source)
        else:
            opened = _open_files(asked.source, runs_dir)
    except InputError as error:
        problems = [
            each if each.key or each.file else dataclasses.replace(each, key=KEY)
            for each in error.problems
        ]
        raise type(error)(problems) from None
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        rule = "needs more memory than there is"
        raise InputError(Problem(KEY, rule, asked.source, "take a smaller teacher")) from None
    if asked.image_size is not None:
        images = dataclasses.replace(opened.images, size=asked.image_size)
        opened = dataclasses.replace(opened, images=images)
    return opened


def _open_files(source: str, runs_dir: str | Path) -> OpenedTeacher:
    found = find_files(source, runs_dir)
    network = found.network
    state = read_weights(found.weights)
    if isinstance(network, Arch):
        check_size(source_label(source), lambda: build_model(network))
        model: nn.Module = build_model(network)
    else:
        model = _built(network, state)
    return OpenedTeacher(
        source_label(source),
        loaded(model, state, found.weights).eval(),
        found.images,
        found.class_names,
        definition=network.digest,
        files=(*([network.path] if isinstance(network, ModelFile) else ()), found.weights),
    )


def _built(network: ModelFile, state: Mapping[str, Tensor]) -> nn.Module:
    """Return the network of a Python file, for as many classes as its weights have."""
    make = load_function(f"{network.path}:{network.function}")

    def made(classes: int) -> nn.Module:
        given = {"num_classes": classes} if make.takes("num_classes") else {}
        return module_of(make(**given), make)[0]

    model = made(network.num_classes or 2)
    try:
        last = classifier_of(model)
    except InputError:
        # it may answer all the same
        return model
    name = next(name for name, module in model.named_modules() if module is last)
    weight, own = state.get(f"{name}.weight"), last.weight
    if weight is None or not isinstance(own, Tensor) or len(weight) == len(own):
        return model
    return made(len(weight))


def _facts(asked: Teacher, opened: OpenedTeacher) -> Teacher:
    """Return how the teacher is used, with what is known of it now."""
    return asked.model_copy(
        update={
            "source": opened.label,
            "digest": opened.digest,
            "params": opened.params,
            "num_classes": _num_classes(opened),
            "image_size": opened.images.size,
            "in_channels": opened.images.channels,
            "licence": opened.licence,
        }
    )


def _num_classes(opened: OpenedTeacher) -> int:
    said = getattr(opened.network, "num_classes", 0) or len(opened.class_names)
    if said:
        return int(said)
    last = classifier_of(opened.network)
    return int(getattr(last, "out_features", 0) or getattr(last, "out_channels", 0))


def _check_elsewhere(opened: OpenedTeacher, folder: Path) -> None:
    """Check that the teacher does not lie in the folder that is written.

    Raises:
        InputError: it does.
    """
    own = folder.resolve()
    if any(own in file.resolve().parents for file in opened.files):
        rule = "must lie elsewhere than in the folder that is written"
        raise InputError(Problem(KEY, rule, str(folder), "name another folder, or another teacher"))


def _check_suits(opened: OpenedTeacher, asked: Teacher, data: DataSplits, device: str) -> None:
    """Check that the teacher can answer for the data's images.

    Raises:
        InputError: with everything that keeps it from that.
    """
    found = ProblemList()
    own, given = opened.images.channels, data.in_channels
    if own != given and (given, own) not in _CONVERTED:
        rule = f"takes images of {own} channels, and the data have {given}"
        remedy = "grey and colour are turned into each other, other channels are not"
        found.add(Problem(KEY, rule, opened.label, remedy))
    if asked.weight:
        found.add(_class_problem(opened, data))
    if asked.feature_weight:
        with found.gathered():
            classifier_of(opened.network)
    found.check()
    where = torch.device(device)
    shape = (own, *sides_of(opened.images.size))
    answering_batch(opened.label, opened.network, shape, where)
    trial_answers(opened, data, where, with_features=bool(asked.feature_weight))


def _class_problem(opened: OpenedTeacher, data: DataSplits) -> Problem | None:
    """Return why the teacher's class probabilities say nothing of the data's classes."""
    count, names = _num_classes(opened), opened.class_names
    known = len(names) == count
    if count == data.num_classes and (not known or set(names) == set(data.class_names)):
        return None
    rule = f"has other classes than the data: {count} in place of {data.num_classes}"
    if count == data.num_classes:
        rule = "has other classes than the data: " + ", ".join(
            each for each in names if each not in data.class_names
        )
    remedy = (
        "its features can be used: --teacher-weight 0 --teacher-features 0.5 "
        "(recipe.teacher.weight, .feature_weight)"
    )
    return Problem(KEY, rule, opened.label, remedy)


def _columns(opened: OpenedTeacher, data: DataSplits) -> list[int]:
    """Return which output of the teacher is the data's first class, second class ..."""
    names = opened.class_names
    if set(names) == set(data.class_names) and len(names) == data.num_classes:
        return [names.index(name) for name in data.class_names]
    return list(range(data.num_classes))


def _line(label: str, outputs: TeacherOutputs, data: DataSplits, seconds: float) -> str:
    views = "images and their mirror images" if outputs.views == 2 else "images"
    text = f"teacher {label}: asked about {len(data.train):,} {views} in {seconds:.1f} s"
    if outputs.logits is None:
        return text
    right = float((outputs.logits[:, 0].argmax(axis=1) == data.train.labels).mean())
    return f"{text}; it is right about {100 * right:.1f} % of the training images"

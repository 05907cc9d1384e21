"""The recipe of a data set, fitted to the number of images: the rule, and what is said of it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.data import DATA_NAMES, ArraySplit, DataSplits, load_data
from archsearch.search.rungs import automatic_rungs
from archsearch.train import Augmentation, Recipe, default_recipe, fit_recipe, recipe_problems
from archsearch.train.recipe_fit import (
    FEW_STEPS,
    FEW_STEPS_A_CLASS,
    MOST_EPOCHS,
    SMALLEST_BATCH,
    STEPS,
    STEPS_PER_EPOCH,
    fitted,
)

FOLDER = default_recipe("folder:x")
DOCS = Path(__file__).parents[2] / "docs" / "own_data.md"


def photos(images: int, val: int = 30, classes: int = 3, name: str = "folder:x") -> DataSplits:
    """Return black photographs: their number is all that counts here."""

    def split(count: int) -> ArraySplit:
        return ArraySplit(np.zeros((count, 3, 4, 4), np.uint8), np.arange(count) % classes)

    names = tuple(map(str, range(classes)))
    three = (0.5,) * 3
    return DataSplits(split(images), split(val), None, classes, 3, 4, name, names, three, three)


@pytest.mark.parametrize(
    ("name", "images"),
    [
        ("digits", 1150),
        ("cluttered-digits", 2000),
        ("fashion-mnist", 54_000),
        ("cifar10", 45_000),
        ("cifar100", 45_000),
        ("folder:x", 20_000),
    ],
)
def test_a_shipped_recipe_is_unchanged_at_full_size(name: str, images: int) -> None:
    assert name in DATA_NAMES or name == "folder:x"
    fit = fit_recipe(photos(images, name=name))
    shipped = default_recipe(name)
    assert fit.recipe == shipped.model_copy(update={"augmentation": fit.recipe.augmentation})
    assert fit.changes == {}
    assert not any(line.startswith(("fitted", "warning")) for line in fit.lines())


@pytest.mark.parametrize("name", ["digits", "cluttered-digits"])
def test_embedded_images_keep_their_recipe(name: str) -> None:
    for seed in (0, 1):
        assert fit_recipe(load_data(name, image_size=32, seed=seed)).changes == {}


@pytest.mark.parametrize("images", [*range(1, 40), 144, 450, 1499, 1500, 2047, 2049, 6000, 10**5])
@pytest.mark.parametrize("name", ["digits", "cluttered-digits", "cifar10", "folder:x"])
def test_the_rule(name: str, images: int) -> None:
    """Against the properties that the documentation promises, one by one."""
    shipped = default_recipe(name)
    recipe = fitted(shipped, images)
    assert recipe_problems(recipe) == []
    steps = len(np.array_split(np.arange(images), -(-images // recipe.batch_size)))
    halvings = [shipped.batch_size >> k for k in range(10)]
    allowed = [b for b in halvings if b >= SMALLEST_BATCH]
    enough = [b for b in allowed if -(-images // b) >= STEPS_PER_EPOCH]
    assert recipe.batch_size == (max(enough) if enough else min(allowed))
    assert shipped.epochs <= recipe.epochs <= MOST_EPOCHS * shipped.epochs
    if recipe.epochs < MOST_EPOCHS * shipped.epochs and name in ("cifar10", "folder:x"):
        assert recipe.epochs * steps >= STEPS
    if recipe.epochs > shipped.epochs:
        assert (recipe.epochs - 1) * steps < STEPS
    share = recipe.warmup_epochs / recipe.epochs
    assert share == pytest.approx(shipped.warmup_epochs / shipped.epochs, rel=0.05)


def test_more_images_take_no_fewer_steps() -> None:
    each = [fitted(FOLDER, images) for images in range(1, 3000)]
    assert [r.batch_size for r in each] == sorted(r.batch_size for r in each)
    assert max(r.epochs for r in each) == MOST_EPOCHS * FOLDER.epochs
    for few, many in ((48, 144), (144, 450), (450, 1500), (1500, 6000), (6000, 50_000)):
        a, b = fit_recipe(photos(few)), fit_recipe(photos(many))
        assert a.images * a.recipe.epochs <= b.images * b.recipe.epochs, "never takes longer"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch_size", 128),
        ("batch_size", 7),
        ("epochs", 10),
        ("epochs", 1),
        ("warmup_epochs", 0.5),
        ("learning_rate", 0.002),
        ("optimizer", "sgd"),
        ("augmentation.mixup", 0.0),
    ],
)
def test_what_the_user_sets_stays(key: str, value: Any) -> None:
    if key.startswith("augmentation"):
        asked = FOLDER.model_copy(update={"augmentation": Augmentation()})
    else:
        asked = FOLDER.model_copy(update={key: value, "warmup_epochs": 0.2})
        asked = asked.model_copy(update={key: value})
    fit = fit_recipe(photos(60), asked, {key})
    assert key not in fit.changes
    data = fit.recipe.model_dump()
    for part in key.split("."):
        data = data[part]
    assert data == value
    others = {"batch_size", "epochs"} - {key}
    assert others <= set(fit.changes), "the rest is fitted"


def test_a_recipe_of_ones_own_is_never_changed() -> None:
    own = Recipe(epochs=2, batch_size=128, warmup_epochs=0, augmentation=Augmentation())
    fit = fit_recipe(photos(5), own)
    assert fit.recipe == fit.asked == own
    assert fit.changes == {}


def test_what_is_said_of_few_images() -> None:
    fit = fit_recipe(photos(144, val=36))
    recipe = fit.recipe
    training, change, validation, *warnings = fit.lines()
    assert training == (
        f"training: 144 images, batch {recipe.batch_size}, {fit.steps_per_epoch} steps an epoch, "
        f"{recipe.epochs} epochs: {fit.steps_per_epoch * recipe.epochs} steps in all"
    )
    assert change.startswith("fitted to 144 images: ")
    for key in ("batch_size", "epochs"):
        assert f"--set recipe.{key}={getattr(FOLDER, key)}" in change.split("as shipped: ")[1]
    # the normal approximation, written out
    points = 100 * 1.96 * (0.8 * 0.2 / 36 + 0.8 * 0.2 / 36) ** 0.5
    assert (
        f"36 images distinguish two networks near 80 % if they differ by about {points:.2g} "
        in (validation)
    )
    assert not warnings
    written = fit.to_dict()
    assert written["steps"] == fit.steps
    assert written["fitted"]["batch_size"] == {"shipped": 128, "fitted": recipe.batch_size}


def test_the_way_back_to_the_shipped_recipe_works() -> None:
    """The settings that the line names give the recipe as it is shipped."""
    line = fit_recipe(photos(144)).lines()[1]
    pairs = re.findall(r"--set recipe\.(\S+?)=(\S+)", line)
    asked = FOLDER.model_copy(update={key: int(value) for key, value in pairs})
    fit = fit_recipe(photos(144), asked, {key for key, _ in pairs})
    assert fit.changes == {}
    assert fit.recipe.batch_size == FOLDER.batch_size


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
@pytest.mark.parametrize("batch_size", [16, 128])
@pytest.mark.parametrize("images", [20, 144, 450, 3000])
def test_too_few_steps_are_told_with_a_remedy_that_helps(
    images: int, batch_size: int, classes: int
) -> None:
    least = max(FEW_STEPS, FEW_STEPS_A_CLASS * classes)
    for epochs in (1, 3, 10, 40, 200):
        own = Recipe(epochs=epochs, batch_size=batch_size, warmup_epochs=0)
        fit = fit_recipe(photos(images, classes=classes), own)
        (warning,) = fit.warnings() or ("",)
        assert bool(warning) == (fit.steps < least)
        if not warning:
            continue
        assert fit.lines()[-1] == warning
        (more,) = re.findall(r"--epochs (\d+)", warning)
        assert not fit_recipe(
            photos(images, classes=classes), own.model_copy(update={"epochs": int(more)})
        ).warnings()
        for smaller in re.findall(r"recipe.batch_size=(\d+)", warning):
            batch = own.model_copy(update={"batch_size": int(smaller)})
            assert not fit_recipe(photos(images, classes=classes), batch).warnings()


def test_a_begun_training_keeps_its_recipe() -> None:
    fit = fit_recipe(photos(144))
    assert fit.recipe != fit.asked
    assert fit.going_on(fit.asked).recipe == fit.asked, "earlier versions fitted none"
    other = fit.recipe.model_copy(update={"epochs": 33})
    assert fit.going_on(other).recipe == fit.recipe
    assert fit.going_on(other, is_asked_again=True).recipe == other


@pytest.mark.parametrize("images", [2, 48, 144, 450, 1500, 6000])
def test_the_automatic_pause_comes_after_a_fifth_of_the_steps(images: int) -> None:
    fit = fit_recipe(photos(images))
    (pause,) = automatic_rungs(fit.recipe.epochs)
    assert pause / fit.recipe.epochs == pytest.approx(0.2, abs=0.02)
    assert pause > fit.recipe.warmup_epochs, "judged after the warm-up"


def test_a_resolution_is_known_for_a_single_image() -> None:
    fit = replace(fit_recipe(photos(3)), val_images=1)
    assert 0 < fit.resolution < 2


def test_the_table_of_the_documentation_is_the_rule() -> None:
    section = DOCS.read_text().split("## Few images")[1].split("\n## ")[0]
    rows = [
        [cell.strip().replace(",", "") for cell in line.strip("| ").split("|")]
        for line in section.splitlines()
        if re.match(r"\| [\d,]+ \|", line)
    ]
    assert len(rows) >= 6
    for images, batch, steps, epochs, total, warmup, rate, *_ in rows:
        fit = fit_recipe(photos(int(images)))
        recipe = fit.recipe
        assert (recipe.batch_size, recipe.epochs) == (int(batch), int(epochs))
        assert (fit.steps_per_epoch, fit.steps) == (int(steps), int(total))
        assert (recipe.warmup_epochs, recipe.learning_rate) == (float(warmup), float(rate))


@pytest.mark.parametrize(("images", "batch_size"), [(3, 2), (5, 2), (4, 1), (1, 16)])
def test_steps_of_a_single_image_are_told(images: int, batch_size: int) -> None:
    own = Recipe(epochs=200, batch_size=batch_size, warmup_epochs=0)
    assert any(
        "steps of a single image" in each for each in fit_recipe(photos(images), own).lines()
    )
    for other in (3, 4, 32):
        own = own.model_copy(update={"batch_size": other})
        assert not any("single" in each for each in fit_recipe(photos(max(3, images)), own).lines())

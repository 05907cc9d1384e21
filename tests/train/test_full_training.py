"""Full training: killed and resumed it equals the uninterrupted one, bit for bit."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from archsearch.data import DATA_NAMES
from archsearch.errors import InputError
from archsearch.export import export_python
from archsearch.resources import find_yaml, resource_names
from archsearch.train import (
    Augmentation,
    Recipe,
    Trainer,
    TrainingFolder,
    load_recipe,
    open_model_file,
    train_fully,
)

RECIPE = Recipe(
    epochs=3,
    batch_size=20,
    warmup_epochs=0.5,
    ema_decay=0.9,
    augmentation=Augmentation(translate=1, mixup=0.3, cutmix=0.5),
)


class KilledError(Exception):
    pass


def killer(after):
    def show(metrics):
        if metrics.epoch == after:
            raise KilledError

    return show


def test_without_test_images_only_validation_is_reported(arch, data, tmp_path):
    folder = TrainingFolder(tmp_path / "untested")
    folder.open({})
    untested = replace(data, test=None)
    result = train_fully(Trainer(arch, untested, RECIPE, seed=3), folder)
    assert result.test is None
    assert result.val.n == len(data.val)
    assert json.loads(folder.result.read_text())["test"] is None


@pytest.mark.parametrize("after", [1, 2, 3])
@pytest.mark.parametrize("seconds", [600.0, 0.0])
def test_goes_on_to_the_same_weights(arch, data, tmp_path, after, seconds):
    whole = TrainingFolder(tmp_path / "whole")
    whole.open({})
    expected = train_fully(Trainer(arch, data, RECIPE, seed=3), whole)
    cut = TrainingFolder(tmp_path / "cut")
    cut.open({})
    with pytest.raises(KilledError):
        train_fully(Trainer(arch, data, RECIPE, seed=3), cut, killer(after), seconds)
    found = train_fully(Trainer(arch, data, RECIPE, seed=3), cut, checkpoint_seconds=seconds)
    assert cut.weights.read_bytes() == whole.weights.read_bytes()
    assert (found.val, found.test) == (expected.val, expected.test)
    assert [each.train_loss for each in found.epochs] == [e.train_loss for e in expected.epochs]
    assert json.loads(cut.result.read_text())["test"]["n"] == len(data.test)
    assert not list(cut.path.glob("*.tmp"))


def test_another_configuration_in_the_same_folder(tmp_path):
    begun = {"seed": 0, "recipe": {"epochs": 3, "erase_area": (0.1, 0.2)}, "data": {"limit": None}}
    folder = TrainingFolder(tmp_path / "training")
    folder.open(begun)
    folder.open(begun)
    other = {**begun, "seed": 1, "recipe": {"epochs": 4, "erase_area": (0.1, 0.2)}}
    with pytest.raises(InputError) as caught:
        folder.open(other)
    assert [(problem.key, problem.value) for problem in caught.value.problems] == [
        ("seed", 1),
        ("recipe.epochs", 4),
    ]
    with pytest.raises(InputError, match=r"epochs: must be 3, as in the training in .*--output"):
        folder.open(other)


def test_a_folder_with_something_else(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="must be a new folder or one of a training"):
        TrainingFolder(tmp_path).open({})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_exported_file_trains_as_its_architecture_does(arch, data, tmp_path):
    export_python(arch, tmp_path / "model.py")
    model = open_model_file(f"{tmp_path / 'model.py'}:create_model", data.num_classes)
    assert (model.image_size, model.in_channels, model.num_classes) == (16, 1, 4)
    recipe = RECIPE.model_copy(update={"epochs": 1})
    for name, trainer in (
        ("file", Trainer(model, data, recipe, seed=3, build=model.build)),
        ("arch", Trainer(arch, data, recipe, seed=3)),
    ):
        folder = TrainingFolder(tmp_path / name)
        folder.open({})
        train_fully(trainer, folder)
    ours = load_file(tmp_path / "arch" / "model.safetensors")
    theirs = load_file(tmp_path / "file" / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert model.build(None, drop_path=0.1, seed=0).training


def test_a_function_without_drop_path(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\ndef make(num_classes=2):\n"
        "    made = nn.Sequential(nn.Flatten(), nn.Linear(64, num_classes))\n"
        "    made.input_size = (1, 8, 8)\n    return made\n"
    )
    model = open_model_file(f"{tmp_path / 'mine.py'}:make", 3)
    with pytest.raises(InputError, match="drop_path: must be 0 for a function that takes no"):
        model.build(None, drop_path=0.1, seed=0)


def test_a_file_that_does_not_say_its_images(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\ndef make(num_classes=2):\n    return nn.Linear(2, num_classes)\n"
        "def fixed():\n    return nn.Linear(2, 2)\n"
    )
    with pytest.raises(InputError, match="set its attribute input_size"):
        open_model_file(f"{tmp_path / 'mine.py'}:make", 3)
    with pytest.raises(InputError, match="must take the number of classes"):
        open_model_file(f"{tmp_path / 'mine.py'}:fixed", 3)
    with pytest.raises(InputError, match="did you mean 'make'"):
        open_model_file(f"{tmp_path / 'mine.py'}:mke", 3)


PAPERS = ["edgevit", "lightvit", "localvit", "sepvit"]


@pytest.mark.parametrize("name", PAPERS)
def test_recipes_of_the_papers(name):
    recipe = load_recipe(find_yaml(name, "recipes"))
    assert recipe.epochs == 300
    assert recipe.learning_rate == pytest.approx(1e-3 * recipe.batch_size / 1024)
    lowest = recipe.learning_rate * recipe.final_learning_rate
    assert lowest == pytest.approx(1e-6 if name == "lightvit" else 1e-5)


def test_the_papers_and_the_data_sets_have_recipes():
    data = {name.partition(":")[0] for name in DATA_NAMES}
    assert set(resource_names("recipes")) == {*PAPERS, *data}

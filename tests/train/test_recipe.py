import pytest
from timm.optim import list_optimizers

from archsearch.data import DATA_NAMES
from archsearch.errors import InputError
from archsearch.train import (
    Augmentation,
    Recipe,
    default_augmentation,
    default_recipe,
    load_recipe,
    recipe_problems,
)

FULL = Recipe(
    epochs=3,
    batch_size=32,
    optimizer="lamb",
    learning_rate=1e-3,
    schedule="linear",
    warmup_epochs=0.5,
    final_learning_rate=0.1,
    weight_decay=0.01,
    momentum=0.8,
    label_smoothing=0.0,
    drop_path=0.05,
    clip_norm=None,
    ema_decay=0.99,
    precision="bfloat16",
    augmentation=Augmentation(
        translate=2,
        flip=True,
        erase_probability=0.25,
        erase_area=(0.1, 0.2),
        mixup=0.1,
        cutmix=0.5,
    ),
)


@pytest.mark.parametrize("recipe", [Recipe(), FULL, *(default_recipe(n) for n in DATA_NAMES)])
def test_yaml_round_trip(tmp_path, recipe):
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml())
    assert load_recipe(path) == recipe
    assert recipe_problems(recipe) == []
    assert hash(recipe) == hash(load_recipe(path))


def errors_of(tmp_path, text: str) -> list[str]:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_recipe(path)
    return str(caught.value).replace(str(path), "recipe.yaml").splitlines()


def test_unknown_key_and_wrong_values(tmp_path):
    text = "epoch: 3\nbatch_size: 0\nschedule: cosin\naugmentation: {flips: true}\n"
    assert errors_of(tmp_path, text) == [
        "recipe.yaml:2: batch_size: must be at least 1, but got 0",
        "recipe.yaml:3: schedule: must be one of 'cosine', 'linear' or 'constant', but got 'cosin'",
        "recipe.yaml:4: augmentation.flips: is an unknown key; did you mean 'flip'?",
        "recipe.yaml:1: epoch: is an unknown key; did you mean 'epochs'?",
    ]


def test_rules_between_values(tmp_path):
    text = (
        "epochs: 2\nwarmup_epochs: 2\noptimizer: adamv\naugmentation:\n  erase_area: [0.5, 0.1]\n"
    )
    assert errors_of(tmp_path, text) == [
        "recipe.yaml:3: optimizer: must be a known optimiser, but got 'adamv'; "
        "did you mean 'adam' or 'radam' or 'nadam'?",
        "recipe.yaml:2: warmup_epochs: must be less than the 2 epochs, but got 2.0",
        "recipe.yaml:5: augmentation.erase_area: must be two shares, 0 < smallest <= largest, but "
        "got [0.5, 0.1]",
    ]


def test_hopeless_optimizer_name(tmp_path):
    assert errors_of(tmp_path, "optimizer: 7z\n") == [
        "recipe.yaml:1: optimizer: must be a known optimiser, but got '7z'; try adamw, lamb, lion, "
        "muon or sgd"
    ]
    assert {"adamw", "lamb", "lion", "muon", "sgd"} <= set(list_optimizers())


def test_characters_are_never_mirrored(data):
    assert not default_augmentation(data).flip
    assert not default_recipe("digits").augmentation

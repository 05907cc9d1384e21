"""Learning from a teacher: the loss against its formula, and trainings that are interrupted."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from archsearch.cluster.training_key import TrainingKey
from archsearch.data import TeacherOutputs
from archsearch.errors import InputError
from archsearch.train import Augmentation, Recipe, Teacher, Trainer, changed_recipe, recipe_problems
from archsearch.train.distillation import Lesson, Pupil, Taught, TeacherFeed
from archsearch.train.inputs import build_mixing, plan_epoch
from archsearch.train.recipe import recipe_from
from archsearch.yaml_source import parse_yaml

CPU = torch.device("cpu")
DIGEST = "d" * 64
BOTH = Teacher(source="t", weight=0.7, temperature=3.0, feature_weight=0.5, digest=DIGEST)
SOFT = BOTH.model_copy(update={"feature_weight": 0.0})
FEATURES = BOTH.model_copy(update={"weight": 0.0})
FLIPPED = Augmentation(translate=2, flip=True, mixup=0.3, cutmix=0.5)


def outputs_on(count: int, classes: int = 4, width: int = 6) -> TeacherOutputs:
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 3, (count, 2, classes))
    features = rng.normal(0, 1, (count, 2, width))
    features /= np.linalg.norm(features, axis=2, keepdims=True)
    logits -= logits.max(axis=2, keepdims=True)
    return TeacherOutputs(DIGEST, logits.astype(np.float16), features.astype(np.float16))


@pytest.fixture
def taught(data):
    return dataclasses.replace(data, teacher=outputs_on(len(data.train)))


def recipe_with(teacher: Teacher | None, **changes) -> Recipe:
    values = {"augmentation": FLIPPED, "epochs": 2, "batch_size": 20, "warmup_epochs": 0.5}
    return Recipe(teacher=teacher, **{**values, **changes})


# ---- the loss, written out in NumPy


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def formula(teacher, logits, targets, smoothing, soft, mapped, wanted) -> float:
    """Hinton et al. 2015, section 2, and one minus the cosine; ``targets`` are (B, classes)."""
    targets = (1 - smoothing) * targets + smoothing / targets.shape[1]
    of_labels = -(targets * np.log(softmax(logits))).sum(axis=1).mean()
    own = softmax(logits / teacher.temperature)
    apart = (soft * (np.log(soft) - np.log(own))).sum(axis=1).mean()
    cosine = (mapped * wanted).sum(axis=1) / (
        np.linalg.norm(mapped, axis=1) * np.linalg.norm(wanted, axis=1)
    )
    return (
        (1 - teacher.weight) * of_labels
        + teacher.weight * teacher.temperature**2 * apart
        + teacher.feature_weight * (1 - cosine).mean()
    )


@pytest.mark.parametrize("teacher", [BOTH, SOFT, FEATURES, BOTH.model_copy(update={"weight": 1.0})])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("mixup", "cutmix"), [(0.0, 0.0), (0.8, 0.0), (0.0, 1.0)])
def test_loss_is_its_formula(teacher, smoothing, mixup, cutmix):
    rng = np.random.default_rng(0)
    batch, classes, width = 7, 5, 6
    logits, mapped = rng.normal(0, 2, (batch, classes)), rng.normal(0, 1, (batch, width))
    said, wanted = rng.normal(0, 3, (batch, classes)), rng.normal(0, 1, (batch, width))
    labels = rng.integers(0, classes, batch)
    # image i is i everywhere: the share of each of two images can be read from the mixed one
    pixels = np.broadcast_to(np.arange(batch, dtype=float)[:, None, None, None], (batch, 1, 8, 8))
    seen = []

    def forward(images):
        seen.append(images.numpy())
        return torch.tensor(logits), torch.tensor(mapped)

    torch.manual_seed(3)
    lesson = Lesson(teacher, outputs_on(batch, classes), classes, smoothing, CPU)
    taught = Taught(torch.tensor(said), torch.tensor(wanted))
    mixing = build_mixing(Augmentation(mixup=mixup, cutmix=cutmix), None)
    images = torch.tensor(pixels.copy(), dtype=torch.float32)
    loss = lesson.loss(forward, images, torch.tensor(labels), taught, mixing)

    shares = np.eye(batch)
    if mixing is not None:
        # row i holds images i and i - 1
        of_own = (seen[0] - np.roll(pixels, 1, axis=0)).mean(axis=(1, 2, 3)) / (
            np.arange(batch) - np.roll(np.arange(batch), 1)
        )
        assert 0 < of_own[1] < 1
        shares = np.diag(of_own) + np.diag(1 - of_own) @ np.roll(np.eye(batch), 1, axis=0)
    soft = shares @ softmax(said / teacher.temperature)
    expected = formula(
        teacher, logits, shares @ np.eye(classes)[labels], smoothing, soft, mapped, shares @ wanted
    )
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_gradient_of_soft_targets_is_that_of_hinton():
    """With weight 1: T (softmax(z / T) - p) / B for each logit."""
    rng = np.random.default_rng(1)
    logits, said = rng.normal(0, 2, (4, 5)), rng.normal(0, 2, (4, 5))
    teacher = SOFT.model_copy(update={"weight": 1.0})
    own = torch.tensor(logits, requires_grad=True)
    lesson = Lesson(teacher, outputs_on(4, 5), 5, 0.1, CPU)
    taught = Taught(torch.tensor(said), None)
    images, labels = torch.zeros(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64)
    lesson.loss(lambda _: (own, None), images, labels, taught, None).backward()
    expected = 3.0 * (softmax(logits / 3) - softmax(said / 3)) / 4
    np.testing.assert_allclose(own.grad.numpy(), expected, atol=1e-6)


# ---- which output belongs to which image


@pytest.mark.parametrize("flip", [False, True])
def test_outputs_are_those_of_the_image_or_its_mirror_image(flip):
    outputs = outputs_on(30)
    feed = TeacherFeed(outputs, CPU)
    plan = plan_epoch(30, 8, Augmentation(translate=1, flip=flip), 16, seed=2, epoch=1)
    feed.begin(plan)
    count = 0
    for number, batch in enumerate(plan.batches):
        said = feed.batch(number)
        for row, image in enumerate(batch):
            view = int(plan.draws.flip[count]) if flip else 0
            assert torch.equal(said.logits[row], torch.tensor(outputs.logits[image, view]).float())
            wanted = torch.tensor(outputs.features[image, view]).float()
            assert torch.equal(said.features[row], wanted)
            count += 1
    assert count == 30


# ---- whole trainings


def finish(trainer: Trainer, max_seconds: float = math.inf) -> list[tuple[float, ...]]:
    shown = []
    while not trainer.done:
        metrics = trainer.run(max_seconds)
        if metrics is not None:
            shown.append((metrics.epoch, metrics.train_loss, metrics.accuracy, metrics.val_loss))
    return shown


RECIPES = {
    "soft": recipe_with(SOFT),
    "features": recipe_with(FEATURES, ema_decay=0.9),
    "both": recipe_with(BOTH),
    "both in bfloat16 with SGD": recipe_with(BOTH, precision="bfloat16", optimizer="sgd"),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_slices_and_pauses_do_not_change_the_result(arch, taught, build, recipe):
    def make():
        return Trainer(arch, taught, recipe, seed=3, build=build)

    whole, cut = make(), make()
    expected = finish(whole)
    shown = []
    for _ in range(7):
        metrics = cut.run(0.0)
        if metrics:
            shown.append((metrics.epoch, metrics.train_loss, metrics.accuracy, metrics.val_loss))
    state = copy.deepcopy(cut.state_dict())
    after = make()
    after.load_state_dict(state)
    shown += finish(after, 0.0)
    assert shown == expected
    for name, value in whole.weights().items():
        assert torch.equal(value, after.weights()[name]), name


def test_the_map_of_features_is_trained_and_not_kept(arch, taught, build):
    trainer = Trainer(arch, taught, recipe_with(BOTH), seed=3, build=build)
    plain = Trainer(arch, taught, recipe_with(None), seed=3, build=build)
    first = copy.deepcopy(trainer.state_dict()["learner"]["adapter"])
    # the map's own draws move no other weight
    for name, value in plain.weights().items():
        assert torch.equal(value, trainer.weights()[name]), name
    finish(trainer)
    last = trainer.state_dict()["learner"]["adapter"]
    assert not torch.equal(first["weight"], last["weight"])
    assert last["weight"].shape == (6, 512)
    assert trainer.weights().keys() == plain.weights().keys()
    assert not any(module._forward_pre_hooks for module in trainer.model.modules())


def test_architecture_of_ours_reads_the_features_of_its_head(arch, taught):
    trainer = Trainer(arch, taught, recipe_with(FEATURES), seed=0)
    pupil = trainer._learner._pupil
    assert isinstance(pupil, Pupil)
    images = torch.randn(3, 1, 16, 16)
    trainer.model.eval()
    features = trainer.model.forward_head(trainer.model.forward_features(images), pre_logits=True)
    logits, mapped = pupil(images)
    torch.testing.assert_close(logits, trainer.model(images))
    torch.testing.assert_close(mapped, pupil.adapter(features))


def test_a_pupil_follows_its_teacher_and_not_the_labels(arch, data, build):
    """Labels are noise and the teacher is right: what is learned is the teacher's."""
    right = data.train.labels
    noise = np.random.default_rng(0).permutation(right)
    said = np.full((len(right), 1, 4), -8, np.float16)
    said[np.arange(len(right)), 0, right] = 0
    data = dataclasses.replace(
        data,
        train=dataclasses.replace(data.train, labels=noise),
        teacher=TeacherOutputs(DIGEST, said, None),
    )
    plain = Augmentation(translate=1)
    values = {"epochs": 30, "augmentation": plain, "learning_rate": 3e-3}
    accuracies = {}
    for teacher in (SOFT.model_copy(update={"weight": 1.0}), None):
        trainer = Trainer(arch, data, recipe_with(teacher, **values), seed=0, build=build)
        accuracies[teacher is None] = finish(trainer)[-1][2]
    assert accuracies[False] > 0.9
    assert accuracies[True] < 0.6


# ---- recipe and identity


def test_a_recipe_without_a_teacher_keeps_the_digest_that_it_had():
    """Digests of version 0.1.0, before recipes had teachers."""
    assert TrainingKey("a" * 64, Recipe(), "b" * 64, 0).digest == (
        "73d68de422f8c26fdab918353c3b0ee40b457132d3c3e93474e5eeb9e29b155e"
    )
    augmentation = Augmentation(translate=2, flip=True)
    recipe = Recipe(epochs=3, warmup_epochs=0.5, augmentation=augmentation)
    assert TrainingKey("a" * 64, recipe, "b" * 64, 7).digest == (
        "5a5ef129fa45076ecd766d29d6a98bcfbeafe78e0824ff02fa8dfeb6bc5a47a7"
    )
    assert "teacher" not in recipe.model_dump(mode="json")
    assert "teacher" not in recipe.to_dict()


def test_every_use_of_a_teacher_is_another_training():
    teachers = [
        None,
        BOTH,
        *(
            BOTH.model_copy(update=change)
            for change in (
                {"weight": 0.5},
                {"temperature": 2.0},
                {"feature_weight": 0.1},
                {"digest": "e" * 64},
            )
        ),
    ]
    digests = {TrainingKey("a", recipe_with(each), "b", 0).digest for each in teachers}
    assert len(digests) == len(teachers)


@pytest.mark.parametrize("teacher", [None, BOTH, Teacher(source="timm:resnet18")])
def test_recipe_reads_back(teacher):
    recipe = recipe_with(teacher)
    assert recipe_from(parse_yaml(recipe.to_yaml(), "")) == recipe
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe
    assert hash(recipe) == hash(Recipe.model_validate(recipe.model_dump(mode="json")))


def test_a_name_stands_for_a_teacher():
    recipe = recipe_from(parse_yaml("{epochs: 3, warmup_epochs: 0, teacher: 'timm:resnet18'}", ""))
    assert recipe.teacher == Teacher(source="timm:resnet18")


def test_another_source_forgets_what_was_known_of_the_teacher():
    begun = recipe_with(BOTH)
    changed = changed_recipe(begun, {"teacher.source": "other"}).teacher
    assert changed == Teacher(source="other", weight=0.7, temperature=3.0, feature_weight=0.5)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"weight": 0.0}, "teacher.weight"),
        ({"weight": 1.5}, "recipe.teacher.weight"),
        ({"temperature": 0.0}, "recipe.teacher.temperature"),
        ({"feature_weight": -1.0}, "recipe.teacher.feature_weight"),
        ({"source": ""}, "recipe.teacher.source"),
        ({"sauce": "x"}, "recipe.teacher.sauce"),
    ],
)
def test_values_of_a_teacher_are_checked(values, key):
    changes = {f"teacher.{name}": value for name, value in {"source": "t", **values}.items()}
    with pytest.raises(InputError) as caught:
        changed_recipe(recipe_with(None), changes)
    assert [problem.key.removeprefix("recipe.") for problem in caught.value.problems] == [
        key.removeprefix("recipe.")
    ]
    assert not recipe_problems(recipe_with(BOTH))


def one_view(outputs: TeacherOutputs) -> TeacherOutputs:
    return TeacherOutputs(DIGEST, outputs.logits[:, :1], outputs.features[:, :1])


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        (None, "needs the outputs of this teacher"),
        (dataclasses.replace(outputs_on(102), teacher="e" * 64), "needs the outputs of this"),
        (outputs_on(101), "every training image"),
        (TeacherOutputs(DIGEST, outputs_on(102).logits, None), "features"),
        (TeacherOutputs(DIGEST, None, outputs_on(102).features), "class probabilities"),
        (one_view(outputs_on(102)), "mirror"),
    ],
)
def test_outputs_that_are_not_those_of_the_recipe(arch, data, build, outputs, words):
    data = dataclasses.replace(data, teacher=outputs)
    with pytest.raises(InputError, match=words):
        Trainer(arch, data, recipe_with(BOTH), build=build)


def test_a_network_without_a_linear_layer_has_no_features(arch, taught):
    def build(arch, *, drop_path=0.0, seed=None):
        return nn.Sequential(nn.Conv2d(1, 4, 16), nn.Flatten())

    with pytest.raises(InputError, match="no pooled features"):
        Trainer(arch, taught, recipe_with(BOTH), build=build)
    Trainer(arch, taught, recipe_with(SOFT), build=build).run()

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

from archsearch.data import DataSplits, FileSplit
from archsearch.errors import DivergedError, InputError
from archsearch.train import Augmentation, Recipe, Trainer, load_weights
from archsearch.train.seeding import limited_threads

PLAIN = Recipe(
    epochs=2,
    batch_size=20,
    warmup_epochs=0.5,
    augmentation=Augmentation(translate=1, erase_probability=0.3),
)
EVERYTHING = PLAIN.model_copy(
    update={
        "ema_decay": 0.9,
        "augmentation": Augmentation(translate=2, flip=True, mixup=0.3, cutmix=0.5),
    }
)
BFLOAT16 = PLAIN.model_copy(update={"precision": "bfloat16"})
SGD = PLAIN.model_copy(update={"optimizer": "sgd", "schedule": "linear", "clip_norm": None})


def finish(trainer: Trainer, max_seconds: float = math.inf) -> list[tuple[float, ...]]:
    """Run to the end; return what each epoch showed, times left out."""
    shown = []
    while not trainer.done:
        metrics = trainer.run(max_seconds)
        if metrics is not None:
            shown.append((metrics.epoch, metrics.train_loss, metrics.accuracy, metrics.val_loss))
    return shown


def assert_same_weights(one: Trainer, two: Trainer) -> None:
    first, second = one.weights(), two.weights()
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


@pytest.fixture
def make(arch, data, build):
    def make_trainer(recipe: Recipe = PLAIN, **changes) -> Trainer:
        arguments = {"seed": 3, "build": build, **changes}
        return Trainer(arch, data, recipe, **arguments)

    return make_trainer


@pytest.mark.parametrize("recipe", [PLAIN, EVERYTHING, BFLOAT16, SGD])
def test_slices_do_not_change_the_result(make, recipe):
    whole, sliced = make(recipe), make(recipe)
    expected = finish(whole)
    outside = torch.Generator().manual_seed(1)
    shown = []
    while not sliced.done:
        # what others draw between the slices must not matter
        torch.manual_seed(int(torch.randint(1000, (), generator=outside)))
        metrics = sliced.run(0.0)
        if metrics:
            shown.append((metrics.epoch, metrics.train_loss, metrics.accuracy, metrics.val_loss))
    assert shown == expected
    assert_same_weights(whole, sliced)


@pytest.mark.parametrize("recipe", [PLAIN, EVERYTHING, BFLOAT16, SGD])
@pytest.mark.parametrize("slices", [0, 3, 6, 7, 10])
def test_resumes_to_the_same_result(make, recipe, slices, tmp_path):
    whole, before, after = make(recipe), make(recipe), make(recipe)
    expected = finish(whole)
    shown = []
    for _ in range(slices):
        metrics = before.run(0.0)
        if metrics:
            shown.append((metrics.epoch, metrics.train_loss, metrics.accuracy, metrics.val_loss))
    torch.save(before.state_dict(), tmp_path / "state.pt")
    # a snapshot: going on does not change it
    before.run()
    after.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert shown + finish(after) == expected
    assert_same_weights(whole, after)


def test_a_finished_trainer_can_be_saved(make):
    trainer, twin = make(), make()
    finish(trainer)
    twin.load_state_dict(trainer.state_dict())
    assert twin.done
    assert_same_weights(trainer, twin)


def test_state_of_another_run_is_refused(make):
    state = make(seed=1).state_dict()
    with pytest.raises(InputError, match="seed: must be 3, as in this run, but got 1"):
        make().load_state_dict(state)
    with pytest.raises(InputError, match="recipe: must be"):
        make().load_state_dict(make(SGD).state_dict())


def test_seeds_differ(make):
    one, two = make(seed=0), make(seed=1)
    assert finish(one) != finish(two)


def test_the_random_state_is_left_alone(make):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trainer = make(EVERYTHING)
    trainer.run()
    trainer.evaluate()
    assert torch.equal(torch.rand(3), expected)


def test_the_thread_count_is_left_alone(make):
    with limited_threads(2):
        make(threads=1).run()
        assert torch.get_num_threads() == 2


def test_a_slice_is_at_least_a_step_and_at_most_an_epoch(make):
    trainer = make()
    # six training steps and one evaluation
    assert [trainer.run(0.0) is None for _ in range(7)] == [True] * 6 + [False]
    assert trainer.epoch == 1
    assert trainer.run() is not None
    assert trainer.done


def test_pauses_do_not_count(make, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("archsearch.train.trainer.time.perf_counter", lambda: next(clock))
    whole, sliced = make(), make()
    # every look at the clock is a second: only those inside run() may count
    first = whole.run()
    looks = 0
    metrics = None
    while metrics is None:
        metrics = sliced.run(0.0)
        for _ in range(50):
            next(clock)
        looks += 1
    assert looks == 7
    assert metrics.seconds < first.seconds + 3 * looks
    assert 0 < metrics.images_per_s < 102


def test_learns(make, data):
    trainer = make(PLAIN.model_copy(update={"epochs": 8, "learning_rate": 5e-3}))
    shown = finish(trainer)
    assert shown[-1][2] > 0.9
    assert trainer.evaluate("test").accuracy > 0.9
    assert trainer.evaluate("train").n == 102


def slow_evaluation(trainer: Trainer, data: DataSplits, split: str) -> tuple[float, float]:
    """One image at a time, normalised by hand."""
    model = copy.deepcopy(trainer.model).eval()
    correct, loss = 0, 0.0
    part = data.split(split)
    for pixels, label in zip(part.pixels, part.labels, strict=True):
        image = (torch.from_numpy(pixels).double() / 255 - data.mean[0]) / data.std[0]
        with torch.no_grad():
            logits = model(image[None].float())
        correct += int(logits.argmax() == label)
        loss += F.cross_entropy(logits, torch.tensor([label])).item()
    return correct / len(part), loss / len(part)


@pytest.mark.parametrize("recipe", [PLAIN, EVERYTHING, BFLOAT16])
@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluation_equals_a_slow_loop(make, data, recipe, split, monkeypatch):
    monkeypatch.setattr("archsearch.train.evaluation._BATCH", 16)
    trainer = make(recipe)
    metrics = trainer.run()
    assert metrics is not None
    found = trainer.evaluate(split)
    accuracy, loss = slow_evaluation(trainer, data, split)
    assert found.accuracy == accuracy
    assert found.loss == pytest.approx(loss, rel=1e-5)
    if split == "val":
        assert (metrics.accuracy, metrics.val_loss) == (found.accuracy, found.loss)


def test_evaluating_between_slices_changes_nothing(make):
    one, two = make(), make()
    two.run(0.0)
    two.evaluate("val")
    assert finish(one) == finish(two)


def test_weights_round_trip(make, build, arch, tmp_path):
    trainer = make(EVERYTHING)
    trainer.run()
    path = tmp_path / "weights.safetensors"
    trainer.save_weights(path)
    assert [each.name for each in tmp_path.iterdir()] == ["weights.safetensors"]
    other = build(arch, seed=99)
    load_weights(other, path)
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value)
        assert torch.equal(load_file(path)[name], trainer.weights()[name])


def test_weights_of_another_network_are_refused(make, arch, tmp_path):
    trainer = make()
    trainer.save_weights(tmp_path / "weights.safetensors")
    with pytest.raises(RuntimeError, match="Missing key"):
        load_weights(torch.nn.Linear(2, 2), tmp_path / "weights.safetensors")


def test_divergence_is_reported_with_its_place(make):
    trainer = make(SGD.model_copy(update={"learning_rate": 1e12, "warmup_epochs": 0.0}))
    with pytest.raises(
        DivergedError,
        match=r"the training loss became (NaN|infinite) in epoch 1, by step \d of 6 "
        r"\(learning rate 1e\+12\)|the training loss",
    ):
        finish(trainer)


def test_divergence_in_validation(make):
    trainer = make()
    while trainer._step < trainer._steps:
        trainer.run(0.0)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(math.nan)
    with pytest.raises(DivergedError, match="the validation loss became NaN in epoch 1"):
        trainer.run()


def test_files_train_as_memory_does(make, arch, data, build, tmp_path):
    from_memory = make()
    paths = []
    for index, pixels in enumerate(data.train.pixels):
        paths.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(pixels[0]).save(paths[-1])
    train = FileSplit(tuple(paths), data.train.labels, 16, 1)
    streamed = Trainer(arch, dataclasses.replace(data, train=train), PLAIN, seed=3, build=build)
    assert finish(streamed, 0.0) == finish(from_memory)
    assert_same_weights(streamed, from_memory)


def test_everything_that_does_not_fit_is_reported_at_once(arch, data, build):
    wrong = arch.model_copy(update={"image_size": 32, "num_classes": 10})
    recipe = Recipe(optimizer="adamv", precision="float16")
    with pytest.raises(InputError) as caught:
        Trainer(wrong, data, recipe, build=build)
    assert str(caught.value).splitlines() == [
        "arch.image_size: must be 16, as in the data set bars, but got 32",
        "arch.num_classes: must be 4, as in the data set bars, but got 10",
        "recipe.optimizer: must be a known optimiser, but got 'adamv'; did you mean 'adam' or "
        "'radam' or 'nadam'?",
        "recipe.precision: must be float32 or bfloat16 on a CPU, but got 'float16'; or leave it "
        "at auto",
    ]


def test_read_only_arrays_are_fine(arch, data, build):
    for split in (data.train, data.val):
        split.pixels.flags.writeable = False
        split.labels.flags.writeable = False
    Trainer(arch, data, PLAIN, build=build).run()


def test_batches_larger_than_the_data(make):
    trainer = make(PLAIN.model_copy(update={"batch_size": 1000}))
    assert trainer.run() is not None


def test_augmentation_is_chosen_by_the_data(make):
    recipe = PLAIN.model_copy(update={"augmentation": None})
    assert make(recipe).recipe.augmentation == Augmentation(translate=2)


def test_order_does_not_depend_on_the_network(make, build):
    def other(arch, *, drop_path, seed):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 4))

    one, two = make(), make(build=other)
    np.testing.assert_array_equal(one._plan.order, two._plan.order)

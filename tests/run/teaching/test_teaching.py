"""Teachers of every kind, against the network that they are; and everything that is none."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.transforms.v2 import functional

from archsearch.cluster.training_store import data_digest
from archsearch.data import ArraySplit, DataSplits
from archsearch.errors import InputError
from archsearch.machine import own_limits
from archsearch.model import build_model
from archsearch.run import taught
from archsearch.run.teaching import asking, teacher_memory
from archsearch.run.teaching.stored_outputs import StoredOutputs
from archsearch.run.teaching.teaching import keep_outputs, open_teaching, with_outputs
from archsearch.train import Augmentation, Recipe, Teacher, Trainer, save_weights
from tests.run.made_run import made_tiny_run
from tests.run.teaching.teachers import (
    CODE,
    COLOURED,
    KINDS,
    SMALL,
    Known,
    of_arch,
    of_code,
    of_folder,
    own_network,
    train_in,
)

PLAIN = Augmentation(translate=1)
FLIPPED = Augmentation(flip=True)


def recipe_of(source: str, augmentation: Augmentation = PLAIN, **use: float) -> Recipe:
    return Recipe(
        epochs=1,
        warmup_epochs=0,
        batch_size=20,
        augmentation=augmentation,
        teacher=Teacher(source=source, **use),
    )


def by_hand(known: Known, pixels: torch.Tensor) -> torch.Tensor:
    """Return the logits of images in 0..1, resized and normalised by torchvision alone."""
    channels = len(known.mean)
    images = functional.resize(pixels, [known.size, known.size], antialias=True)
    if channels == 3:
        images = images.expand(-1, 3, -1, -1)
    images = functional.normalize(images, list(known.mean), list(known.std))
    with torch.no_grad():
        return known.network.eval()(images)


def softened(logits: torch.Tensor) -> np.ndarray:
    return (logits / 4).softmax(dim=1).numpy()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_asked_about_images_and_mirror_images(kind, tmp_path, digits):
    known = KINDS[kind](tmp_path, digits)
    recipe = recipe_of(known.source, FLIPPED)
    teaching = open_teaching(recipe, digits, tmp_path / "new", runs_dir=tmp_path / "runs")
    outputs = with_outputs(digits, teaching, str).teacher
    teacher = teaching.recipe.teacher
    assert teacher.source == known.label
    assert str(tmp_path) not in teacher.model_dump_json()
    assert teacher.params == sum(each.numel() for each in known.network.parameters())
    assert (teacher.num_classes, teacher.image_size) == (10, known.size)
    assert outputs.logits.dtype == np.float16
    assert outputs.logits.shape == (len(digits.train), 2, 10)
    images = torch.from_numpy(digits.train.pixels).float() / 255
    # resized bytes are rounded to whole ones
    tolerance = 2e-3 if known.size == 16 else 2e-2
    for view, shown in enumerate((images, images.flip(3))):
        expected = softened(by_hand(known, shown))
        found = softened(torch.from_numpy(outputs.logits[:, view]).float())
        np.testing.assert_allclose(found, expected, atol=tolerance)
    assert outputs.logits.max() == 0
    # nothing is written before it is kept
    assert not (tmp_path / "new").exists()


def test_features_are_what_the_classifier_reads(tmp_path, digits):
    known = of_code(tmp_path, digits)
    data, recipe = taught(digits, recipe_of(known.source, feature_weight=0.5))
    read = []
    known.network.last.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    by_hand(known, torch.from_numpy(digits.train.pixels).float() / 255)
    expected = read[0] / read[0].norm(dim=1, keepdim=True)
    found = data.teacher.features
    assert found.shape == (len(digits.train), 1, 96)
    np.testing.assert_allclose(found[:, 0], expected.numpy(), atol=2e-2)
    trainer = Trainer(SMALL, data, recipe)
    assert np.isfinite(trainer.run().train_loss)


def test_colours_become_grey_for_a_grey_teacher(tmp_path, digits):
    known = of_arch(tmp_path, digits)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (len(digits.train), 3, 16, 16)).astype(np.uint8)
    coloured = dataclasses.replace(
        digits,
        train=ArraySplit(pixels, digits.train.labels),
        in_channels=3,
        mean=COLOURED[0],
        std=COLOURED[1],
    )
    data, _ = taught(coloured, recipe_of(known.source))
    grey = functional.rgb_to_grayscale(torch.from_numpy(pixels).float() / 255)
    expected = softened(by_hand(known, grey))
    found = softened(torch.from_numpy(data.teacher.logits[:, 0]).float())
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_an_image_size_of_ones_own(tmp_path, digits):
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=10)
    torch.save(network.state_dict(), tmp_path / "t.pth")
    config = network.pretrained_cfg
    known = Known("", network, 64, config["mean"], config["std"], "")
    recipe = recipe_of(f"timm:test_resnet@{tmp_path}/t.pth")
    asked = recipe.teacher.model_copy(update={"image_size": 64})
    data, opened = taught(digits, recipe.model_copy(update={"teacher": asked}))
    assert opened.teacher.image_size == 64
    images = torch.from_numpy(digits.train.pixels).float() / 255
    found = softened(torch.from_numpy(data.teacher.logits[:, 0]).float())
    np.testing.assert_allclose(found, softened(by_hand(known, images)), atol=2e-2)


def test_classes_in_another_order_are_put_in_the_data_s(tmp_path, digits):
    known = of_folder(tmp_path, digits)
    straight, _ = taught(digits, recipe_of(known.source))
    names = tuple(reversed(digits.class_names))
    turned, _ = taught(dataclasses.replace(digits, class_names=names), recipe_of(known.source))
    np.testing.assert_array_equal(turned.teacher.logits, straight.teacher.logits[..., ::-1])


def test_weights_of_timm_are_taken_from_its_cache(tmp_path, digits, monkeypatch):
    torch.manual_seed(0)
    network = timm.create_model("test_resnet")
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    asked = []

    def cached(repository, name, **_):
        asked.append((repository, name))
        return str(tmp_path / "model.safetensors") if name == "model.safetensors" else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    recipe = recipe_of("timm:test_resnet", weight=0.0, feature_weight=1.0)
    _, opened = taught(digits, recipe)
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    assert opened.teacher.licence == "apache-2.0"
    assert opened.teacher.num_classes == 1000


# ---- identity


def test_the_digest_is_of_weights_images_and_definition(tmp_path, digits):
    known = of_arch(tmp_path, digits)
    first = taught(digits, recipe_of(known.source))[1].teacher.digest
    assert taught(digits, recipe_of(known.source))[1].teacher.digest == first
    # the same tensors in a file of another kind, under another name
    save_weights(known.network, tmp_path / "other.safetensors")
    other = f"{tmp_path}/small.yaml@{tmp_path}/other.safetensors"
    assert taught(digits, recipe_of(other))[1].teacher.digest == first
    with torch.no_grad():
        known.network.head.classifier.bias[0] += 1e-3
    torch.save(known.network.state_dict(), tmp_path / "weights.pth")
    assert taught(digits, recipe_of(known.source))[1].teacher.digest != first


def test_a_recipe_that_names_a_digest_wants_that_teacher(tmp_path, digits):
    known = of_arch(tmp_path, digits)
    _, recipe = taught(digits, recipe_of(known.source))
    full = recipe.teacher.model_copy(update={"source": known.source})
    assert taught(digits, recipe.model_copy(update={"teacher": full}))[1] == recipe
    wrong = full.model_copy(update={"digest": "0" * 64})
    with pytest.raises(InputError, match="must be the teacher with the digest 000000000000"):
        taught(digits, recipe.model_copy(update={"teacher": wrong}))


# ---- the files of the outputs


def test_kept_outputs_need_no_teacher(tmp_path, digits):
    known = of_code(tmp_path, digits)
    recipe = recipe_of(known.source, feature_weight=0.5)
    folder = tmp_path / "run"
    teaching = open_teaching(recipe, digits, folder)
    data = with_outputs(digits, teaching, str)
    keep_outputs(data, teaching)
    for name in ("net.py", "net.safetensors"):
        (tmp_path / name).unlink()
    again = open_teaching(recipe, digits, folder)
    assert again.teacher is None
    assert again.recipe == teaching.recipe
    read = with_outputs(digits, again, str).teacher
    np.testing.assert_array_equal(read.logits, data.teacher.logits)
    np.testing.assert_array_equal(read.features, data.teacher.features)
    # what a run wrote down names it by its digest
    by_digest = open_teaching(teaching.recipe, digits, folder)
    assert by_digest.recipe == teaching.recipe
    # another one that is not there, other images, and mirror images are not kept
    other = dataclasses.replace(digits, train=digits.val)
    flipped = recipe.model_copy(update={"augmentation": FLIPPED})
    for asked, images in (
        (recipe_of(f"{tmp_path}/gone.py"), digits),
        (recipe, other),
        (flipped, digits),
    ):
        with pytest.raises(InputError, match="no such file"):
            open_teaching(asked, images, folder)


def test_the_same_network_from_another_place_keeps_its_name(tmp_path, digits):
    known = of_arch(tmp_path, digits)
    folder = tmp_path / "run"
    teaching = open_teaching(recipe_of(known.source), digits, folder)
    keep_outputs(with_outputs(digits, teaching, str), teaching)
    (tmp_path / "weights.pth").rename(tmp_path / "moved.pth")
    moved = recipe_of(f"{tmp_path}/small.yaml@{tmp_path}/moved.pth")
    again = open_teaching(moved, digits, folder)
    assert again.teacher is None
    assert again.recipe == teaching.recipe


@pytest.mark.parametrize("damage", ["no note", "half a note", "half an array", "no array"])
def test_damaged_files_are_computed_again(tmp_path, digits, damage):
    known = of_arch(tmp_path, digits)
    recipe, folder = recipe_of(known.source), tmp_path / "run"
    teaching = open_teaching(recipe, digits, folder)
    data = with_outputs(digits, teaching, str)
    keep_outputs(data, teaching)
    note, array = (folder / "teacher" / name for name in ("about.json", "logits.npy"))
    if damage == "no note":
        note.unlink()
    elif damage == "half a note":
        note.write_bytes(note.read_bytes()[:40])
    elif damage == "no array":
        array.unlink()
    else:
        array.write_bytes(array.read_bytes()[:-7])
    again = open_teaching(recipe, digits, folder)
    assert again.teacher is not None
    read = with_outputs(digits, again, str)
    keep_outputs(read, again)
    np.testing.assert_array_equal(read.teacher.logits, data.teacher.logits)
    stored = StoredOutputs(folder, data_digest(digits), 1)
    assert stored.teacher() == teaching.recipe.teacher


# ---- everything that is no teacher


def problems_of(recipe: Recipe, data: DataSplits, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_teaching(recipe, data, folder / "new", runs_dir=folder / "runs")
    assert not (folder / "new").exists()
    assert all(each.key or each.file for each in caught.value.problems)
    return str(caught.value)


def weights_of_another(folder: Path) -> str:
    SMALL.save(folder / "small.yaml")
    other = SMALL.model_copy(update={"num_classes": 7})
    save_weights(build_model(other), folder / "small.safetensors")
    return f"{folder}/small.yaml"


def text_file(folder: Path) -> str:
    SMALL.save(folder / "small.yaml")
    (folder / "small.safetensors").write_text("these are not weights")
    return f"{folder}/small.yaml"


def pickled_code(folder: Path) -> str:
    SMALL.save(folder / "small.yaml")
    torch.save(build_model(SMALL), folder / "w.pth")
    return f"{folder}/small.yaml@{folder}/w.pth"


def notes(folder: Path) -> str:
    (folder / "notes.txt").write_text("x")
    return f"{folder}/notes.txt"


def alone(folder: Path) -> str:
    save_weights(build_model(SMALL), folder / "w.safetensors")
    return f"{folder}/w.safetensors"


def without_weights(folder: Path) -> str:
    SMALL.save(folder / "small.yaml")
    return f"{folder}/small.yaml"


def begun_training(folder: Path) -> str:
    (folder / "begun").mkdir()
    (folder / "begun" / "config.json").write_text("{}")
    return f"{folder}/begun"


def colossal(folder: Path) -> str:
    (folder / "big.py").write_text(
        "from torch import nn\n\n\ndef create_model(num_classes=10):\n"
        "    net = nn.Sequential(nn.Flatten(), nn.Linear(256, 10**9), nn.Linear(10**9, 10))\n"
        "    net.input_size = (1, 16, 16)\n    return net\n"
    )
    save_file({"x": torch.zeros(1)}, folder / "big.safetensors")
    return f"{folder}/big.py"


def not_finite(folder: Path) -> str:
    network = own_network(folder)
    with torch.no_grad():
        network.last.bias[3] = float("nan")
    save_file(network.state_dict(), folder / "net.safetensors")
    return f"{folder}/net.py"


def raising(folder: Path) -> str:
    (folder / "net.py").write_text(CODE.replace("self.conv(images)", "self.cov(images)"))
    network = own_network(folder, "other")
    save_file(network.state_dict(), folder / "net.safetensors")
    return f"{folder}/net.py"


def of_map(folder: Path) -> str:
    code = CODE.replace(".relu().flatten(1))", ".relu().flatten(1))[:, :, None]")
    (folder / "net.py").write_text(code)
    save_file(own_network(folder, "other").state_dict(), folder / "net.safetensors")
    return f"{folder}/net.py"


def four_channels(folder: Path) -> str:
    arch = SMALL.model_copy(update={"in_channels": 4})
    arch.save(folder / "small.yaml")
    save_weights(build_model(arch), folder / "small.safetensors")
    return f"{folder}/small.yaml"


def run_without_weights(folder: Path) -> str:
    made_tiny_run(folder / "runs" / "bare", 3)
    return "bare"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: "nothing-here", "is no file, folder or run"),
        (lambda folder: f"{folder}/no.pth", "there is no such file"),
        (lambda folder: f"{folder}/no.yaml", "there is no such file"),
        (lambda folder: f"{folder}/no.py:f", "there is no such file"),
        (lambda folder: f"zoo:edgevit_xxs@{folder}/no.pth", "there is no such file"),
        (lambda folder: "zoo:edgevit_xss", "the zoo has no model 'edgevit_xss'"),
        (lambda folder: "zoo:edgevit_xxs", "needs weights: archsearch ships none"),
        (lambda folder: "timm:resnet81", "timm has no model 'resnet81'"),
        (lambda folder: "timm:resnet18.nothing", "Invalid pretrained tag"),
        (lambda folder: "timm:test_resnet", "its weights are not in timm's cache"),
        (weights_of_another, "head.classifier.weight has shape [7, 16] in place of [10, 16]"),
        (text_file, "is no whole checkpoint"),
        (pickled_code, "must hold tensors only"),
        (notes, "must be a file of weights, or a definition"),
        (alone, "has no definition beside it"),
        (without_weights, "has no weights: there is no such file"),
        (begun_training, "has not ended"),
        (colossal, "of memory, and there are"),
        (not_finite, "must answer with finite numbers"),
        (raising, "does not run on its images (AttributeError"),
        (of_map, "must answer with logits (B, classes)"),
        (four_channels, "takes images of 4 channels, and the data have 1"),
        (run_without_weights, "has no weights of trial"),
    ],
)
def test_what_is_no_teacher_is_refused(make, words, tmp_path, digits):
    assert words in problems_of(recipe_of(make(tmp_path)), digits, tmp_path)


def test_other_classes_leave_the_features(tmp_path, digits):
    arch = SMALL.model_copy(update={"num_classes": 7})
    arch.save(tmp_path / "small.yaml")
    save_weights(build_model(arch), tmp_path / "small.safetensors")
    source = f"{tmp_path}/small.yaml"
    said = problems_of(recipe_of(source, feature_weight=0.5), digits, tmp_path)
    assert "has other classes than the data: 7 in place of 10" in said
    assert "--teacher-weight 0 --teacher-features 0.5" in said
    data, recipe = taught(digits, recipe_of(source, weight=0.0, feature_weight=0.5))
    assert data.teacher.logits is None
    assert data.teacher.features.shape == (len(digits.train), 1, 16)
    assert np.isfinite(Trainer(SMALL, data, recipe).run().train_loss)


def test_as_many_classes_of_other_names_are_other_classes(tmp_path, digits):
    known = of_folder(tmp_path, digits)
    names = (*digits.class_names[:8], "cat", "dog")
    data = dataclasses.replace(digits, class_names=names)
    said = problems_of(recipe_of(known.source), data, tmp_path)
    assert "has other classes than the data: 8, 9" in said


def test_a_teacher_lies_elsewhere_than_what_is_written(tmp_path, digits):
    train_in(tmp_path / "new", digits)
    with pytest.raises(InputError, match="must lie elsewhere than in the folder that is written"):
        open_teaching(recipe_of(f"{tmp_path}/new"), digits, tmp_path / "new")


def test_several_problems_are_told_at_once(tmp_path, digits):
    arch = SMALL.model_copy(update={"in_channels": 4, "num_classes": 7})
    arch.save(tmp_path / "small.yaml")
    save_weights(build_model(arch), tmp_path / "small.safetensors")
    said = problems_of(recipe_of(f"{tmp_path}/small.yaml"), digits, tmp_path)
    assert "channels" in said
    assert "other classes" in said


@pytest.mark.parametrize("kind", ["architecture and weights", "zoo with our weights", "run"])
def test_a_teacher_larger_than_memory(kind, tmp_path, digits, monkeypatch):
    known = KINDS[kind](tmp_path, digits)
    size = sum(each.nbytes for each in known.network.state_dict().values())
    small = dataclasses.replace(own_limits(), memory_bytes=2 * size - 1)
    monkeypatch.setattr(teacher_memory, "own_limits", lambda: small)
    said = problems_of(recipe_of(known.source), digits, tmp_path)
    assert "GiB of memory, and there are" in said


def test_one_image_that_is_too_much_for_memory(tmp_path, digits, monkeypatch):
    known = of_arch(tmp_path, digits)
    big = SMALL.model_copy(update={"image_size": 512})
    big.save(tmp_path / "small.yaml")
    size = sum(each.nbytes for each in known.network.state_dict().values())
    small = dataclasses.replace(own_limits(), memory_bytes=4 * size)
    monkeypatch.setattr(teacher_memory, "own_limits", lambda: small)
    assert "of memory for one image" in problems_of(recipe_of(known.source), digits, tmp_path)


def test_one_image_of_many_that_is_not_finite(tmp_path, digits, monkeypatch):
    """The few images that are tried say nothing of the last one."""
    known = of_code(tmp_path, digits)
    teaching = open_teaching(recipe_of(known.source), digits, tmp_path / "new")
    pixels = digits.train.pixels.copy()
    pixels[-1] = 255
    bright = dataclasses.replace(digits, train=ArraySplit(pixels, digits.train.labels))

    class Blinded(nn.Module):
        num_classes = 10

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            bad = (images.amin(dim=(1, 2, 3)) == 1)[:, None]
            return torch.where(bad, torch.inf, torch.zeros(len(images), 10))

    blinded = dataclasses.replace(teaching.teacher, network=Blinded())
    with pytest.raises(InputError, match="must answer with finite numbers"):
        with_outputs(bright, dataclasses.replace(teaching, teacher=blinded), str)
    assert not (tmp_path / "new").exists()


def test_the_teacher_is_asked_in_batches_that_fit(tmp_path, digits, monkeypatch):
    known = of_arch(tmp_path, digits)
    whole, _ = taught(digits, recipe_of(known.source))
    monkeypatch.setattr(asking, "answering_batch", lambda *_: 3)
    parts, _ = taught(digits, recipe_of(known.source))
    np.testing.assert_allclose(parts.teacher.logits, whole.teacher.logits, atol=1e-3)

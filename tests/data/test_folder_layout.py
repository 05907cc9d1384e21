"""Folders as people lay them out and name them."""

import os
import shutil
import unicodedata

import numpy as np
import pytest

from archsearch.data import describe_data, load_data
from archsearch.errors import InputError

CLASSES = ("cat", "dog")


def sizes_of(root, **options) -> tuple[int, int, int]:
    data = load_data(f"folder:{root}", image_size=4, **options)
    return len(data.train), len(data.val), len(data.test) if data.test is not None else 0


def problems_of(root) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_data(f"folder:{root}", image_size=4)
    return [str(problem).replace(str(root), "PHOTOS") for problem in caught.value.problems]


def layout(make_folder, counts: dict[str, int]):
    return make_folder(
        {f"{name}/{each}": count for name, count in counts.items() for each in CLASSES}, (4, 4)
    )


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "validation", "testing"),
        ("Training", "Validation", "Testing"),
        ("trn", "dev", "tst"),
        ("train", "eval", "test"),
        ("train", "evaluation", "test"),
        ("training_set", "validation_set", "test_set"),
        ("train-images", "valid-images", "test-images"),
        ("train data", "validate", "test data"),
        ("train ", "dev_set", "testset"),
        ("seg_train", "seg_val", "seg_test"),
        ("images.train", "images.valid", "images.test"),
        ("train2017", "val2017", "test2017"),
    ],
)
def test_split_names(make_folder, train, val, test):
    root = layout(make_folder, {train: 5, val: 3, test: 2})
    assert sizes_of(root) == (10, 6, 4)
    shutil.rmtree(root / test)
    assert sizes_of(root) == (10, 6, 0)
    line = describe_data(load_data(f"folder:{root}", image_size=4))[0]
    assert f"10 train ({train}/), 6 validate ({val}/)" in line
    assert "no test set" in line


def test_two_folders_for_one_role(make_folder):
    root = layout(make_folder, {"train": 5, "val": 3, "Validation": 2})
    assert problems_of(root) == [
        "PHOTOS: data: must have one folder for val, but got ['Validation', 'val']; put their "
        "images into one, or move the others away"
    ]


@pytest.mark.parametrize(
    "names", [("bus", "test", "train"), ("freight train", "passenger train"), ("a", "test tubes")]
)
def test_a_train_is_a_class_beside_buses(make_folder, names):
    data = load_data(f"folder:{make_folder(dict.fromkeys(names, 10))}", image_size=4)
    assert data.class_names == names
    assert data.test is not None


def test_splits_inside_of_classes(make_folder):
    root = make_folder({"cat/train": 4, "cat/val": 2, "dog/train": 4, "dog/val": 2})
    assert problems_of(root) == [
        "PHOTOS: data: must hold the classes in the splits, not the splits in the classes, but got "
        "'cat/train/'; move it to train/cat/, and the others likewise"
    ]


def test_folders_beside_the_splits_are_named(make_folder):
    root = layout(make_folder, {"train": 4, "val": 2})
    (root / "labels").mkdir()
    assert "folders beside train/ that are left out: labels/" in describe_data(
        load_data(f"folder:{root}", image_size=4)
    )


def test_nested_class_folders(make_folder):
    root = make_folder(
        {"train/cat/cam 1": 3, "train/cat/cam 2/day": 2, "train/dog": 4, "val/cat": 1, "val/dog": 1}
    )
    data = load_data(f"folder:{root}", image_size=4)
    assert data.class_names == CLASSES
    assert np.bincount(data.train.labels).tolist() == [5, 4]


@pytest.mark.parametrize(
    "names",
    [("köln", "a,b"), ("<b>x<", "[red]y[]"), ("50%25", "# 1"), ("a'b", '"'), ("数据", "q ")],
)
def test_odd_names(make_folder, names):
    root = make_folder({f"{split}/{name}": 2 for split in ("train", "val") for name in names})
    data = load_data(f"folder:{root}", image_size=4)
    assert data.class_names == tuple(sorted(names))
    moved = root.rename(root.parent / "数据 50%25 #1 [x]")
    assert sizes_of(moved) == (4, 4, 0)


def test_accents_written_apart_are_the_same_class(make_folder):
    apart = unicodedata.normalize("NFD", "köln")
    root = make_folder({"train/köln": 2, "train/bonn": 2, f"val/{apart}": 2, "val/bonn": 2})
    assert load_data(f"folder:{root}", image_size=4).class_names == ("bonn", "köln")


def test_names_that_are_no_text(make_folder):
    root = make_folder({"train/a": 2, "train/b": 2, "val/a": 1, "val/b": 1})
    for split in ("train", "val"):
        os.rename(os.fsencode(root / split / "b"), os.fsencode(root / split) + b"/b\xff")
    data = load_data(f"folder:{root}", image_size=4)
    assert data.class_names == ("a", "b\N{REPLACEMENT CHARACTER}")
    bad = os.fsencode(root / "train") + b"/b\xff/\xfe.png"
    with open(bad, "wb") as file:
        file.write(b"no image")
    with pytest.raises(InputError) as caught:
        load_data(f"folder:{root}", image_size=4)
    # it can be printed
    assert str(caught.value).encode()


def test_litter_is_no_fault(make_folder):
    root = layout(make_folder, {"train": 4, "val": 2})
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._000.png", "Icon\r"):
        (root / "train/cat" / name).write_bytes(b"x")
        (root / "train" / name).write_bytes(b"x")
    for name in ("__MACOSX", ".ipynb_checkpoints", "@eaDir", "$RECYCLE.BIN"):
        for place in (root, root / "train", root / "train/cat"):
            (place / name).mkdir()
            shutil.copy(root / "train/cat/000.png", place / name / "copy.png")
    data = load_data(f"folder:{root}", image_size=4)
    assert (len(data.train), len(data.val), data.notes) == (8, 4, ())


def test_sizes_of_classes_are_said(make_folder):
    root = make_folder({"train/a": 1, "train/b": 12, "val/a": 1, "val/b": 3}, (4, 4))
    lines = describe_data(load_data(f"folder:{root}", image_size=4))
    assert lines[1] == (
        "classes differ in size: from 1 training image ('a') to 12 ('b'); the commonest class is "
        "75 % of the validation images"
    )


def test_every_data_set_says_what_is_used_for_what():
    (line,) = describe_data(load_data("digits", image_size=8))
    assert line == (
        "data: digits, 1,797 images of 10 classes at 8 px: 1,150 train (training images), 288 "
        "validate (a fifth of them, seed 0), 359 test (test images)"
    )

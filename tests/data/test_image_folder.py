import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from archsearch.data import ArraySplit, FileSplit, describe_data, load_data
from archsearch.data import folder_decoder as decoding_module
from archsearch.errors import InputError

COUNTS = {"train/cat": 10, "train/dog": 15, "val/cat": 4, "val/dog": 3}


def contents(split) -> list[bytes]:
    pixels = split.batch(np.arange(len(split)))
    return sorted(image.tobytes() for image in pixels)


def test_train_and_val_only(make_folder):
    root = make_folder(COUNTS, size=(8, 8))
    data = load_data(f"folder:{root}", image_size=8)
    assert data.test is None
    assert np.bincount(data.val.labels).tolist() == [4, 3]
    assert np.bincount(data.train.labels).tolist() == [10, 15]
    assert data.class_names == ("cat", "dog")
    assert data.in_channels == 3
    for split, name in ((data.train, "train"), (data.val, "val")):
        expected = [
            np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes()
            for path in sorted(root.glob(f"{name}/*/*.png"))
        ]
        assert contents(split) == sorted(expected)
    with pytest.raises(InputError, match="has no test split"):
        data.split("test")


def test_train_and_test_only(make_folder):
    root = make_folder({**COUNTS, "test/cat": 4, "test/dog": 3})
    shutil.rmtree(root / "val")
    data = load_data(f"folder:{root}", image_size=8)
    assert np.bincount(data.val.labels).tolist() == [2, 3]
    assert np.bincount(data.train.labels).tolist() == [8, 12]
    assert len(data.test) == 7


@pytest.mark.parametrize("above", ["", "train/"])
def test_class_folders_alone_are_split(make_folder, above):
    root = make_folder({f"{above}cat": 20, f"{above}dog": 30}, size=(8, 8))
    first, again, other = (
        load_data(f"folder:{root}", image_size=8, seed=seed) for seed in (0, 0, 1)
    )
    assert [len(each) for each in (first.train, first.val, first.test)] == [32, 8, 10]
    assert np.bincount(first.test.labels).tolist() == [4, 6]
    every = [
        np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes() for path in root.rglob("*.png")
    ]
    splits = (first.train, first.val, first.test)
    assert sorted(image for split in splits for image in contents(split)) == sorted(every)
    assert contents(again.val) == contents(first.val)
    # another seed validates on other images; the test images never move into training
    assert contents(other.val) != contents(first.val)
    assert contents(other.test) == contents(first.test)
    assert "seed 1" in describe_data(other)[0]


def test_three_folders(make_folder):
    root = make_folder({**COUNTS, "test/cat": 2, "test/dog": 2})
    data = load_data(f"folder:{root}", image_size=8)
    assert (len(data.train), len(data.val), len(data.test)) == (25, 7, 4)
    limited = load_data(f"folder:{root}", image_size=8, limit=16)
    assert (len(limited.train), len(limited.val), len(limited.test)) == (12, 4, 4)


def test_grey_folder_stays_grey(make_folder):
    root = make_folder(COUNTS, mode="L")
    assert load_data(f"folder:{root}", image_size=8).in_channels == 1
    assert load_data(f"folder:{root}", image_size=8, channels=3).train.pixels.shape[1] == 3
    # one colour image among them makes it a colour set
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(root / "train/dog/colour.png")
    assert load_data(f"folder:{root}", image_size=8).in_channels == 3


def test_streaming_equals_memory(make_folder):
    root = make_folder(COUNTS, size=(20, 14))
    inside = load_data(f"folder:{root}", image_size=8)
    outside = load_data(f"folder:{root}", image_size=8, in_memory_bytes=0)
    assert isinstance(inside.train, ArraySplit)
    assert isinstance(outside.train, FileSplit)
    assert outside.mean == inside.mean
    again = pickle.loads(pickle.dumps(outside))
    for name in ("train", "val"):
        index = np.arange(len(inside.split(name)))
        np.testing.assert_array_equal(
            again.split(name).batch(index), inside.split(name).batch(index)
        )
        np.testing.assert_array_equal(again.split(name).labels, inside.split(name).labels)


def test_scaled_then_centre_cropped(make_folder):
    root = make_folder(COUNTS, size=(40, 20))
    data = load_data(f"folder:{root}", image_size=20)
    source = Image.open(root / "val/cat/000.png").crop((10, 0, 30, 20))
    np.testing.assert_array_equal(data.val.pixels[0].transpose(1, 2, 0), np.asarray(source))


def test_decoded_images_are_kept(make_folder, monkeypatch):
    root = make_folder(COUNTS)
    monkeypatch.setattr(decoding_module, "_PATIENCE_S", -1.0)
    first = load_data(f"folder:{root}", image_size=8)
    monkeypatch.setattr(
        decoding_module, "decode_or_measure", lambda *_: pytest.fail("decoded again")
    )
    second = load_data(f"folder:{root}", image_size=8)
    np.testing.assert_array_equal(first.train.pixels, second.train.pixels)


def test_a_changed_image_is_decoded_again(make_folder, monkeypatch):
    root = make_folder(COUNTS)
    monkeypatch.setattr(decoding_module, "_PATIENCE_S", -1.0)
    load_data(f"folder:{root}", image_size=8)
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(root / "val/cat/000.png")
    assert not load_data(f"folder:{root}", image_size=8).val.pixels[0].any()


def test_a_damaged_cache_is_rebuilt(make_folder, monkeypatch, tmp_path, caplog):
    root = make_folder(COUNTS)
    monkeypatch.setattr(decoding_module, "_PATIENCE_S", -1.0)
    first = load_data(f"folder:{root}", image_size=8)
    (kept,) = (tmp_path / "cache/decoded").iterdir()
    kept.write_bytes(kept.read_bytes()[:200])
    second = load_data(f"folder:{root}", image_size=8)
    np.testing.assert_array_equal(first.train.pixels, second.train.pixels)
    assert "will be rebuilt" in caplog.text


def test_an_unwritable_cache_is_only_slower(make_folder, monkeypatch, tmp_path, caplog):
    root = make_folder(COUNTS)
    monkeypatch.setattr(decoding_module, "_PATIENCE_S", -1.0)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARCHSEARCH_CACHE", str(tmp_path / "file" / "below"))
    assert len(load_data(f"folder:{root}", image_size=8).val) == 7
    assert "not kept" in caplog.text


def test_progress_is_reported(make_folder, monkeypatch):
    root = make_folder({"train/a": 300, "train/b": 300, "val/a": 2, "val/b": 2}, size=(4, 4))
    reports = []
    monkeypatch.setattr(decoding_module, "_PATIENCE_S", -1.0)
    monkeypatch.setattr(decoding_module, "_INTERVAL_S", 0.0)
    load_data(f"folder:{root}", image_size=4, progress=lambda *each: reports.append(each))
    assert reports[-1] == ("decoding images", 604, 604)
    assert [done for _, done, _ in reports] == sorted(done for _, done, _ in reports)


def test_idx_files_in_a_folder(idx_folder):
    data = load_data(f"folder:{idx_folder}", image_size=28)
    assert data.class_names == ("0", "1", "2")
    assert data.in_channels == 1


# --- errors, word by word


def problems_of(root) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_data(f"folder:{root}", image_size=8)
    return [str(problem).replace(str(root), "PHOTOS") for problem in caught.value.problems]


def test_missing_folder(tmp_path):
    assert problems_of(tmp_path / "nowhere") == [
        "PHOTOS: data: there is no such folder; check the path"
    ]


def test_file_in_place_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    assert problems_of(tmp_path / "file") == ["PHOTOS: data: must be a folder; check the path"]


def test_no_train(make_folder):
    root = make_folder({"cat": 1, "dog": 1, "val/cat": 1})
    assert problems_of(root) == [
        "PHOTOS: data: must have a folder train/ with one folder of images for each class; "
        "move the class folders (cat/, dog/) there"
    ]


@pytest.mark.parametrize(
    ("counts", "remedy"),
    [
        ({}, "make it"),
        ({"inner/train/cat": 3, "inner/train/dog": 3}, "give the folder in it: inner"),
        ({"inner/cat": 3, "inner/dog": 3}, "give the folder in it: inner"),
        ({".": 4}, "sort its 4 images into folders, one for each class"),
        ({"cat": 3, "notes/a": 0}, "move the class folders (cat/, notes/) there"),
    ],
)
def test_no_train_and_no_classes(make_folder, counts, remedy):
    assert problems_of(make_folder(counts)) == [
        "PHOTOS: data: must have a folder train/ with one folder of images for each class; "
        + remedy
    ]


def test_one_class_only(make_folder):
    assert problems_of(make_folder({"train/cat": 4, "val/cat": 2})) == [
        "PHOTOS/train: must have at least two class folders, but got ['cat']; make one folder of "
        "images for each class"
    ]


def test_every_problem_at_once(make_folder):
    root = make_folder({"train/cat": 4, "train/dog": 0, "train/eel": 2, "val/cat": 2, "val/dot": 2})
    (root / "train/cat/gone.png").symlink_to("/nowhere/gone.png")
    assert problems_of(root) == [
        "PHOTOS/train/cat/gone.png: is a link to /nowhere/gone.png, which does not exist; replace "
        "or remove it",
        "PHOTOS/train/dog: must hold at least one image; add one (.jpg, .png, .tif, .webp, ...) or "
        "remove the folder",
        "PHOTOS/val: every class must also be in train/, but got 'dot'; did you mean 'dog'?",
        "PHOTOS/val: must have every class of train/, but lacks dog, eel; move some images of it "
        "there from train/, or remove the class",
    ]


def test_a_class_in_other_letters_is_one_problem(make_folder):
    root = make_folder({"train/cat": 4, "train/dog": 4, "val/Cat": 1, "val/dog": 1})
    assert problems_of(root) == [
        "PHOTOS/val: every class must also be in train/, but got 'Cat'; did you mean 'cat'?"
    ]


def test_classes_of_one_image(make_folder):
    root = make_folder({"train/cat": 1, "train/dog": 4, "train/eel": 1, "test/cat": 1})
    (root / "test/dog").mkdir()
    shutil.copytree(root / "test/cat", root / "test/dog", dirs_exist_ok=True)
    shutil.copytree(root / "test/cat", root / "test/eel")
    assert problems_of(root) == [
        f"data: class '{name}' must have at least 2 training images, one of them to validate on, "
        "but got 1; add images, or remove the class"
        for name in ("cat", "eel")
    ]
    (root / "test").rename(root / "val")
    # with val/, one image can be trained on, and the run says so
    lines = describe_data(load_data(f"folder:{root}", image_size=8))
    assert "warning: a single training image in 'cat', 'eel': add images" in lines


def test_class_folders_of_two_images(make_folder):
    assert problems_of(make_folder({"cat": 2, "dog": 4})) == [
        "data: class 'cat' must have at least 3 images, to train on, to validate on and to test "
        "on, but got 2; add images, or remove the class"
    ]


@pytest.mark.parametrize("limit", [1, 3, 5])
@pytest.mark.parametrize("last", ["val", "test", "val and test", ""])
def test_limit_too_small(make_folder, limit, last):
    names = ["train", *last.split(" and ")] if last else ["train"]
    root = make_folder({f"{name}/{each}": 9 for name in names for each in ("a", "b", "c")})
    with pytest.raises(InputError) as caught:
        load_data(f"folder:{root}", image_size=8, limit=limit)
    assert str(caught.value) == (
        "limit: must leave each of the 3 classes an image to train on and one to validate on, but "
        f"got {limit}; use at least 6, better several times that"
    )


@pytest.mark.parametrize("last", ["val", "test", "val and test", ""])
@pytest.mark.parametrize("limit", [6, 7, 13, 40, 99, 100, 10_000])
def test_limit_leaves_every_class_in_every_split(make_folder, limit, last):
    names = [name for name in last.split(" and ") if name]
    counts = {f"train/{each}": count for each, count in zip("abc", (97, 4, 3), strict=True)}
    counts |= {f"{name}/{each}": 5 for name in names for each in "abc"}
    data = load_data(f"folder:{make_folder(counts, size=(4, 4))}", image_size=4, limit=limit)
    parts = [data.train, data.val, *([data.test] if data.test else [])]
    for part in parts:
        assert np.bincount(part.labels, minlength=3).min() >= 1
    available = 104 + (15 if "val" in names else 0) - (0 if names else len(data.test))
    assert len(data.train) + len(data.val) == min(limit, available)


def test_unreadable_images_are_all_named(make_folder):
    root = make_folder(COUNTS)
    (root / "train/cat/003.png").write_text("no image")
    whole = (root / "val/dog/001.png").read_bytes()
    (root / "val/dog/001.png").write_bytes(whole[: len(whole) // 2])
    (root / "val/dog/002.png").write_bytes(b"")
    problems = problems_of(root)
    assert problems[0] == (
        "PHOTOS/train/cat/003.png: cannot be read as an image (not an image); replace or remove it"
    )
    assert problems[1].startswith("PHOTOS/val/dog/001.png: cannot be read as an image (")
    assert problems[2].startswith("PHOTOS/val/dog/002.png: cannot be read as an image (")
    assert len(problems) == 3


def test_many_unreadable_images_are_counted(make_folder):
    root = make_folder({**COUNTS, "train/cat": 0})
    for index in range(30):
        (root / f"train/cat/{index:02d}.jpg").write_text("no image")
    problems = problems_of(root)
    assert len(problems) == 21
    assert problems[-1] == "and 10 more images cannot be read"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp", ".gif"])
def test_a_stream_lists_what_is_cut_short_before_it_begins(make_folder, suffix):
    root = make_folder(COUNTS, size=(40, 40), suffix=suffix)
    cut = [root / f"train/dog/003{suffix}", root / f"val/cat/001{suffix}"]
    for path in cut:
        whole = path.read_bytes()
        path.write_bytes(whole[: 2 * len(whole) // 3])
    with pytest.raises(InputError) as caught:
        load_data(f"folder:{root}", image_size=8, in_memory_bytes=0)
    assert [problem.file for problem in caught.value.problems] == [str(path) for path in cut]


def test_unreadable_image_in_a_stream(make_folder):
    root = make_folder(COUNTS)
    data = load_data(f"folder:{root}", image_size=8, in_memory_bytes=0)
    (root / "val/dog/001.png").write_text("no image")
    with pytest.raises(InputError, match=r"val/dog/001\.png: cannot be read as an image"):
        data.val.batch(np.arange(7))
    (root / "val/dog/001.png").unlink()
    with pytest.raises(InputError, match=r"val/dog/001\.png: there is no such file"):
        data.val.batch(np.arange(7))

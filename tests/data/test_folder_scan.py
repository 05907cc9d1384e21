"""What a file system holds in place of images: links, pipes, strangers."""

import os
import shutil
import socket

import numpy as np
import pytest
from PIL import Image

from archsearch.data import folder_tree, image_formats, load_data
from archsearch.errors import InputError
from tests.data.image_files import tiff

COUNTS = {"train/cat": 6, "train/dog": 6, "val/cat": 2, "val/dog": 2}


@pytest.fixture
def root(make_folder):
    return make_folder(COUNTS, (4, 4))


def problems_of(root) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_data(f"folder:{root}", image_size=4)
    return [str(problem).replace(str(root), "PHOTOS") for problem in caught.value.problems]


def loaded(root):
    return load_data(f"folder:{root}", image_size=4)


# --- links and other things that are no files


@pytest.mark.parametrize(
    ("link", "target", "place", "rule"),
    [
        ("train/cat/x.png", "/nowhere.png", "", "is a link to /nowhere.png, which does not exist"),
        ("train/cat/x.HEIC", "/nowhere", "", "is a link to /nowhere, which does not exist"),
        ("train/cat/x", "/nowhere", "", "is a link to /nowhere, which does not exist"),
        ("train/eel", "/nowhere", "", "is a link to /nowhere, which does not exist"),
        ("val", "/nowhere", "", "is a link to /nowhere, which does not exist"),
        ("train/cat/x.png", "x.png", "", "cannot be read (too many levels of symbolic links)"),
        ("train/cat/up", "..", "", "is a link to a folder that it lies in"),
        ("train/cat/self", ".", "", "is a link to a folder that it lies in"),
        ("train/cat/root", "../..", "", "is a link to a folder that it lies in"),
        ("val/dog/a/up", "../../../val", "", "is a link to a folder that it lies in"),
    ],
)
def test_links(root, link, target, place, rule):
    path = root / link
    if link == "val":
        shutil.rmtree(path)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)
    assert f"PHOTOS/{link}: {rule}; replace or remove it" in problems_of(root)


def test_loops_over_two_links(root):
    (root / "train/cat/a").symlink_to("b")
    (root / "train/cat/b").symlink_to("a")
    assert len(problems_of(root)) == 2


def test_links_that_lead_somewhere_are_followed(root, tmp_path):
    shutil.move(root / "val/dog", tmp_path / "elsewhere")
    (root / "val/dog").symlink_to(tmp_path / "elsewhere")
    (root / "train/cat/more.png").symlink_to(root / "train/cat/000.png")
    (root / "train/cat/notes.txt").symlink_to("/nowhere.txt")
    data = loaded(root)
    assert (len(data.train), len(data.val)) == (13, 4)


def test_pipes_and_sockets_are_not_opened(root, monkeypatch):
    os.mkfifo(root / "train/cat/pipe.jpg")
    os.mkfifo(root / "train/cat/pipe.txt")
    (root / "train/dog/null.png").symlink_to("/dev/null")
    monkeypatch.chdir(root / "train/dog")
    with socket.socket(socket.AF_UNIX) as own:
        own.bind("talk.png")
        assert problems_of(root) == [
            "PHOTOS/train/cat/pipe.jpg: must be a file, but is a named pipe; replace or remove it",
            "PHOTOS/train/dog/null.png: must be a file, but is a device; replace or remove it",
            "PHOTOS/train/dog/talk.png: must be a file, but is a socket; replace or remove it",
        ]


def test_folders_named_as_images_are_folders(root):
    (root / "train/cat/album.png").mkdir()
    shutil.copy(root / "train/cat/000.png", root / "train/cat/album.png/1.png")
    assert len(loaded(root).train) == 13


def test_what_may_not_be_read(root, monkeypatch):
    closed = str(root / "val/dog")
    scandir, open_image = os.scandir, Image.open

    def refuse(path):
        if str(path) == closed:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(folder_tree.os, "scandir", refuse)
    assert "PHOTOS/val/dog: permission denied; make it readable" in problems_of(root)
    closed = ""

    def refuse_file(path, **options):
        if str(path).endswith("dog/003.png"):
            raise PermissionError(13, "Permission denied", path)
        return open_image(path, **options)

    monkeypatch.setattr(Image, "open", refuse_file)
    assert problems_of(root) == ["PHOTOS/train/dog/003.png: may not be read; make it readable"]


# --- files by content and by extension


@pytest.mark.parametrize(
    "name", ["photo", "photo.jpg_large", "photo.JPG-1", "photo.jpeg~", "1.2.3"]
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "JPEG2000"])
def test_images_are_known_by_their_content(root, name, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
    Image.fromarray(pixels).save(root / "train/cat" / name, kind)
    data = loaded(root)
    assert (len(data.train), data.notes, data.skipped) == (13, (), ())


@pytest.mark.parametrize("name", ["wrong.png", "WRONG.TIF", "wrong.jfif"])
def test_a_wrong_extension_is_no_matter(root, name):
    Image.new("RGB", (9, 9), "red").save(root / "train/cat" / name, "JPEG")
    assert len(loaded(root).train) == 13


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("x.CR2", tiff(np.zeros((4, 4), np.uint8), 1), "the raw data of a camera; develop"),
        ("x.dng", b"", "the raw data of a camera; develop"),
        ("x.dcm", bytes(128) + b"DICM", "a format of scanners and microscopes; convert"),
        ("IM0001", bytes(128) + b"DICM", "a format of scanners and microscopes; convert"),
        ("x.svg", b"<svg/>", "a drawing without pixels; export"),
        ("x.jxl", b"\xff\x0a", "a format that is not read here; convert"),
        ("x", b"\xff\x0a", "JPEG XL, which is not read here; convert"),
        ("x.exr", b"v/1\x01", "a format that is not read here; convert"),
        ("x.npz", b"PK", "an array; write one PNG, TIFF or .npy for each image"),
        ("clip.mp4", b"\0\0\0\x18ftypmp42", "a video; write its frames as images"),
        ("more.zip", b"PK", "an archive; unpack it"),
        ("x.xcf", b"gimp xcf", "the file of an image editor; export"),
    ],
)
def test_images_that_are_not_read_are_listed(root, name, content, what):
    path = root / "train/cat" / name
    path.write_bytes(content)
    data = loaded(root)
    (line,) = data.notes
    assert line.startswith(f"warning: 1 of 7 files of train/cat are skipped: {name}: {what}")
    assert data.skipped == (str(path),)
    for number in range(5):
        (root / f"train/cat/00{number}.png").unlink()
    assert "(half of the class or more)" in loaded(root).notes[0]
    (root / "train/cat/005.png").unlink()
    assert problems_of(root)[0].startswith(
        "PHOTOS/train/cat: must hold at least one image that can be read, but all 1 are skipped, "
        f"as {name} ({what.split(';')[0]}); "
    )


def test_other_files_are_counted(root):
    for name in ("a.txt", "b.txt", "labels.json", "README"):
        (root / "train/cat" / name).write_text("words")
    (root / "train/loose.png").write_bytes((root / "train/cat/000.png").read_bytes())
    assert loaded(root).notes == (
        "files in train/ that are no images: 2 .txt, 1 no extension, 1 .json",
        "warning: images in train/ outside its class folders are left out: loose.png",
    )


# --- HEIC, with and without its reader


@pytest.fixture
def without_heif(monkeypatch):
    cached = (image_formats.has_heif, image_formats.suffixes, image_formats.formats)
    for each in cached:
        each.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    yield
    for each in cached:
        each.cache_clear()


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def test_heic_without_its_reader_is_listed(root, without_heif):
    for number in range(0, 6, 2):
        (root / f"train/cat/00{number}.png").unlink()
        (root / f"train/cat/00{number}.HEIC").write_bytes(HEIC)
    (line,) = loaded(root).notes
    assert line == (
        "warning: 3 of 6 files of train/cat are skipped (half of the class or more): 000.HEIC, "
        "002.HEIC, 004.HEIC: HEIC needs another package; run pip install 'archsearch[heif]', or "
        "convert to JPEG"
    )
    # phones write it under the names of others, too
    (root / "train/dog/000.jpg").write_bytes(HEIC)
    assert problems_of(root) == [
        "PHOTOS/train/dog/000.jpg: cannot be read as an image (HEIC needs another package); run "
        "pip install 'archsearch[heif]', or convert to JPEG"
    ]


def test_a_jpeg_named_heic_needs_no_reader(root, without_heif):
    Image.new("RGB", (9, 9), "red").save(root / "train/cat/x.HEIC", "JPEG")
    data = loaded(root)
    assert (len(data.train), data.notes) == (13, ())


@pytest.mark.parametrize("orientation", [1, 6])
def test_heic_with_its_reader(root, orientation):
    heif = pytest.importorskip("pillow_heif")
    assert image_formats.has_heif()
    grey = np.kron(np.random.default_rng(0).integers(0, 256, (4, 4)), np.ones((16, 16)))
    pixels = np.dstack([grey] * 3).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    stored = pixels if orientation == 1 else np.ascontiguousarray(pixels.swapaxes(0, 1)[::-1])
    heif.from_pillow(Image.fromarray(stored)).save(
        root / "val/cat/000.HEIC", quality=100, exif=exif.tobytes()
    )
    data = load_data(f"folder:{root}", image_size=64)
    row = sorted(os.listdir(root / "val/cat")).index("000.HEIC")
    difference = data.val.pixels[row].transpose(1, 2, 0).astype(int) - pixels
    assert np.abs(difference).max() <= 8

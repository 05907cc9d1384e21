"""Where an export may be written, and what it refuses."""

import pytest

from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage, load_arch
from archsearch.errors import InputError
from archsearch.export import export_python, export_yaml

SMALL = Arch(
    image_size=16,
    in_channels=1,
    num_classes=4,
    stages=(
        Stage(
            depth=1, width=16, num_heads=2, blocks=(Block(attention=SelfAttention(), ffn=Mlp()),)
        ),
    ),
)


def test_existing_file_needs_force(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text("mine")
    with pytest.raises(InputError, match="already exists; use --force"):
        export_yaml(SMALL, path)
    with pytest.raises(InputError, match="already exists; use --force"):
        export_python(SMALL, path)
    assert path.read_text() == "mine"
    export_yaml(SMALL, path, force=True)
    assert load_arch(path) == SMALL


def test_a_missing_folder_is_made(tmp_path):
    export_yaml(SMALL, tmp_path / "new" / "folder" / "model.yaml")
    assert load_arch(tmp_path / "new" / "folder" / "model.yaml") == SMALL


def test_a_file_in_place_of_its_folder(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(InputError, match="a part of this path is a file, not a folder"):
        export_python(SMALL, tmp_path / "taken" / "model.py")


def test_target_is_a_folder(tmp_path):
    with pytest.raises(InputError, match="it is a folder, and a file is needed"):
        export_yaml(SMALL, tmp_path, force=True)


def test_yaml_round_trip_keeps_the_digest(tmp_path):
    export_yaml(SMALL, tmp_path / "a.yaml")
    assert load_arch(tmp_path / "a.yaml").digest == SMALL.digest

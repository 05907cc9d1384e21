"""Trainings of other versions: what is surely the same is used, and what is not is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsearch.cluster import EXECUTORS, Driver, Trainings, TrainingStore, training_key
from archsearch.cluster.executor import PoolOptions
from archsearch.cluster.training_key import TRAINS_AS
from tests.cluster.drivers import few_digits
from tests.cluster.test_training_store import ARCHS, JOB, made, trainings


def files(folder: Path) -> list[Path]:
    return sorted((folder / "trainings").glob("*.json"))


def rewritten(folder: Path, version: str, *, fewer: tuple[str, ...] = ()) -> None:
    """Leave what a version without `TRAINS_AS`, and with fewer fields of a recipe, would have."""
    own = trainings(folder)
    own.add(made())
    (path,) = files(folder)
    data: dict[str, Any] = json.loads(path.read_text())
    del data["trains_as"], data["images"]
    data["archsearch"] = version
    for name in fewer:
        del data["recipe"][name]
    digest = own.key(JOB).digest_as(version, data["recipe"])
    path.unlink()
    for shared in (folder.parent / ".trainings").glob("*.json"):
        shared.unlink()
    path.with_name(f"{digest[:32]}.json").write_text(json.dumps(data))


def test_files_of_the_first_version_keep_their_names(tmp_path: Path) -> None:
    rewritten(tmp_path / "a", "0.1.0")
    (path,) = files(tmp_path / "a")
    assert path.name == trainings(tmp_path / "a").key(JOB).file_name
    assert trainings(tmp_path / "a").find(JOB) is not None


def test_another_version_that_trains_alike_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings(tmp_path / "a").add(made())
    monkeypatch.setattr("archsearch.cluster.training_store.__version__", "7.8.9")
    assert trainings(tmp_path / "a").find(JOB) is not None


def test_a_recipe_that_had_fewer_fields_is_the_same(tmp_path: Path) -> None:
    """A field that came later has the value that stands for what was done before."""
    rewritten(tmp_path / "a", TRAINS_AS, fewer=("ema_decay", "clip_norm"))
    found = trainings(tmp_path / "a").find(JOB)
    assert found is not None
    assert found.recipe == trainings(tmp_path / "a").key(JOB).recipe
    # from now on it has the name that this version gives it
    assert trainings(tmp_path / "a").key(JOB).file_name in [p.name for p in files(tmp_path / "a")]


#: what is changed about what is asked for, and what the line says
OTHERS = {
    "recipe": (
        replace(JOB, recipe=JOB.recipe.model_copy(update={"learning_rate": 0.5})),
        "1 of another recipe",
    ),
    "network": (replace(JOB, arch=ARCHS[1]), ""),
    "seed": (replace(JOB, seed=9), ""),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_was_asked_otherwise_is_told(tmp_path: Path, name: str) -> None:
    job, words = OTHERS[name]
    trainings(tmp_path / "a").add(made())
    own = trainings(tmp_path / "a")
    assert own.find(job) is None
    told = own.unused([job])
    assert words in told
    assert bool(told) == bool(words)


@pytest.mark.parametrize("version", ["0.0.9", "0.0.0", "9.9.9", ""])
def test_a_version_that_may_train_differently_is_told(tmp_path: Path, version: str) -> None:
    rewritten(tmp_path / "a", version)
    own = trainings(tmp_path / "a")
    assert own.find(JOB) is None
    assert f"1 by archsearch {version}" in own.unused([JOB])


@pytest.mark.parametrize("noted", [True, False])
def test_other_images_are_told(tmp_path: Path, noted: bool) -> None:
    trainings(tmp_path / "a").add(made())
    if not noted:
        rewritten(tmp_path / "a", TRAINS_AS)
    data = few_digits()
    pixels = np.array(data.train.pixels)
    pixels[0, 0, 0, 0] ^= 1
    changed = replace(data, train=replace(data.train, pixels=pixels))
    own = Trainings(TrainingStore(tmp_path / "a"), changed)
    assert own.find(JOB) is None
    told = own.unused([JOB])
    assert "on other images" in told
    assert ("identified in another way" in told) != noted


def test_a_change_of_training_makes_every_training_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings(tmp_path / "a").add(made())
    for module in ("training_key", "earlier_trainings", "training_store"):
        monkeypatch.setattr(f"archsearch.cluster.{module}.TRAINS_AS", "9.0.0")
    assert trainings(tmp_path / "a").find(JOB) is None
    assert training_key.TRAINS_AS == "9.0.0"


def test_what_is_no_training_is_passed_over(tmp_path: Path) -> None:
    own = tmp_path / "a" / "trainings"
    own.mkdir(parents=True)
    for name, text in {"x": "{", "y": "[]", "z": '{"arch": 3, "seed": "q", "recipe": {}}'}.items():
        (own / f"{name}.json").write_text(text)
    assert trainings(tmp_path / "a").unused([JOB]) == ""
    assert trainings(tmp_path / "a").find(JOB) is None


def test_the_driver_says_it_in_one_line(tmp_path: Path) -> None:
    rewritten(tmp_path / "a", "0.0.9")
    lines: list[str] = []
    options = PoolOptions(num_workers=1)
    with Driver(
        "inline", few_digits(), options, trainings(tmp_path / "a"), say=lines.append
    ) as driver:
        assert "inline" in EXECUTORS
        left = driver.train([JOB], lambda outcome: None, is_late=lambda: bool(lines))
    assert left == 1
    (line,) = (each for each in lines if "trained again" in each)
    assert "archsearch 0.0.9" in line

"""The store of trainings: what is found where, and what is another training."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archsearch.cluster import FinishedEvent, Job, Training, Trainings, TrainingStore
from archsearch.cluster.training_key import TRAINS_AS
from archsearch.cluster.training_store import data_digest
from archsearch.data import DataSplits, FileSplit
from archsearch.model import build_model
from archsearch.model.transfer import Donor
from archsearch.record import EpochMetrics
from archsearch.space import load_space
from archsearch.train import Recipe
from archsearch.train.recipe import Precision
from tests.cluster.drivers import few_digits

SPACE = load_space("tiny")
ARCHS = [SPACE.arch(params) for params in SPACE.enumerate()]
CURVE = (
    EpochMetrics(
        epoch=1, train_loss=1.0, accuracy=0.5, val_loss=1.0, seconds=2.0, images_per_s=1.0
    ),
)
JOB = Job(0, ARCHS[0], Recipe(epochs=1, warmup_epochs=0, precision="float32"), 3)


def trainings(folder: Path, *others: Path, data: DataSplits | None = None) -> Trainings:
    return Trainings(TrainingStore(folder, others), data or few_digits())


def made(job: Job = JOB, precision: Precision = "float32") -> FinishedEvent:
    return FinishedEvent(job, CURVE, "", lambda: b"", precision)


def test_a_training_is_found_by_its_run_its_neighbours_and_a_copy_of_its_run(
    tmp_path: Path,
) -> None:
    own = trainings(tmp_path / "runs" / "a")
    assert own.find(JOB) is None
    own.add(made())
    expected = Training(
        arch=ARCHS[0],
        recipe=trainings(tmp_path / "x").key(JOB).recipe,
        data="digits",
        seed=3,
        trains_as=TRAINS_AS,
        images=data_digest(few_digits()),
        curve=CURVE,
    )
    assert own.find(JOB) == expected
    assert trainings(tmp_path / "runs" / "b").find(JOB) == expected
    moved = tmp_path / "elsewhere" / "c"
    shutil.copytree(tmp_path / "runs" / "a", moved)
    shutil.rmtree(tmp_path / "runs")
    assert trainings(moved).find(JOB) == expected


def test_what_it_began_with_makes_another_training(tmp_path: Path) -> None:
    own = trainings(tmp_path / "runs" / "a")
    own.add(made())
    began = [Donor.of(build_model(ARCHS[1], seed=seed)) for seed in range(2)]
    jobs = [replace(JOB, start=start) for start in began]
    assert [own.find(job) for job in jobs] == [None, None]
    own.add(made(jobs[0]))
    found = own.find(jobs[0])
    assert found is not None
    assert found.start == began[0].digest
    assert own.find(jobs[1]) is None
    plain = own.find(JOB)
    assert plain is not None
    assert plain.start == ""
    # whatever precision the recipe leaves open
    assert own.find(replace(jobs[0], recipe=Recipe(epochs=1, warmup_epochs=0))) == found


def test_a_run_elsewhere_is_looked_into_where_it_is_named(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a"
    trainings(run).add(made())
    shutil.rmtree(tmp_path / "runs" / ".trainings")
    ablation = tmp_path / "ablations" / "b"
    assert trainings(ablation).find(JOB) is None
    found = trainings(ablation, run).find(JOB)
    assert found is not None
    shutil.rmtree(run)
    assert trainings(ablation).find(JOB) == found, "what is used is kept"


def test_the_folder_beside_the_runs_of_earlier_versions_is_read(tmp_path: Path) -> None:
    own = trainings(tmp_path / "a")
    own.add(made())
    shutil.rmtree(tmp_path / "a")
    assert [path.parent.name for path in tmp_path.rglob("*.json")] == [".trainings"]
    assert own.find(JOB) is not None


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, arch=ARCHS[1]),
        replace(JOB, seed=4),
        replace(JOB, recipe=JOB.recipe.model_copy(update={"learning_rate": 0.5})),
        replace(JOB, recipe=JOB.recipe.model_copy(update={"precision": "bfloat16"})),
    ],
    ids=["network", "seed", "recipe", "precision"],
)
def test_what_goes_into_a_training_makes_another_one(tmp_path: Path, job: Job) -> None:
    own = trainings(tmp_path / "a")
    own.add(made())
    assert own.find(replace(JOB, trial=7, label="other words")) is not None
    assert own.find(job) is None


def test_other_images_make_another_training_and_other_test_images_do_not(tmp_path: Path) -> None:
    trainings(tmp_path / "a").add(made())
    data = few_digits()
    assert trainings(tmp_path / "a", data=replace(data, test=None)).find(JOB) is not None
    pixels = np.array(data.train.pixels)
    pixels[0, 0, 0, 0] ^= 1
    changed = replace(data, train=replace(data.train, pixels=pixels))
    assert trainings(tmp_path / "a", data=changed).find(JOB) is None


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_precision_that_was_left_open_is_kept_as_what_it_came_to(
    tmp_path: Path, precision: Precision
) -> None:
    left_open = replace(JOB, recipe=JOB.recipe.model_copy(update={"precision": "auto"}))
    own = trainings(tmp_path / "a")
    own.add(made(left_open, precision))
    assert own.find(left_open) is not None
    assert (own.find(JOB) is not None) == (precision == "float32")


def test_half_a_file_is_no_training(tmp_path: Path) -> None:
    own = trainings(tmp_path / "a")
    own.add(made())
    for file in tmp_path.rglob("*.json"):
        file.write_text(file.read_text()[:100])
    assert own.find(JOB) is None


def test_a_place_that_cannot_be_shared_costs_the_run_nothing(tmp_path: Path) -> None:
    (tmp_path / ".trainings").write_text("in the way")
    own = trainings(tmp_path / "a")
    own.add(made())
    assert own.find(JOB) is not None


def of_files(folder: Path, fill: bytes, count: int = 6) -> DataSplits:
    """Return splits of files of equal names and sizes, and of other content for another fill."""
    folder.mkdir(parents=True)
    paths = tuple(str(folder / f"{number:03}.bmp") for number in range(count))
    for path in paths:
        Path(path).write_bytes(fill * 64)
    split = FileSplit(paths, np.zeros(count, np.int64), 32, 3)
    return replace(few_digits(), train=split, val=split)


def test_equal_names_of_files_are_not_equal_images(tmp_path: Path) -> None:
    first = of_files(tmp_path / "one" / "cat", b"a")
    same = of_files(tmp_path / "two" / "cat", b"a")
    assert data_digest(first) == data_digest(same), "wherever the folder lies"
    other_content = of_files(tmp_path / "three" / "cat", b"b")
    other_sizes = of_files(tmp_path / "four" / "cat", b"aa")
    many = [
        of_files(tmp_path / name / "cat", fill, 1500) for name, fill in (("m", b"a"), ("n", b"b"))
    ]
    digests = [data_digest(each) for each in (first, other_content, other_sizes, *many)]
    assert len(set(digests)) == len(digests)
    Path(first.train.paths[0]).unlink()
    data_digest(first)  # a file that was lost meanwhile ends nothing here


def test_a_test_accuracy_is_that_of_its_test_images(tmp_path: Path) -> None:
    data = few_digits()
    trainings(tmp_path / "r", data=data).add(made(), test_accuracy=0.7)
    assert trainings(tmp_path / "r", data=data).find(JOB).test_accuracy == 0.7
    test = replace(data.test, pixels=255 - data.test.pixels)
    other = trainings(tmp_path / "r", data=replace(data, test=test)).find(JOB)
    assert (other.test_accuracy, other.accuracy) == (None, 0.5)

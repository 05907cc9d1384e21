"""Trainings that make an explanation clearer: chosen, trained, kept and used again."""

import pytest
import yaml

from archsearch.cli.app import main
from archsearch.errors import InputError
from archsearch.run import (
    Execution,
    Place,
    SearchConfig,
    explain,
    load_run,
    prepare,
    train_for_explanation,
)
from archsearch.run.extra_trainings import ExtraTraining, add_extra_training, read_extra_trainings
from archsearch.run.run_folder import RunFolder
from archsearch.train import Recipe
from tests.run.made_run import SPACE, made_tiny_run

INLINE = Execution(executor="inline")


class Lines:
    """Keeps the lines that are said."""

    def __init__(self):
        self.said = []

    def status(self, status):
        """Show nothing."""

    def line(self, text):
        """Keep a line."""
        self.said.append(text)


def trained_run(tmp_path, noise=0.05, count=24):
    """Write a run of 150 images and one epoch whose accuracies are planted."""
    config = SearchConfig(
        space="tiny", limit=150, recipe=Recipe(epochs=1, batch_size=32, warmup_epochs=0)
    )
    written = prepare(config, Place("made", str(tmp_path))).written
    return made_tiny_run(tmp_path / "made", count, noise=noise, config=written)


def test_trainings_are_kept_and_used(tmp_path):
    folder = trained_run(tmp_path)
    before = explain(folder, "best", "3")
    lines = Lines()
    found = train_for_explanation(folder, "best", "3", 2, INLINE, lines)
    kept = read_extra_trainings(RunFolder(folder))
    assert len(kept) == 2
    assert any("training 1 network between" in line for line in lines.said)
    assert lines.said[-1].startswith("the order of the largest contributions is not settled")
    # each is between the two, and none is a training that the run had
    ends = found.choices
    for each in kept:
        assert SPACE.problems(each.params) == []
        assert 0.0 <= each.accuracy <= 1.0
        for choice in ends:
            assert str(each.params[choice.name]) in (
                choice.before.split(" ")[0],
                choice.after.split(" ")[0],
            )
    again = explain(folder, "best", "3")
    assert (again.accuracy.attribution.mean == found.accuracy.attribution.mean).all()
    assert (again.accuracy.attribution.mean != before.accuracy.attribution.mean).any()
    # trainings lie in the store, so that the same are not trained again
    assert len(list((folder / "trainings").glob("*.json"))) == 2


def test_it_ends_when_the_order_is_settled(tmp_path, capsys):
    folder = trained_run(tmp_path, noise=0.0001, count=36)
    # a single choice has an order by itself
    params = SPACE.params_of(_arch_of(folder, 0))
    other = "window" if params["stages.1.attention"] == "sparse_global" else "sparse_global"
    base = SPACE.plan.complete({**params, "stages.1.attention": other})
    file = tmp_path / "net.yaml"
    file.write_text(yaml.safe_dump(SPACE.arch(base).to_dict()))
    options = ["--against", str(file), "--trials", "3", "--executor", "inline", "--csv"]
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(folder), "--trial", "0", *options])
    assert not ended.value.code
    text = capsys.readouterr()
    assert text.out.startswith("choice,")
    assert "settled" in text.err


def test_other_images_are_refused(tmp_path):
    folder = trained_run(tmp_path)
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["data"]["train"] += 1
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match=r"data\.train: run 'made' had images with"):
        train_for_explanation(folder, "best", "3", 1, INLINE, Lines())
    assert not (folder / "explained.json").exists()


def test_a_file_of_something_else_is_refused(tmp_path):
    folder = made_tiny_run(tmp_path / "made", 24)
    (folder / "explained.json").write_text('{"trainings": [{"seed": "x"}]}')
    with pytest.raises(InputError, match=r"explained\.json: does not hold trainings"):
        explain(folder)


def test_seeds_of_one_network_are_averaged(tmp_path):
    folder = made_tiny_run(tmp_path / "made", 24)
    target = explain(folder, 0, "3")
    params = SPACE.params_of(_arch_of(folder, 0))
    for seed in (1, 2):
        training = ExtraTraining(params=params, seed=seed, accuracy=0.9)
        add_extra_training(RunFolder(folder), training)
    found = explain(folder, 0, "3")
    assert found.accuracy.after == pytest.approx((target.accuracy.after + 1.8) / 3)


def _arch_of(folder, number):
    return load_run(folder).trials[number].arch


def test_options_of_training_need_trials(tmp_path, capsys):
    folder = made_tiny_run(tmp_path / "made", 24)
    with pytest.raises(SystemExit) as ended:
        main(["explain", str(folder), "--workers", "2", "--time-limit", "5m"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "--workers: must stand beside --trials" in said
    assert "--time-limit: must stand beside --trials" in said

"""``--set`` of a search: which value a key means, and that it is part of the run's identity."""

from pathlib import Path
from typing import Any

import pytest

from archsearch.errors import InputError
from archsearch.run import Place, SearchConfig, configured, prepare
from archsearch.run.run_reader import aims_of
from archsearch.settings import settings_from
from archsearch.train import default_recipe


def made(*texts: str, **data: Any) -> SearchConfig:
    return configured({"space": "tiny", **data}, settings_from(texts))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("recipe.learning_rate=1e-3", lambda c: c.recipe.learning_rate == 1e-3),
        ("learning_rate=1.0e-3", lambda c: c.recipe.learning_rate == 1e-3),
        ("recipe.augmentation.mixup=0.2", lambda c: c.recipe.augmentation.mixup == 0.2),
        ("mixup=0.2", lambda c: c.recipe.augmentation.mixup == 0.2),
        ("recipe.clip_norm=null", lambda c: c.recipe.clip_norm is None),
        ("epochs=3", lambda c: c.recipe.epochs == 3),
        ("seed=7", lambda c: c.seed == 7),
        ("execution.threads_per_worker=2", lambda c: c.execution.threads_per_worker == 2),
        ("threads_per_worker=2", lambda c: c.execution.threads_per_worker == 2),
        ("latency_ms=4", lambda c: c.budgets.latency_ms == 4),
        ("space.stages.0.depth=2", lambda c: c.space_overrides == {"stages.0.depth": 2}),
        ("stages[0].depth=2", lambda c: c.space_overrides == {"stages.0.depth": 2}),
    ],
)
def test_keys(text: str, read: Any) -> None:
    assert read(made(text))


def test_what_is_not_set_stays() -> None:
    recipe = made("recipe.weight_decay=0.1").recipe
    assert recipe is not None
    assert recipe == default_recipe("digits").model_copy(update={"weight_decay": 0.1})
    assert made().recipe is None


def test_a_short_training_cuts_the_warm_up() -> None:
    recipe = made("recipe.epochs=2", data="fashion-mnist").recipe
    assert recipe is not None
    assert recipe.warmup_epochs == 0.5
    chosen = made("recipe.epochs=2", "recipe.warmup_epochs=1.5").recipe
    assert chosen is not None
    assert chosen.warmup_epochs == 1.5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recipe.lr=1", "--set recipe.lr: is an unknown key; did you mean 'learning_rate'?"),
        ("recipe.learning_rat=1", "--set recipe.learning_rat: is an unknown key; did you mean"),
        ("recipe.epochs=x", "--set recipe.epochs: must be a whole number, but got 'x'"),
        ("recipe.epochs=0", "--set recipe.epochs: must be at least 1"),
        ("recipe.optimizer=adamv", "--set recipe.optimizer: must be a known optimiser"),
        ("recipe.warmup_epochs=30", "--set recipe.warmup_epochs: must be less than the 30 epochs"),
        ("warmup_epochs=[3]", "--set warmup_epochs: must be a number, but got [3]"),
        (
            "recipe.augmentation.flp=1",
            "--set recipe.augmentation.flp: is an unknown key; did you mean",
        ),
        ("recipe=lightvit", "--set recipe: is no single value (got 'lightvit'); name a key"),
        ("space=tiny", "--set space: is no single value"),
        ("batch_size=3", "--set batch_size: stands for more than one value; write recipe.batch_"),
        ("epohcs=3", "--set epohcs: is an unknown key; did you mean 'epochs'"),
        ("zzz=3", "--set zzz: is an unknown key; write recipe.KEY, space.PATH, or"),
        ("execution.trails=3", "--set execution.trails: is an unknown key; did you mean 'trials'?"),
        ("latency.device=gpu", "--set latency.device: must be auto, cpu, cuda or cuda:N"),
        (
            "space.stages.0.detph=1",
            "--set space.stages.0.detph: is an unknown key; did you mean 'depth",
        ),
        ("stages.0.depth=0", "--set stages.0.depth: must be at least 1"),
    ],
)
def test_wrong_settings(text: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        made(text)
    assert str(caught.value.problems[0]).startswith(expected)


def test_all_problems_at_once() -> None:
    texts = ["recipe.lr=1", "space.stages.0.depth=0", "seed=x", "zzz=1"]
    with pytest.raises(InputError) as caught:
        made(*texts, budgets={"latency_ms": -1})
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {
        "--set recipe.lr",
        "--set space.stages.0.depth",
        "--set seed",
        "--set zzz",
        "budgets.latency_ms",
    }


def test_settings_are_recorded_and_another_value_is_refused(tmp_path: Path) -> None:
    place = Place(name="r", runs_dir=str(tmp_path))
    texts = ("recipe.learning_rate=1e-3", "space.stages.0.depth=2")
    begun = prepare(made(*texts), place)
    begun.folder.create(begun.written)
    written = begun.folder.read_config()
    assert written["recipe"]["learning_rate"] == 1e-3
    assert written["identity"]["space_overrides"] == {"stages.0.depth": 2}
    assert written["space"]["stages"][0]["depth"] == 2
    begun.folder.check_same(prepare(made(*texts), place).identity)
    for other, key, was in (
        (("recipe.learning_rate=2e-3", texts[1]), "recipe.learning_rate", "0.001"),
        ((texts[0], "space.stages.0.depth=1"), "space_overrides.stages.0.depth", "2"),
        ((texts[0],), "space_overrides.stages.0.depth", "2"),
    ):
        with pytest.raises(InputError, match=f"{key}: run 'r' was started with {was}"):
            begun.folder.check_same(prepare(made(*other), place).identity, space_may_differ=True)


def test_only_what_differs_is_named_where_one_recipe_is_a_default(tmp_path: Path) -> None:
    place = Place(name="r", runs_dir=str(tmp_path))
    begun = prepare(made("recipe.weight_decay=0.1"), place)
    begun.folder.create(begun.written)
    now = prepare(made(), place)
    with pytest.raises(InputError) as caught:
        begun.folder.check_same(now.identity, recipe=now.written["recipe"])
    (problem,) = caught.value.problems
    assert problem.key == "recipe.weight_decay"
    assert problem.rule == "run 'r' was started with 0.1"
    same = prepare(made("recipe.weight_decay=0.1", "recipe.epochs=5"), place)
    begun.folder.check_same(same.identity, recipe=same.written["recipe"])


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"budgets": {"latency_ms": 3.0}},
        {"budgets": {"latency_ms": 3.0}, "budget_confidence": 0.9},
        {"objectives": ["accuracy", "params"], "budget_confidence": 0.7},
        {"targets": {"onnxruntime": {"runtime": "onnxruntime", "budget_ms": 2.0}}},
    ],
)
def test_a_run_is_read_back_with_the_aims_it_was_started_with(asked: dict[str, Any]) -> None:
    config = SearchConfig.model_validate({"space": "tiny", **asked})
    assert aims_of(config.identity()) == config.aims

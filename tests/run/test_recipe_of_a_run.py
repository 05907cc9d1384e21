"""Which recipe a run has: fitted where it begins, its own where it goes on."""

from pathlib import Path
from typing import Any

import pytest

from archsearch.ablation import AblationPlace, PreparedAblation, prepare_ablation
from archsearch.ablation.ablation_folder import AblationFolder
from archsearch.ablation.session import _request
from archsearch.errors import InputError
from archsearch.run import Execution, Place, SearchConfig, configured, describe_plan, prepare
from archsearch.run.preparation import Prepared
from archsearch.settings import settings_from
from archsearch.train import Recipe, default_recipe
from archsearch.tune.study import tune_study
from archsearch.yaml_source import dump_yaml, load_yaml

FEW = {"space": "tiny", "data": "digits", "limit": 100}
SHIPPED = default_recipe("digits")


def made(*texts: str, **more: Any) -> SearchConfig:
    return configured({**FEW, **more}, settings_from(texts))


def prepared(root: Path, *texts: str, **more: Any) -> Prepared:
    return prepare(made(*texts, **more), Place(name="r", runs_dir=str(root)))


def as_an_earlier_version(run: Prepared) -> None:
    """Write what a version wrote that fitted no recipe."""
    written = dict(run.written)
    del written["training"]
    written["identity"] = {k: v for k, v in run.identity.items() if k != "recipe_keys"}
    written["recipe"] = run.fit.asked.model_dump(mode="json")
    run.folder.create(written)


def goes_on(run: Prepared) -> None:
    run.folder.check_same(run.identity, data=run.written["data"], recipe=run.written["recipe"])


def test_a_run_is_fitted_to_its_images_and_writes_it_down(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    assert (len(run.data.train), run.recipe.batch_size) == (80, 32)
    assert run.recipe.epochs > SHIPPED.epochs
    run.folder.create(run.written)
    written = run.folder.read_config()
    assert Recipe.model_validate(written["recipe"]) == run.recipe
    assert written["training"]["fitted"]["batch_size"] == {"shipped": 64, "fitted": 32}
    assert written["training"]["steps"] == run.fit.steps
    plan = describe_plan(run)
    assert all(line in plan for line in run.fit.lines())
    assert any(line.startswith("fitted to 80 images: ") for line in plan)


def test_the_first_command_of_the_readme_keeps_its_recipe(tmp_path: Path) -> None:
    run = prepared(tmp_path, space="lightweight", data="cluttered-digits", limit=None)
    shipped = default_recipe("cluttered-digits")
    assert run.recipe == shipped.model_copy(update={"augmentation": run.recipe.augmentation})
    assert run.written["training"]["fitted"] == {}


@pytest.mark.parametrize(
    ("texts", "more"),
    [
        (("recipe.epochs=2",), {}),
        (("recipe.batch_size=64",), {}),
        (("recipe.batch_size=64", "recipe.epochs=5"), {}),
        (("epochs=2", "warmup_epochs=1"), {}),
        (("mixup=0.2",), {}),
        ((), {"recipe": {"epochs": 2, "warmup_epochs": 0}}),
        (("recipe.epochs=3",), {"recipe": {"epochs": 2, "warmup_epochs": 0}}),
    ],
)
def test_what_is_set_stays(tmp_path: Path, texts: tuple[str, ...], more: dict[str, Any]) -> None:
    config = made(*texts, **more)
    assert config.recipe is not None
    run = prepared(tmp_path, *texts, **more)
    asked, got = (each.model_dump() for each in (config.recipe, run.recipe))
    keys = asked if more else {text.partition("=")[0].split(".")[-1] for text in texts} - {"mixup"}
    for key in set(keys) - {"augmentation"}:
        assert got[key] == asked[key]
    if "mixup=0.2" in texts:
        assert got["augmentation"] == asked["augmentation"]


def test_a_warm_up_is_held_against_the_fitted_epochs(tmp_path: Path) -> None:
    long = prepared(tmp_path, "warmup_epochs=6")
    assert long.recipe.warmup_epochs == 6 < long.recipe.epochs
    with pytest.raises(InputError, match=r"warmup_epochs: must be less than the 5 epochs"):
        prepared(tmp_path, "warmup_epochs=6", limit=None)


def test_rungs_are_held_against_the_fitted_epochs(tmp_path: Path) -> None:
    run = prepared(tmp_path, rungs=[2, 7])
    assert run.recipe.epochs > 7
    with pytest.raises(InputError, match="must be below the 5 epochs of a whole training"):
        prepared(tmp_path, rungs=[2, 7], limit=None)


@pytest.mark.parametrize("texts", [(), ("recipe.epochs=4",), ("recipe.learning_rate=0.001",)])
def test_a_run_of_an_earlier_version_goes_on_with_its_recipe(
    tmp_path: Path, texts: tuple[str, ...]
) -> None:
    begun = prepared(tmp_path, *texts)
    assert begun.fit.changes
    as_an_earlier_version(begun)
    now = prepared(tmp_path, *texts)
    assert now.recipe == begun.fit.asked
    assert now.fit.changes == {}
    goes_on(now)
    other = prepared(tmp_path, "recipe.epochs=3")
    with pytest.raises(InputError, match=r"recipe.epochs: run 'r' was started with"):
        goes_on(other)


def test_a_run_goes_on_with_the_recipe_that_it_wrote(tmp_path: Path) -> None:
    """Also where another version would fit another one."""
    begun = prepared(tmp_path)
    kept = begun.recipe.model_copy(update={"epochs": 9, "learning_rate": 0.004})
    begun.folder.create({**begun.written, "recipe": kept.model_dump(mode="json")})
    now = prepared(tmp_path)
    assert now.recipe == kept
    goes_on(now)
    # the same recipe in other words
    values = {"epochs": 9, "learning_rate": 0.004, "warmup_epochs": kept.warmup_epochs}
    goes_on(prepared(tmp_path, *(f"recipe.{key}={value}" for key, value in values.items())))
    with pytest.raises(InputError, match=r"recipe.batch_size: run 'r' was started with 32"):
        goes_on(prepared(tmp_path, "recipe.batch_size=64"))


def test_equal_recipes_of_which_other_keys_were_set_are_told_apart(tmp_path: Path) -> None:
    first = prepared(tmp_path, "recipe.epochs=5")
    first.folder.create(first.written)
    goes_on(prepared(tmp_path, "recipe.epochs=5"))
    with pytest.raises(InputError, match="was started with"):
        goes_on(prepared(tmp_path, "recipe.batch_size=64"))


def test_trials_of_ray_tune_have_the_recipe_of_their_run(tmp_path: Path) -> None:
    run = prepared(tmp_path)
    assert tune_study(made()).recipe == run.recipe
    as_an_earlier_version(run)
    assert tune_study(run.folder).recipe == run.fit.asked


STUDY = """\
question: does the sampler matter?
cost: seconds
published: ""
base:
  arch: zoo:edgevit_xxs
  overrides: {width: 8, head_dim: 8, depth: 1, stem.patch_size: 2, ffn.expansion: 1}
variants:
  max: {overrides: {sampler: max}}
image_size: 16
limit: 100
seeds: 2
"""


def ablation(root: Path, *texts: str, text: str = STUDY, **changes: Any) -> PreparedAblation:
    (root / "s.yaml").write_text(text)
    settings = tuple(settings_from(texts))
    return prepare_ablation(
        AblationPlace(str(root / "s.yaml"), "full", changes, "a", str(root), settings=settings),
        Execution(),
    )


def written_by(prepared: PreparedAblation, **changes: Any) -> None:
    AblationFolder(prepared.folder).write_request({**_request(prepared), **changes})


def test_an_ablation_is_fitted_and_an_earlier_one_goes_on(tmp_path: Path) -> None:
    begun = ablation(tmp_path)
    assert begun.recipe.batch_size == 32
    assert begun.recipe.epochs > SHIPPED.epochs
    begun.folder.path.mkdir()
    file = AblationFolder(begun.folder).request
    written_by(begun)
    assert load_yaml(file).data["training"]["steps"] == begun.fit.steps
    data = load_yaml(file).data
    del data["recipe_keys"], data["training"]
    data["recipe"] = begun.fit.asked.model_dump(mode="json")
    file.write_text(dump_yaml(data))
    assert ablation(tmp_path).recipe == begun.fit.asked
    assert ablation(tmp_path, limit=90).recipe.batch_size == 32, "other images: fitted anew"
    assert ablation(tmp_path, "recipe.epochs=2").recipe.epochs == 2


def test_an_ablation_goes_on_with_the_recipe_that_it_wrote(tmp_path: Path) -> None:
    begun = ablation(tmp_path)
    begun.folder.path.mkdir()
    kept = begun.recipe.model_copy(update={"epochs": 9})
    written_by(begun, recipe=kept.model_dump(mode="json"))
    assert ablation(tmp_path).recipe == kept
    assert ablation(tmp_path, "recipe.epochs=3").recipe.epochs == 3


@pytest.mark.parametrize(
    ("texts", "more"), [(("recipe.epochs=2",), ""), ((), "epochs: 2\n"), ((), "recipe: digits\n")]
)
def test_what_a_study_sets_stays(tmp_path: Path, texts: tuple[str, ...], more: str) -> None:
    found = ablation(tmp_path, *texts, text=STUDY + more)
    if "recipe" in more:
        assert found.fit.changes == {}
    else:
        assert found.recipe.epochs == 2
        assert set(found.fit.changes) == {"batch_size"}

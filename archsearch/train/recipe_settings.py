"""Values of a recipe from ``--set`` or options: of one training, or of an ablation's trainings."""

from collections.abc import Sequence

from archsearch.errors import InputError, Problem, nearest
from archsearch.settings import Setting
from archsearch.train.recipe import Augmentation, Recipe, changed_recipe

_AUGMENTATION = "augmentation"


def set_keys(settings: Sequence[Setting]) -> frozenset[str]:
    """Return the keys of a recipe that settings give a value, dotted."""
    return frozenset(".".join(_names(setting)) for setting in settings)


def with_settings(
    recipe: Recipe, settings: Sequence[Setting], longest: int | None = None
) -> Recipe:
    """Return ``recipe`` with the values of ``recipe.KEY=VALUE``, ``recipe.`` left out or not.

    Args:
        recipe: what to change.
        settings: the changes.
        longest: epochs that the recipe may still get; see `changed_recipe`.

    Raises:
        InputError: with every key that a recipe does not have, and every rule that is broken.
    """
    problems: list[Problem] = []
    given: dict[str, Setting] = {}
    for setting in settings:
        names = _names(setting)
        if not names or names[0] not in Recipe.model_fields:
            known = {*Recipe.model_fields, *Augmentation.model_fields}
            remedy = nearest(names[0], known) if names else "name one, e.g. recipe.epochs=10"
            problems.append(setting.problem("is an unknown key of a recipe", None, remedy))
            continue
        key = ".".join(names)
        if key in given:
            remedy = f"leave out {given[key].label} or this"
            problems.append(setting.problem("is given twice", setting.value, remedy))
            continue
        given[key] = setting
    changes = {key: setting.value for key, setting in given.items()}
    changed = recipe
    try:
        changed = changed_recipe(recipe, changes, longest) if changes else recipe
    except InputError as error:
        for problem in error.problems:
            above = next((each for each in given if _is_below(problem.key, f"recipe.{each}")), "")
            named = given[above].of_value(problem, f"recipe.{above}") if above else problem
            problems.append(named)
    if problems:
        raise InputError(problems)
    return changed


def _names(setting: Setting) -> tuple[str, ...]:
    """Return the path of a setting from the top of a recipe."""
    names = setting.path[1:] if setting.path[0] == "recipe" else setting.path
    return (_AUGMENTATION, *names) if names and names[0] in Augmentation.model_fields else names


def _is_below(key: str, above: str) -> bool:
    return key == above or key.startswith(f"{above}.")

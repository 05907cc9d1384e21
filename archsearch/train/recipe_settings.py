"""``--set`` where a recipe is all that can be set: one training, or an ablation's trainings."""

from collections.abc import Sequence
from dataclasses import replace

from archsearch.errors import InputError, Problem, nearest
from archsearch.settings import FLAG, Setting
from archsearch.train.recipe import Augmentation, Recipe, changed_recipe

_AUGMENTATION = "augmentation"


def with_settings(recipe: Recipe, settings: Sequence[Setting]) -> Recipe:
    """Return ``recipe`` with the values of ``recipe.KEY=VALUE``, ``recipe.`` left out or not.

    Raises:
        InputError: with every key that a recipe does not have, and every rule that is broken.
    """
    problems: list[Problem] = []
    changes = {}
    labels = {}
    for setting in settings:
        names = setting.path[1:] if setting.path[0] == "recipe" else setting.path
        if names and names[0] in Augmentation.model_fields:
            names = (_AUGMENTATION, *names)
        if not names or names[0] not in Recipe.model_fields:
            known = {*Recipe.model_fields, *Augmentation.model_fields}
            remedy = nearest(names[0], known) if names else "name one, e.g. recipe.epochs=10"
            problems.append(setting.problem("is an unknown key of a recipe", None, remedy))
            continue
        key = ".".join(names)
        changes[key] = setting.value
        labels[f"recipe.{key}"] = f"{FLAG} {setting.key}"
    changed = recipe
    try:
        changed = changed_recipe(recipe, changes) if changes else recipe
    except InputError as error:
        for problem in error.problems:
            above = next((key for key in labels if _is_below(problem.key, key)), "")
            label = labels.get(above, "") + problem.key[len(above) :]
            problems.append(replace(problem, key=label))
    if problems:
        raise InputError(problems)
    return changed


def _is_below(key: str, above: str) -> bool:
    return key == above or key.startswith(f"{above}.")

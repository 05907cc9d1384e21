"""The identity of a run, and what may differ when it goes on."""

from collections.abc import Mapping
from typing import Any

from archsearch.record.teacher_text import teacher_facts, teacher_words
from archsearch.run.config import SearchConfig
from archsearch.settings import leaves
from archsearch.train import Recipe
from archsearch.yaml_source import KeyPath, dotted

_MISSING = "(absent)"
_KEYS = "recipe_keys"
#: keys of an identity beside those of a configuration
_COMPUTED = ("space_digest", "inherit_digest")
_Flat = dict[KeyPath, Any]


def asked_for(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration in an identity, without what was computed from it."""
    return {key: value for key, value in identity.items() if key not in _COMPUTED}


def differences_from(
    config: Mapping[str, Any],
    identity: Mapping[str, Any],
    space_may_differ: bool = False,
    data: Mapping[str, Any] | None = None,
    recipe: Mapping[str, Any] | None = None,
) -> list[tuple[str, Any, Any]]:
    """Return the values that differ: key, before and now.

    Args:
        config: of the run that was started.
        identity: what is asked for now.
        space_may_differ: the space is checked elsewhere.
        data: what is known about the images; where it is as it was, they may lie elsewhere.
        recipe: of now, nothing left open; None compares what was asked for alone.
    """
    begun, asked = dict(config.get("identity", {})), dict(identity)
    if recipe is not None and "recipe" in config and not asks_again(config, identity):
        # one of the two may be a default, or fitted: compare the resolved values
        begun["recipe"], asked["recipe"] = config["recipe"], recipe
    for each in (begun, asked):
        each.pop(_KEYS, None)
    before, now = leaves(_with_one_teacher(begun)), leaves(_with_one_teacher(asked))
    # equal spaces may come from different files
    passed = {("space",)} if _same_space(before, now) or space_may_differ else set()
    if space_may_differ:
        passed.add(("space_digest",))
    key = ("inherit_digest",)
    if key in before and before[key] == now.get(key):
        # the same weights may lie elsewhere
        passed.add(("inherit",))
    if data and _same_images(config.get("data"), data):
        passed |= {("data",), ("data_root",)}
    # an option that a run of an earlier version did not know had its default
    defaults = leaves(SearchConfig.model_validate({"space": ""}).identity())
    before = {key: defaults[key] for key in now if key in defaults} | before
    return [
        (dotted(key), before.get(key, _MISSING), now.get(key, _MISSING))
        for key in dict.fromkeys([*before, *now])
        if key not in passed and (before.get(key) or None) != (now.get(key) or None)
    ]


def asks_again(config: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Return whether a recipe is asked for in the words that a run was started with.

    Args:
        config: of the run that was started; earlier versions did not note the keys that were set.
        identity: what is asked for now.
    """
    begun = config.get("identity", {})
    same = _full(begun.get("recipe")) == _full(identity.get("recipe"))
    return same and begun.get(_KEYS, identity.get(_KEYS)) == identity.get(_KEYS)


def _full(recipe: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a recipe with the defaults of what an earlier version did not know."""
    return None if recipe is None else {**Recipe().model_dump(mode="json"), **recipe}


def _with_one_teacher(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return an identity whose teacher is one value, which one line of a message tells apart."""
    recipe = identity.get("recipe")
    if not isinstance(recipe, Mapping) or "teacher" not in recipe:
        return dict(identity)
    words = f"{teacher_words(recipe)}: {teacher_facts(recipe)}"
    return {**identity, "recipe": {**recipe, "teacher": words}}


def _same_images(before: object, now: Mapping[str, Any]) -> bool:
    """Return whether all recorded facts about the images are equal and sufficient."""
    if not isinstance(before, Mapping) or not {"train", "mean", "std"} <= set(before):
        return False
    return all(before[key] == now[key] for key in before if key in now)


def _same_space(before: _Flat, now: _Flat) -> bool:
    key = ("space_digest",)
    return key in before and before[key] == now.get(key)

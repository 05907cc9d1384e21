"""The identity of a run, and what may differ when it goes on."""

from collections.abc import Mapping
from typing import Any

from archsearch.run.config import SearchConfig
from archsearch.settings import leaves
from archsearch.yaml_source import KeyPath, dotted

_MISSING = "(absent)"
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
    if recipe is not None and "recipe" in config and begun.get("recipe") != asked.get("recipe"):
        # one of the two may be a default: compare the resolved values
        begun["recipe"], asked["recipe"] = config["recipe"], recipe
    before, now = leaves(begun), leaves(asked)
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


def _same_images(before: object, now: Mapping[str, Any]) -> bool:
    """Return whether all recorded facts about the images are equal and sufficient."""
    if not isinstance(before, Mapping) or not {"train", "mean", "std"} <= set(before):
        return False
    return all(before[key] == now[key] for key in before if key in now)


def _same_space(before: _Flat, now: _Flat) -> bool:
    key = ("space_digest",)
    return key in before and before[key] == now.get(key)

"""An independent reading of a space file: substitute every combination into the plain data."""

import copy
import itertools
import json
from typing import Any

import yaml


def every_resolved(text: str) -> set[str]:
    """Return the canonical JSON of every resolved file, by trying everything.

    Named parameters are fixed first, each to one of its alternatives; then every domain left is
    replaced by each of its values.
    """
    data = yaml.safe_load(text)
    data.pop("rules", None)
    named = data.pop("parameters", {})
    flat = "stages" not in data
    found = set()
    for chosen in named_alternatives(named):
        if flat:
            found.add(json.dumps(chosen, sort_keys=True))
            continue
        filled = with_defaults(copy.deepcopy(data))
        for each in expanded(filled, chosen):
            length = each.pop("num_stages", None)
            stages = each["stages"]
            each["stages"] = [in_blocks(stage) for stage in stages[:length]]
            found.add(json.dumps(each, sort_keys=True))
    return found


def named_alternatives(named: dict[str, Any]) -> list[dict[str, Any]]:
    """Every way to fix all the named parameters, in the order that references need."""
    result: list[dict[str, Any]] = [{}]
    waiting = dict(named)
    while waiting:
        for name, value in waiting.items():
            text = json.dumps(value)
            if any(f'"ref": "{other}"' in text for other in waiting):
                continue
            result = [
                {**chosen, name: (label, option)}
                for chosen in result
                for label, option in labelled(value, chosen)
            ]
            del waiting[name]
            break
    if "seed" in named:  # the flat example: drop labels
        return [{name: option for name, (_, option) in chosen.items()} for chosen in result]
    return result


def labelled(value: Any, chosen: dict[str, Any]) -> list[tuple[str, Any]]:
    """The alternatives of a named parameter with the label that others follow it by."""
    if isinstance(value, dict) and "choice" in value:
        return [(str(o), each) for o in value["choice"] for each in expanded(o, chosen)]
    return [(str(each), each) for each in expanded(value, chosen)]


def expanded(value: Any, chosen: dict[str, Any]) -> list[Any]:
    """Every plain value that ``value`` may become."""
    if isinstance(value, dict) and "ref" in value and "choice" in value:
        return expanded(value["choice"][chosen[value["ref"]][0]], chosen)
    if isinstance(value, dict) and "ref" in value:
        number = chosen[value["ref"]][1]
        return [number * value["times"] if "times" in value else number]
    if isinstance(value, dict) and "choice" in value:
        options = value["choice"]
        options = list(options.values()) if isinstance(options, dict) else options
        return [each for option in options for each in expanded(option, chosen)]
    if isinstance(value, dict) and "int" in value:
        low, high = value["int"]
        return list(range(low, high + 1, value.get("step", 1)))
    if isinstance(value, dict):
        parts = [expanded(child, chosen) for child in value.values()]
        return [dict(zip(value, each, strict=True)) for each in itertools.product(*parts)]
    if isinstance(value, list):
        return [list(each) for each in itertools.product(*(expanded(v, chosen) for v in value))]
    return [value]


def with_defaults(data: dict[str, Any]) -> dict[str, Any]:
    """Merge the stage defaults: the examples override whole values only."""
    defaults = data.pop("stage_defaults", {})

    def fill(stages: Any) -> Any:
        if isinstance(stages, dict):
            inside = stages["choice"]
            if isinstance(inside, dict):
                new: Any = {key: fill(each) for key, each in inside.items()}
            else:
                new = [fill(each) for each in inside]
            return {**stages, "choice": new}
        first = {key: value for key, value in defaults.items() if key != "downsample"}
        return [{**(defaults if i else first), **stage} for i, stage in enumerate(stages)]

    return {**data, "stages": fill(data["stages"])}


def in_blocks(stage: dict[str, Any]) -> dict[str, Any]:
    """Move what a stage says for every block into its blocks."""
    shared = {key: stage[key] for key in ("attention", "ffn") if key in stage}
    stage = {key: value for key, value in stage.items() if key not in shared}
    blocks = [{**shared, **block} for block in stage.get("blocks", [{}])]
    return {**stage, "blocks": blocks}

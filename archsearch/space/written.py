"""Values of a space file that remember where they were written, and merging of defaults."""

import math
from dataclasses import dataclass
from typing import Any

from archsearch.arch import Block
from archsearch.yaml_source import KeyPath

#: keys of a mapping that is a domain
DOMAIN_KEYS = ("choice", "int", "ref")
#: keys that a stage of a space may use for every block of its pattern
BLOCK_KEYS = tuple(key for key in Block.model_fields if key != "repeat")


@dataclass(frozen=True)
class Written:
    """Plain data with the key path it was written at.

    Attributes:
        value: a mapping or list of `Written`, or a scalar.
        origin: its place in the file.
    """

    value: dict[str, "Written"] | list["Written"] | str | int | float | bool | None
    origin: KeyPath

    def __getitem__(self, key: str) -> "Written":
        assert isinstance(self.value, dict)
        return self.value[key]

    def get(self, key: str) -> "Written | None":
        """Return the value of ``key``; None if this is no mapping or has no such key."""
        return self.value.get(key) if isinstance(self.value, dict) else None

    @property
    def is_domain(self) -> bool:
        """Whether this stands for several values, or for a named parameter."""
        return isinstance(self.value, dict) and any(key in self.value for key in DOMAIN_KEYS)

    def plain(self) -> Any:
        """Return the data without places."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value


def with_places(data: Any, origin: KeyPath = ()) -> Written:
    """Attach places to plain data read from YAML."""
    if isinstance(data, dict):
        # `lines` of a YamlSource are indexed by the text of a key
        return Written(
            {key_text(k): with_places(v, (*origin, key_text(k))) for k, v in data.items()}, origin
        )
    if isinstance(data, list):
        return Written([with_places(each, (*origin, i)) for i, each in enumerate(data)], origin)
    if data is None or isinstance(data, bool | int | str):
        return Written(data, origin)
    if isinstance(data, float) and math.isfinite(data):
        return Written(data, origin)
    # dates, sets, bytes, infinities: keep the text, so that the check of the key refuses it
    return Written(str(data), origin)


def key_text(key: object) -> str:
    """Return the text of a YAML key that may have been read as a boolean, number or null."""
    if key is None:
        return "none"
    return str(key).lower() if isinstance(key, bool) else str(key)


def merged(defaults: Written, own: Written) -> Written:
    """Return ``own`` with what it leaves out taken from ``defaults``, mappings key by key.

    A domain, or a mapping of another ``type``, replaces the default as a whole.
    """
    if not isinstance(defaults.value, dict) or not isinstance(own.value, dict):
        return own
    if defaults.is_domain or own.is_domain:
        return own
    kinds = defaults.get("type"), own.get("type")
    if kinds[1] is not None and (kinds[0] is None or kinds[0].plain() != kinds[1].plain()):
        return own
    value = dict(defaults.value)
    for key, child in own.value.items():
        value[key] = merged(value[key], child) if key in value else child
    return Written(value, own.origin)


def with_stage_defaults(stages: Written, defaults: Written) -> Written:
    """Return the list of stages (or the choice among such lists) with the defaults merged in.

    ``downsample`` does not reach a first stage: the stem makes its map.
    """
    if stages.is_domain:
        return _in_options(stages, lambda option: with_stage_defaults(option, defaults))
    if not isinstance(stages.value, list) or not isinstance(defaults.value, dict):
        return stages
    first = Written(
        {key: child for key, child in defaults.value.items() if key != "downsample"},
        defaults.origin,
    )
    return Written(
        [_stage(stage, defaults if i else first) for i, stage in enumerate(stages.value)],
        stages.origin,
    )


def _stage(stage: Written, defaults: Written) -> Written:
    if stage.is_domain:
        return _in_options(stage, lambda option: _stage(option, defaults))
    return merged(defaults, stage)


def _in_options(domain: Written, change: Any) -> Written:
    """Return a choice with ``change`` applied to each of its options."""
    options = domain.get("choice")
    if options is None or not isinstance(domain.value, dict):
        return domain
    if isinstance(options.value, list):
        new: Any = [change(option) for option in options.value]
    elif isinstance(options.value, dict):
        new = {key: change(option) for key, option in options.value.items()}
    else:
        return domain
    return Written({**domain.value, "choice": Written(new, options.origin)}, domain.origin)

"""Names for the options of a choice: stable, readable, and different from each other."""

from archsearch.arch import short_name
from archsearch.space.parameter import Value
from archsearch.space.written import Written


def option_labels(options: list[Written]) -> tuple[Value, ...]:
    """Return one label for each option.

    A scalar is its own label and null is ``none``. A mapping goes by its ``type`` (``on`` if it
    has none), one from a file of blocks by its class; a later one of the same type gets what is
    different in it from the first, ``separable[group_count=2]``, or a number, ``separable_2``. A
    label depends on earlier options only, so that options added at the end change no name.
    """
    found: list[Value] = []
    first: dict[str, Written] = {}
    for option in options:
        if option.value is None:
            label: Value = "none"
        elif isinstance(option.value, dict | list):
            label = _label(option, first, {str(each) for each in found})
        else:
            label = option.value
        found.append(label)
    return tuple(found)


def _label(option: Written, first: dict[str, Written], taken: set[str]) -> str:
    base = _base(option)
    if base not in taken:
        first[base] = option
        return base
    different = [
        f"{key}={child.value}"
        for key, child in (option.value.items() if isinstance(option.value, dict) else ())
        if not isinstance(child.value, dict | list)
        and key != "type"
        and (base not in first or _scalar(first[base], key) != child.value)
    ]
    label = f"{base}[{','.join(different)}]"
    if different and label not in taken:
        return label
    number = 2
    while f"{base}_{number}" in taken:
        number += 1
    return f"{base}_{number}"


def _base(option: Written) -> str:
    if isinstance(option.value, list):
        return f"length_{len(option.value)}"
    kind = option.get("type") or option.get("ref")
    return short_name(kind.value) if kind is not None and isinstance(kind.value, str) else "on"


def _scalar(option: Written, key: str) -> object:
    child = option.get(key)
    return None if child is None or isinstance(child.value, dict | list) else child.value

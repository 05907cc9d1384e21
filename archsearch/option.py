"""How a command line gives one field of a configuration, declared beside the field.

    trials: Annotated[Count, Option("--trials", "Candidates to train in all.", SEARCH)] = 48

Help, completion, parsing and the names in error messages follow from it.
"""

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    # a shell that completes a word imports this module, and waits for a tenth of a second
    from pydantic import BaseModel

BUDGET = "Budget"
DATA = "Data and training"
SEARCH = "Search"
MACHINE = "Machine"
OUTPUT = "Output"
#: headings of ``--help``, from top to bottom
GROUPS = (BUDGET, DATA, SEARCH, MACHINE, OUTPUT)


@dataclass(frozen=True)
class Option:
    """How a command line gives one field.

    Attributes:
        flag: as it is typed.
        help: one sentence.
        group: heading that it stands under in ``--help``.
        default: what happens without it, where the field's default does not say it.
        key: dotted key below the field, for an option that sets a part of its value.
        type: what the command line reads, where that is not the type of the field.
    """

    flag: str
    help: str
    group: str
    default: str = ""
    key: str = ""
    type: Any = None

    @property
    def parameter(self) -> str:
        """Name of the command's parameter."""
        return parameter_name(self.flag)


@dataclass(frozen=True)
class ConfigOption:
    """An option, and the value of a configuration that it sets.

    Attributes:
        key: dotted key of the value.
        option: as it is declared.
        type: what the command line reads.
        value: default of the field; None for none.
    """

    key: str
    option: Option
    type: Any
    value: Any

    @property
    def flags(self) -> str:
        """The flag as Typer wants it: a switch has two."""
        return switch(self.option.flag) if self.type is bool else self.option.flag

    @property
    def help(self) -> str:
        """The help with the default."""
        return with_default(self.option.help, self.option.default, self.value)


def options_in(model: "type[BaseModel]", above: str = "") -> Iterator[ConfigOption]:
    """Yield the options that a configuration declares, and those of the configurations in it."""
    for name, field in model.model_fields.items():
        key = f"{above}.{name}" if above else name
        for option in field.metadata:
            if isinstance(option, Option):
                kind = option.type or _read_type(field.annotation)
                value = None if option.key or field.is_required() else field.default
                yield ConfigOption(f"{key}.{option.key}".strip("."), option, kind, value)
        inner: Any = field.annotation
        if hasattr(inner, "model_fields"):
            yield from options_in(inner, key)


def parameter_name(flag: str) -> str:
    """Return ``budget_ms`` for ``--budget-ms``."""
    return flag.removeprefix("--").replace("-", "_")


def switch(flag: str) -> str:
    """Return ``--target/--no-target`` for ``--target``."""
    return f"{flag}/--no-{flag.removeprefix('--')}"


def with_default(sentence: str, default: str, value: Any) -> str:
    """Return a sentence of help with what happens without the option."""
    if isinstance(value, bool):
        default = default or ("on" if value else "off")
    elif isinstance(value, int | float):
        default = default or f"{value:g}"
    elif isinstance(value, str):
        default = default or value
    return f"{sentence} [default: {default}]" if default else sentence


def _read_type(annotation: Any) -> Any:
    """Return what a command line reads for a field: a plain type, or a list of texts."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _read_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        (kind,) = (each for each in get_args(annotation) if each is not type(None))
        return _read_type(kind)
    if origin is tuple:
        return list[str]
    return str if origin is Literal else annotation

"""The registry of attention and FFN types: shipped, from a user's file, from a package."""

import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

from pydantic import ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator, create_model
from pydantic_core import PydanticCustomError

from archsearch.arch import block_file
from archsearch.arch.block_file import BlockReference, BlockSource
from archsearch.arch.mixer import MixerSpec
from archsearch.errors import InputError, Problem, nearest

#: packages announce attention and FFN types under this name
ENTRY_POINTS = "archsearch.blocks"


class MixerTypes:
    """The types that one key of a block may have.

    Args:
        role: ``attention`` or ``ffn``.
        base: class that every type inherits from.
        shipped: the types that archsearch has.
    """

    def __init__(self, role: str, base: type[MixerSpec], shipped: Iterable[type[MixerSpec]]):
        self.role = role
        self.base = base
        self._types = {_name_of(kind): kind for kind in shipped}
        _BY_ROLE[role] = self

    @property
    def names(self) -> list[str]:
        """Names of the registered types."""
        return [*self._types, *(name for name in _announced() if name not in self._types)]

    def find(self, name: str, folders: Sequence[Path] = ()) -> type[MixerSpec] | None:
        """Return the type of that name; None where there is none.

        Args:
            name: a type's name, or ``FILE.py:CLASS``.
            folders: where a file may lie; the current one is tried last.

        Raises:
            InputError: the file or package is there, but what it has is no type for this key.
        """
        known = self._types.get(name)
        if known is not None:
            return known
        if block_file.is_reference(name):
            return self._from_file(block_file.find(name, folders))
        entry = _announced().get(name)
        return None if entry is None else self._from_package(entry)

    def _from_file(self, reference: BlockReference) -> type[MixerSpec]:
        if str(reference) in self._types:
            return self._types[str(reference)]
        module = block_file.load_module(reference.source)
        found: Any = getattr(module, reference.name, None)
        self._check(found, reference.name, reference.source.file, module)
        return self._adopt(found, str(reference), module.__name__, reference.source)

    def _from_package(self, entry: EntryPoint) -> type[MixerSpec]:
        try:
            found = entry.load()
        except Exception as error:
            rule = f"must be importable, but {entry.value} raised {error!r}"
            raise InputError(Problem("type", rule, entry.name)) from None
        self._check(found, entry.name, entry.value)
        return self._adopt(found, entry.name, found.__module__, None)

    def _check(self, found: Any, name: str, place: str, module: ModuleType | None = None) -> None:
        """Raise an `InputError` if what was found is no type for this key of a block."""
        if self._fits(found):
            return
        article = "an attention" if self.role == "attention" else "an FFN"
        rule = (
            f"must be {article}: a subclass of archsearch.arch.{self.base.__name__} that "
            "defines build()"
        )
        kinds = [each for each, value in vars(module or object).items() if self._fits(value)]
        raise InputError(
            Problem("type", rule, name, nearest(name, kinds) if kinds else f"{place} has none")
        )

    def _fits(self, found: Any) -> bool:
        is_type = isinstance(found, type) and issubclass(found, self.base)
        return is_type and found.build is not MixerSpec.build

    def _adopt(
        self, found: type[MixerSpec], name: str, module: str, source: BlockSource | None
    ) -> type[MixerSpec]:
        """Return the user's class with the field ``type``; a pickle of it contains its file."""
        role = self.role

        class Adopted(found):  # type: ignore[misc, valid-type]
            block_source: ClassVar[BlockSource | None] = source

            def __reduce__(self) -> tuple[Any, ...]:
                return _revived, (role, name, source, self.to_dict())

        # the name is known at run time only, so mypy cannot read the type
        type_field: Any = (Literal[name], name)
        make: Any = create_model
        kind: type[MixerSpec] = make(
            found.__name__,
            __base__=Adopted,
            __module__=module,
            __doc__=found.__doc__,
            type=type_field,
        )
        return self._types.setdefault(name, kind)

    def validator(self) -> WrapValidator:
        """Return what lets pydantic make the value of the right type from a mapping."""

        def check(
            value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo
        ) -> MixerSpec:
            if isinstance(value, self.base):
                return value
            if not isinstance(value, dict):
                made: MixerSpec = handler(value)
                return made
            name = value.get("type")
            if name is None:
                raise PydanticCustomError("union_tag_not_found", "needs a 'type'")
            kind = self._types.get(name) if isinstance(name, str) else None
            if kind is None:
                kind = self._found(str(name), info)
            return kind.model_validate(value | {"type": _name_of(kind)})

        return WrapValidator(check)

    def _found(self, name: str, info: ValidationInfo) -> type[MixerSpec]:
        folders = (info.context or {}).get("folders", ())
        try:
            kind = self.find(name, folders)
        except InputError as error:
            problem = error.problems[0]
            raise PydanticCustomError(
                "block_file",
                "{rule}",
                {"rule": problem.rule, "name": name, "remedy": problem.remedy},
            ) from None
        if kind is None:
            raise PydanticCustomError(
                "union_tag_invalid", "unknown type", {"tag": name, "expected": self.names}
            )
        return kind


def module_of(mixer: MixerSpec) -> ModuleType | None:
    """Return the module that a type from elsewhere comes from; None for one that ships."""
    return sys.modules[type(mixer).__module__] if hasattr(mixer, "block_source") else None


#: the types of each key of a block
_BY_ROLE: dict[str, MixerTypes] = {}


def _revived(role: str, name: str, source: BlockSource | None, data: dict[str, Any]) -> MixerSpec:
    """Make a value again in another process."""
    if source is not None:
        block_file.register(source)
    kind = _BY_ROLE[role].find(name)
    assert kind is not None, f"{name} was found before"
    return kind.model_validate(data)


def _name_of(kind: type[MixerSpec]) -> str:
    name: str = kind.model_fields["type"].default
    return name


def _announced() -> dict[str, EntryPoint]:
    """Return the entry points that installed packages announce, by name."""
    return _announced_on(tuple(sys.path))


@lru_cache(maxsize=4)
def _announced_on(_: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Return what packages on a module path announce: to look takes 50 ms, each time."""
    return {each.name: each for each in entry_points(group=ENTRY_POINTS)}

"""The base of every specification: a frozen value that refuses unknown keys."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from archsearch.errors import InputError
from archsearch.image_size import ImageSize, read_size
from archsearch.yaml_source import KeyPath

#: rule of the side of a convolution's kernel
ODD = "must be odd, so that the map keeps its size"


@dataclass(frozen=True)
class BrokenRule:
    """A rule that an architecture breaks: where, which, with what value, and the way out."""

    path: KeyPath
    rule: str
    value: object = None
    remedy: str = ""


class Spec(BaseModel):
    """A frozen value: compared by content, hashable, refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=False)

    def changed(self, **values: Any) -> Self:
        """Return a copy with other values; this value itself where they are what it has.

        A copy takes 10 us, and most canonical forms change nothing.
        """
        for name, value in values.items():
            has = getattr(self, name)
            if has is not value and has != value:
                return self.model_copy(update=values)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that reads back as the same value; defaults are left out."""
        data = self.model_dump(mode="json", exclude_defaults=True)
        # the discriminator is a default of its class, but readers need it
        fields = type(self).model_fields
        if "type" in fields:
            data = {"type": fields["type"].default, **data}
        for name in fields:
            value = getattr(self, name)
            if name in data:
                data[name] = _plain(value, data[name])
        return data


def _plain(value: Any, dumped: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(item, None if dumped is None else dumped[i]) for i, item in enumerate(value)]
    return dumped


def _type_shorthand(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


#: lets ``position: none`` stand for ``position: {type: none}``
TypeShorthand = BeforeValidator(_type_shorthand)


def _size(value: Any) -> ImageSize:
    try:
        return read_size(value)
    except InputError as error:
        problem = error.problems[0]
        raise PydanticCustomError(
            "image_size",
            "{rule}",
            {"rule": problem.rule, "value": problem.value, "remedy": problem.remedy},
        ) from None


Count = Annotated[int, Field(ge=1, le=10**9, strict=True)]
#: side of square images in pixels, or height and width
Size = Annotated[ImageSize, BeforeValidator(_size)]
Ratio = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]

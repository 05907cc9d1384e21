"""The base class of attention and FFN specifications; no other module lists the types."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from archsearch.arch.spec import BrokenRule, Spec
from archsearch.arch.stage_context import StageContext

#: extra tokens that a block's output map depends on: none, global tokens, or all
TokensRead = Literal["none", "global", "all"]


@dataclass(frozen=True)
class Drawing:
    """How an attention is drawn.

    Attributes:
        detail: its parameters in words, e.g. ``window 8, shifted``.
        pattern: which tokens look at which.
        size: side of one cell of the pattern in tokens.
        tokens: extra tokens beside the map.
    """

    detail: str = ""
    pattern: Literal["all", "windows", "samples", "reduced"] = "all"
    size: int = 1
    tokens: int = 0


class MixerSpec(Spec):
    """Base of attention and FFN types.

    A type that archsearch ships has a ``type`` field and a builder in ``archsearch.model``. A type
    from elsewhere defines `build`; its ``type`` is the reference by which a file names it.
    """

    #: extra tokens that the output map depends on. The default keeps every token in the network
    tokens_read: ClassVar[TokensRead] = "all"
    #: it changes the class token
    updates_class_token: ClassVar[bool] = True

    def reads_tokens(self) -> TokensRead:
        """Return which extra tokens the output map depends on, with these values."""
        return self.tokens_read

    def label(self) -> str:
        """Return a short label for one line, e.g. ``window(w8)``."""
        values = [f"{name}={_short(value)}" for name, value in self if name != "type"]
        return f"{type_name(self)}({','.join(values)})" if values else type_name(self)

    def words(self) -> str:
        """Return the type in words, e.g. ``sparse global``."""
        return type_name(self).replace("_", " ")

    def problems(self) -> Iterator[BrokenRule]:
        """Yield the rules that these values break; paths begin inside this specification."""
        yield from ()

    def build(self, context: StageContext) -> Any:
        """Return the ``torch.nn.Module``.

        ``(B, H, W, C), (B, T, C) | None -> (B, H, W, C), (B, T, C) | None``: the updates of the
        map and of the extra tokens; None leaves the tokens as they are. The residual is added
        outside.
        """
        raise NotImplementedError(f"{type(self).__name__} has no build()")


def type_name(spec: Spec) -> str:
    """Return the short name of a specification's type: for one from a file, that of its class."""
    return short_name(str(getattr(spec, "type", type(spec).__name__)))


def short_name(name: str) -> str:
    """Return ``Pool`` for ``my_blocks.py:Pool@3fa9c1d2``, and other names as they are."""
    return name.rpartition(":")[2].partition("@")[0] if ".py:" in name else name


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


#: makes a module from a specification and what surrounds it
Builder = Callable[[Any, StageContext], Any]

"""One inference of a network by a runtime, and the form in which int8 runtimes hold a network."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

#: where an operator comes from that no module holds
WHOLE = "the network itself"
#: (B, C, H, W) float32 -> logits (B, classes) float32
Predict = Callable[[Any], Any]


@dataclass(frozen=True)
class Fallback:
    """An operator that a runtime does not run as it was asked to.

    Attributes:
        operator: type of the operator, as the runtime calls it.
        module: dotted name of the module that it comes from; empty where that is unknown.
        how: what the runtime does instead, e.g. ``float32``.
    """

    operator: str
    module: str
    how: str


@dataclass(frozen=True)
class Inference:
    """One inference that only has to be called.

    Attributes:
        run: infers once.
        fallbacks: what the runtime does not run as it was asked to.
    """

    run: Callable[[], object]
    fallbacks: tuple[Fallback, ...] = ()

    def __call__(self) -> object:
        """Infer once."""
        return self.run()


@dataclass(frozen=True)
class LoadedGraph:
    """A file of a runtime, ready to infer.

    Attributes:
        predict: from images to logits; the batch must be one that the file takes.
        fallbacks: what the runtime does not run as it was asked to.
    """

    predict: Predict
    fallbacks: tuple[Fallback, ...] = ()


class GraphRuntime(Protocol):
    """A runtime that runs networks from files of its own, in float32 and int8."""

    #: of its files
    ending: str
    #: what its quantiser never quantises
    in_float: str
    #: whether one file can take any number of images
    takes_any_batch: bool

    @property
    def quantizer(self) -> str:
        """What quantises for it, with its version."""

    def convert(
        self, model: nn.Module, images: torch.Tensor, file: Path, *, any_batch: bool
    ) -> None:
        """Write ``model`` in float32.

        Args:
            model: in evaluation mode.
            images: an example (B, C, H, W); with ``any_batch`` of at least two images.
            file: to write.
            any_batch: let the file take any number of images; else as many as the example has.

        Raises:
            InputError: a package is not installed.
            TrialError: the runtime cannot take this network; names the operator.
        """

    def operators(self, file: Path) -> dict[str, str]:
        """Return the operators that can be quantised: name to dotted name of the module."""

    def quantize(
        self, file: Path, batches: Sequence[Any], output: Path, keep_float: Collection[str] = ()
    ) -> None:
        """Write an int8 form of a float32 file.

        Args:
            file: that `convert` wrote.
            batches: images (B, C, H, W), float32, which give the ranges of the activations.
            output: to write.
            keep_float: names of operators that stay in float.

        Raises:
            InputError: a package is not installed.
            TrialError: the quantiser cannot take this network.
        """

    def load(self, file: Path, threads: int) -> LoadedGraph:
        """Load a file on the CPU."""


def described(fallbacks: Iterable[Fallback], units: Sequence[str]) -> tuple[str, ...]:
    """Return fallbacks as phrases, those of one block together.

    Args:
        fallbacks: to describe.
        units: names of the blocks.
    """
    counted = Counter((each.operator, block_of(each.module, units), each.how) for each in fallbacks)
    return tuple(
        f"{'' if count == 1 else f'{count} '}{operator} in {block}: {how}"
        for (operator, block, how), count in counted.items()
    )


def block_of(module: str, units: Sequence[str]) -> str:
    """Return the longest of ``units`` that holds ``module``; else ``module``, or `WHOLE`."""
    holders = [unit for unit in units if module == unit or module.startswith(f"{unit}.")]
    return max(holders, key=len, default=module or WHOLE)

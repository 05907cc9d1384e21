"""A float32 file of a runtime, quantised on images and judged on others."""

import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from archsearch.cost.runtimes import INT8_RUNTIMES
from archsearch.cost.runtimes.inference import GraphRuntime, block_of, described
from archsearch.data import DataSplits, Split
from archsearch.deployment.sensitivity import keep_accurate
from archsearch.record.quantization import MAX_DROP, Quantization
from archsearch.train.inputs import Normalization

Logits = NDArray[np.float32]

#: images at once in files that take any number
_BATCH = 64
#: images by whose logits blocks are told apart
_COMPARED = 256


@dataclass(frozen=True)
class QuantizedNetwork:
    """What became of a float32 file.

    Attributes:
        result: accuracies in int8 and in float.
        fallbacks: operators that the runtime runs by a fallback, with their blocks.
    """

    result: Quantization
    fallbacks: tuple[str, ...] = ()


def quantize_file(
    runtime: str,
    file: Path,
    data: DataSplits,
    output: Path,
    units: Sequence[str],
    *,
    any_batch: bool,
    keeps_accuracy: bool = False,
    is_tested: bool = False,
) -> QuantizedNetwork:
    """Quantise a float32 file, and compare it with itself on real images.

    Args:
        runtime: a key of `INT8_RUNTIMES`.
        file: in float32, as the runtime's `convert` wrote it.
        data: ``train`` has the images for calibration, all of which are used; ``val`` judges.
        output: file to write.
        units: names of the network's blocks.
        any_batch: the file takes any number of images; else one.
        keeps_accuracy: leave blocks in float until the drop is at most `MAX_DROP`.
        is_tested: judge on the test split too.

    Raises:
        TrialError: the network cannot be quantised or run.
    """
    work = _Work(INT8_RUNTIMES[runtime], file, data, units, any_batch)
    with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
        tried = Path(folder) / f"tried{file.suffix}"
        kept: tuple[str, ...] = ()
        if keeps_accuracy:

            def drop_with(blocks: tuple[str, ...]) -> float:
                work.quantize(tried, blocks)
                return work.float_accuracy("val") - _accuracy(work.logits(tried, "val"), data.val)

            def error_with(blocks: tuple[str, ...]) -> float:
                work.quantize(tried, blocks)
                return work.error(tried)

            kept = keep_accurate(work.blocks, drop_with, error_with, MAX_DROP).blocks
    work.quantize(output, kept)
    logits = work.logits(output, "val")
    plain = work.float_logits("val")
    test = is_tested and data.test is not None
    result = Quantization(
        runtime=runtime,
        quantizer=work.runtime.quantizer,
        calibration_images=len(data.train),
        accuracy=_accuracy(logits, data.val),
        float_accuracy=_accuracy(plain, data.val),
        agreement=float(np.mean(logits.argmax(1) == plain.argmax(1))),
        test_accuracy=_accuracy(work.logits(output, "test"), data.split("test")) if test else None,
        float_test_accuracy=work.float_accuracy("test") if test else None,
        float_blocks=kept,
        is_float=bool(kept) and set(kept) == set(work.blocks),
    )
    loaded = work.runtime.load(output, 1)
    return QuantizedNetwork(result, described(loaded.fallbacks, units))


class _Work:
    """One float32 file with its images, whose logits are computed once."""

    def __init__(
        self,
        runtime: GraphRuntime,
        file: Path,
        data: DataSplits,
        units: Sequence[str],
        any_batch: bool,
    ) -> None:
        self.runtime, self._file, self._data = runtime, file, data
        self._normalize = Normalization(data, torch.device("cpu"))
        self._batch = _BATCH if any_batch else 1
        self._float: dict[str, Logits] = {}
        self._block_of = {
            name: block_of(module, units) for name, module in runtime.operators(file).items()
        }

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that hold something to quantise, in the order of the file."""
        return tuple(dict.fromkeys(self._block_of.values()))

    @cached_property
    def _calibration(self) -> list[Any]:
        return list(self._batches(self._data.train, len(self._data.train)))

    def quantize(self, output: Path, float_blocks: Collection[str]) -> None:
        """Write the int8 form with some blocks in float."""
        kept = [name for name, block in self._block_of.items() if block in float_blocks]
        self.runtime.quantize(self._file, self._calibration, output, kept)

    def float_logits(self, split: str) -> Logits:
        """Return the logits of the float32 file on a split."""
        if split not in self._float:
            self._float[split] = self.logits(self._file, split)
        return self._float[split]

    def float_accuracy(self, split: str) -> float:
        """Return the accuracy of the float32 file on a split."""
        return _accuracy(self.float_logits(split), self._data.split(split))

    def error(self, file: Path) -> float:
        """Return the mean squared error of the logits on some validation images."""
        ours = self.logits(file, "val", _COMPARED)
        return float(np.mean((ours - self.float_logits("val")[: len(ours)]) ** 2))

    def logits(self, file: Path, split: str, count: int | None = None) -> Logits:
        """Return the logits (N, classes) of a file on a split, or on its first images."""
        predict = self.runtime.load(file, 1).predict
        images = self._data.split(split)
        number = min(count or len(images), len(images))
        return np.concatenate([predict(batch).copy() for batch in self._batches(images, number)])

    def _batches(self, split: Split, count: int) -> Iterator[Any]:
        """Yield the first images of a split, normalised as in training."""
        for start in range(0, count, self._batch):
            pixels = split.batch(np.arange(start, min(start + self._batch, count)))
            yield self._normalize(torch.from_numpy(pixels)).contiguous().numpy()


def _accuracy(logits: Logits, split: Split) -> float:
    return float(np.mean(logits.argmax(1) == split.labels))

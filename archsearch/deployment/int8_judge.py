"""Judges trained networks in int8, in a process of its own."""

import json
import pickle
import subprocess
import sys
import tempfile
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from torch import nn

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cost.measured_network import pack
from archsearch.data import DataSplits
from archsearch.deployment.calibration_images import with_calibration_images
from archsearch.deployment.quantized_network import QuantizedNetwork
from archsearch.errors import InputError, Problem, TrialError
from archsearch.files import write_bytes, write_json
from archsearch.image_size import sides_of
from archsearch.record.quantization import Quantization

_START = """\
import sys
sys.path += [path for path in sys.argv[2:] if path not in sys.path]
from archsearch.deployment.int8_process import main
main(sys.argv[1])
"""
#: longest time for one network
_LIMIT_S = 3600.0


class Int8Judge:
    """Quantises trained networks, and compares each with itself in float.

    A process of its own does the work: what the quantisers and runtimes print, keep in memory or
    crash by does not reach the caller.

    Args:
        runtime: a key of `INT8_RUNTIMES`.
        data: images to calibrate with (``train``) and to judge by.
    """

    def __init__(self, runtime: str, data: DataSplits) -> None:
        self.runtime = runtime
        self._data = data
        self._place: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files."""
        if self._place is not None:
            self._place.cleanup()

    @property
    def key(self) -> str:
        """What stored accuracies are kept under."""
        return f"{self.runtime}-int8"

    def judge(
        self,
        network: Arch | nn.Module,
        weights: bytes | None = None,
        *,
        is_tested: bool = False,
        keeps_accuracy: bool = False,
    ) -> QuantizedNetwork:
        """Quantise a network and evaluate it on the validation split.

        Args:
            network: an architecture, or a module that can be pickled.
            weights: safetensors; None where ``network`` has its own.
            is_tested: evaluate on the test split too.
            keeps_accuracy: leave blocks in float until the drop is at most 0.5 points.

        Raises:
            InputError: a package is not installed.
            TrialError: the network cannot be quantised or run, or the process failed.
        """
        with tempfile.TemporaryDirectory(prefix="archsearch-") as folder:
            place = Path(folder)
            if weights is not None:
                write_bytes(place / "weights.safetensors", weights)
            request: dict[str, Any] = {
                "runtime": self.runtime,
                "network": pack(network, self._shape, place),
                "data": str(self._images),
                "is_tested": is_tested,
                "keeps_accuracy": keeps_accuracy,
            }
            return answered(place, request)

    @property
    def _shape(self) -> tuple[int, int, int]:
        return (self._data.in_channels, *sides_of(self._data.image_size))

    @cached_property
    def _images(self) -> Path:
        self._place = tempfile.TemporaryDirectory(prefix="archsearch-")
        file = Path(self._place.name) / "images.pkl"
        write_bytes(file, pickle.dumps(with_calibration_images(self._data)))
        return file


def answered(place: Path, request: dict[str, Any]) -> QuantizedNetwork:
    """Let a fresh process quantise and judge; see `archsearch.deployment.int8_process`.

    Args:
        place: folder of the request, which takes the answer.
        request: plain data.

    Raises:
        InputError: a package is not installed.
        TrialError: the network cannot be quantised or run, or the process failed.
    """
    write_json(place / "request.json", request)
    command = [sys.executable, "-P", "-c", _START, str(place), *filter(None, sys.path)]
    with doing(f"quantising for {request['runtime']} and comparing with float", _LIMIT_S):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TrialError(f"int8: quantising did not end within {_LIMIT_S:.0f} s") from None
    answer = place / "answer.json"
    if not answer.is_file():
        lines = done.stdout.strip().splitlines()
        why = lines[-1][:300] if lines else f"exit code {done.returncode}"
        raise TrialError(f"int8: the process that quantises ended: {why}")
    found = json.loads(answer.read_text(encoding="utf-8"))
    if "problems" in found:
        raise InputError([Problem(**each) for each in found["problems"]])
    if "failed" in found:
        raise TrialError(f"int8: {found['failed']}")
    return QuantizedNetwork(Quantization.model_validate(found["result"]), tuple(found["fallbacks"]))


def problems_of(error: InputError) -> list[dict[str, Any]]:
    """Return problems as plain data."""
    return [asdict(each) | {"value": None} for each in error.problems]

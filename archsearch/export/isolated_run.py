"""Run exported files in a fresh process that cannot import archsearch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.errors import RunError
from archsearch.train import ModelFile

_BATCH_SIZES = (1, 3)
_SCRIPT = Path(__file__).with_name("isolated_check.py")


class ExportError(RunError):
    """The exported file differs from its network; nothing was written."""


def random_images(network: Arch | ModelFile, seed: int) -> list[Tensor]:
    """Return batches of random images of the network's size."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, *network.input_shape, generator=generator) for batch in _BATCH_SIZES]


def run_isolated(folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers to ``cases``; see `isolated_check` for both. ``folder`` takes the files.

    Raises:
        ExportError: the process itself failed.
    """
    request, answer = folder / "request.pt", folder / "answer.pt"
    torch.save({"threads": torch.get_num_threads(), "cases": cases}, request)
    with doing("comparing outputs: a fresh process without archsearch runs the exported file"):
        done = subprocess.run(
            [sys.executable, "-I", str(_SCRIPT), str(request), str(answer)],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
    if done.returncode:
        raise ExportError(f"the check of the exported file failed: {done.stderr.strip()[-2000:]}")
    answers: list[dict[str, Any]] = torch.load(answer, weights_only=True)
    return answers

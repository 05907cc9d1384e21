"""Proof that an exported file is the same network, taken before anybody gets the file."""

import subprocess
import sys
import tempfile
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.arch import Arch
from archsearch.cost import count_macs, count_params
from archsearch.errors import RunError
from archsearch.model import build_model

_BATCH_SIZES = (1, 3)
_SCRIPT = Path(__file__).with_name("isolated_check.py")


class ExportError(RunError):
    """An export is not the network that it was made from; nothing was written."""


def prove_python(sources: Sequence[tuple[Arch, str]]) -> None:
    """Check Python files: in a fresh process without archsearch, their logits must be bit-equal.

    Every file gets weights drawn at random, running statistics included, and random images in
    two batch sizes. The parameters and what is trained of them, the initial weights that a seed
    gives, and the MACs must be equal too.

    Args:
        sources: architectures and the text of their files. Several share the fresh process.

    Raises:
        ExportError: a file fails to run, or anything differs.
    """
    cases: list[dict[str, Any]] = []
    expected: list[list[Tensor]] = []
    with tempfile.TemporaryDirectory(prefix="archsearch-") as name:
        folder = Path(name)
        for index, (arch, text) in enumerate(sources):
            model = build_model(arch, seed=index).eval()
            initial = {name: value.clone() for name, value in model.state_dict().items()}
            randomize(model, seed=index)
            _compare_counts(arch, model, text)
            inputs = random_images(arch, seed=index)
            path = folder / f"model_{index}.py"
            path.write_text(text, encoding="utf-8")
            cases.append(
                {
                    "source": str(path),
                    "seed": index,
                    "initial": initial,
                    "weights": model.state_dict(),
                    "inputs": inputs,
                    "parameters": _shapes(model),
                }
            )
            with torch.no_grad():
                expected.append([model(x) for x in inputs])
        answers = _ask(folder, cases)
    for (arch, _), case, logits, answer in zip(sources, cases, expected, answers, strict=True):
        if "error" in answer:
            raise ExportError(f"the exported file of {arch.digest[:12]} fails: {answer['error']}")
        if answer["parameters"] != case["parameters"]:
            raise ExportError(
                f"the exported file of {arch.digest[:12]} has other parameters: "
                f"{_difference(case['parameters'], answer['parameters'])}"
            )
        if answer["other_initial"]:
            raise ExportError(
                f"the exported file of {arch.digest[:12]} starts with other weights: "
                f"{', '.join(answer['other_initial'][:3])}"
            )
        for ours, theirs in zip(logits, answer["logits"], strict=True):
            if not torch.equal(ours, theirs):
                raise ExportError(
                    f"the exported file of {arch.digest[:12]} computes other logits: they differ "
                    f"by up to {(ours - theirs).abs().max().item():.3g}"
                )


def random_images(arch: Arch, seed: int) -> list[Tensor]:
    """Return batches of random images of the architecture's size."""
    generator = torch.Generator().manual_seed(seed)
    shape = (arch.in_channels, arch.image_size, arch.image_size)
    return [torch.randn(batch, *shape, generator=generator) for batch in _BATCH_SIZES]


def randomize(model: nn.Module, seed: int) -> None:
    """Move every weight and statistic away from its initial value, where an error could hide."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                noise = torch.rand(value.shape, generator=generator)
                value.add_(noise if name.endswith("running_var") else 0.1 * (noise - 0.5))


def load_source(text: str, name: str = "exported") -> types.ModuleType:
    """Return the module that ``text`` is."""
    module = types.ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module


def _compare_counts(arch: Arch, model: nn.Module, text: str) -> None:
    exported = load_source(text).create_model().eval()
    shape = (1, arch.in_channels, arch.image_size, arch.image_size)
    for what, ours, theirs in (
        ("parameters", count_params(model), count_params(exported)),
        ("MACs", count_macs(model, shape).total, count_macs(exported, shape).total),
    ):
        if ours != theirs:
            raise ExportError(
                f"the exported file of {arch.digest[:12]} has {theirs:,} {what}, the network "
                f"{ours:,}"
            )


def _shapes(model: nn.Module) -> dict[str, tuple[list[int], bool]]:
    return {
        name: (list(value.shape), value.requires_grad) for name, value in model.named_parameters()
    }


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    names = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    return ", ".join(names[:3]) or "another order"


def _ask(folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    request, answer = folder / "request.pt", folder / "answer.pt"
    torch.save({"threads": torch.get_num_threads(), "cases": cases}, request)
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

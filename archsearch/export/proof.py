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
from archsearch.cost import count_macs
from archsearch.errors import RunError
from archsearch.model import build_model

_BATCH_SIZES = (1, 3)
_SCRIPT = Path(__file__).with_name("isolated_check.py")


class ExportError(RunError):
    """An export is not the network that it was made from; nothing was written."""


def prove_python(sources: Sequence[tuple[Arch, str]]) -> None:
    """Check Python files: in a fresh process without archsearch, their logits must be bit-equal.

    Args:
        sources: architectures and the text of their files.

    Raises:
        ExportError: a file fails to run, or anything differs; see `differences`.
    """
    for (arch, _), difference in zip(sources, differences(sources), strict=True):
        if difference:
            raise ExportError(f"the exported file of {arch.digest[:12]} {difference}")


def differences(sources: Sequence[tuple[Arch, str]]) -> list[str]:
    """Return for each file what is not as in the network that it was made from; empty for nothing.

    Every file gets weights drawn at random, running statistics included, and random images in
    two batch sizes; logits must be bit-equal. The parameters and what is trained of them, the
    initial weights that a seed gives, and the MACs must be equal too. All files share one fresh
    process that cannot import archsearch.

    Args:
        sources: architectures and the text of their files.
    """
    cases: list[dict[str, Any]] = []
    expected: list[list[Tensor]] = []
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="archsearch-") as name:
        folder = Path(name)
        for index, (arch, text) in enumerate(sources):
            model = build_model(arch, seed=index).eval()
            initial = {name: value.clone() for name, value in model.state_dict().items()}
            randomize(model, seed=index)
            found.append(_other_macs(arch, model, text))
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
    checked = zip(cases, answers, expected, found, strict=True)
    return [_difference(case, answer, logits) or macs for case, answer, logits, macs in checked]


def _difference(case: dict[str, Any], answer: dict[str, Any], logits: list[Tensor]) -> str:
    if "error" in answer:
        return f"fails: {answer['error']}"
    if answer["parameters"] != case["parameters"]:
        return f"has other parameters: {_names(case['parameters'], answer['parameters'])}"
    if answer["other_initial"]:
        return f"starts with other weights: {', '.join(answer['other_initial'][:3])}"
    for ours, theirs in zip(logits, answer["logits"], strict=True):
        if not torch.equal(ours, theirs):
            gap = (ours - theirs).abs().max().item()
            return f"computes other logits: they differ by up to {gap:.3g}"
    return ""


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


def _other_macs(arch: Arch, model: nn.Module, text: str) -> str:
    shape = (1, arch.in_channels, arch.image_size, arch.image_size)
    ours = count_macs(model, shape).total
    try:
        theirs = count_macs(load_source(text).create_model().eval(), shape).total
    except Exception as error:
        return f"fails: {error!r}"
    return "" if ours == theirs else f"has {theirs:,} MACs, the network {ours:,}"


def _shapes(model: nn.Module) -> dict[str, tuple[list[int], bool]]:
    return {
        name: (list(value.shape), value.requires_grad) for name, value in model.named_parameters()
    }


def _names(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
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

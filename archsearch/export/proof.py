"""Proof that an exported file is the same network, before the file is written."""

import tempfile
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.cost import count_macs
from archsearch.export.isolated_run import ExportError, random_images, run_isolated
from archsearch.model import Network, build_model


def prove_python(sources: Sequence[tuple[Arch, str]], kind: str = "python", name: str = "") -> None:
    """Check Python files: in a fresh process without archsearch, their logits must be bit-equal.

    Args:
        sources: architectures and the text of their files.
        kind: ``python``, or ``timm`` for files that register a model.
        name: of the registered model.

    Raises:
        ExportError: a file fails to run, or anything differs; see `differences`.
    """
    for (arch, _), difference in zip(sources, differences(sources, kind, name), strict=True):
        if difference:
            raise ExportError(f"the exported file of {arch.digest[:12]} {difference}")


def differences(
    sources: Sequence[tuple[Arch, str]], kind: str = "python", name: str = ""
) -> list[str]:
    """Return for each file its differences from its network; empty for none.

    Every file gets weights drawn at random, running statistics included, and random images in
    two batch sizes; logits must be bit-equal. The parameters and what is trained of them, the
    initial weights that a seed gives, and the MACs must be equal too. All files share one fresh
    process that cannot import archsearch. Files for timm must give equal maps of every stage with
    ``features_only`` too.

    Args:
        sources: architectures and the text of their files.
        kind: ``python``, or ``timm`` for files that register a model.
        name: of the registered model.
    """
    cases: list[dict[str, Any]] = []
    expected: list[tuple[list[Tensor], list[Tensor]]] = []
    found: list[str] = []
    with tempfile.TemporaryDirectory(prefix="archsearch-") as place:
        folder = Path(place)
        with doing("checking the model: built and counted", total=len(sources)) as activity:
            for index, (arch, text) in enumerate(sources):
                model = build_model(arch, seed=index).eval()
                initial = {key: value.clone() for key, value in model.state_dict().items()}
                randomize(model, seed=index)
                found.append(_other_macs(arch, model, text) if kind == "python" else "")
                inputs = random_images(arch, seed=index)
                path = folder / f"model_{index}.py"
                path.write_text(text, encoding="utf-8")
                cases.append(
                    {
                        "kind": kind,
                        "name": name,
                        "file": str(path),
                        "seed": index,
                        "initial": initial,
                        "weights": model.state_dict(),
                        "inputs": inputs,
                        "parameters": _shapes(model),
                    }
                )
                expected.append(_expected(model, inputs, kind))
                activity.done = index + 1
        answers = run_isolated(folder, cases)
    checked = zip(cases, answers, expected, found, strict=True)
    return [_difference(case, answer, logits) or macs for case, answer, logits, macs in checked]


def _expected(model: Network, inputs: list[Tensor], kind: str) -> tuple[list[Tensor], list[Tensor]]:
    """Return logits and, for timm, the map of each stage."""
    with torch.no_grad():
        logits = [model(x) for x in inputs]
        if kind == "python":
            return logits, []
        return logits, model.forward_intermediates(inputs[0], intermediates_only=True)


def _difference(
    case: dict[str, Any], answer: dict[str, Any], expected: tuple[list[Tensor], list[Tensor]]
) -> str:
    if "error" in answer:
        return f"fails: {answer['error']}"
    if answer["parameters"] != case["parameters"]:
        return f"has other parameters: {_names(case['parameters'], answer['parameters'])}"
    if answer["other_initial"]:
        return f"starts with other weights: {', '.join(answer['other_initial'][:3])}"
    for what, ours, theirs in (
        ("logits", expected[0], answer["logits"]),
        ("maps", expected[1], answer.get("maps", [])),
    ):
        for one, other in zip(ours, theirs, strict=True):
            if not torch.equal(one, other):
                gap = (one - other).abs().max().item()
                return f"computes other {what}: they differ by up to {gap:.3g}"
    return ""


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
    shape = (1, *arch.input_shape)
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

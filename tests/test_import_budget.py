"""Importing archsearch loads no heavy package that the caller may not need."""

import subprocess
import sys

import pytest

RUNTIMES = ("onnx", "onnxruntime", "openvino", "ai_edge_litert", "litert_torch")
SURFACE = frozenset(("ray", "optuna", "plotly", *RUNTIMES, "rich", "typer"))
# timm and torchvision take as long as torch; scipy.stats and scikit-learn half a second each
SLOW = frozenset(("timm", "torchvision", "torch._dynamo", "scipy.stats", "sklearn", "pandas"))

#: module to what it must not load; a probe process is started for every device of a run
BUDGETS = {
    "archsearch": SURFACE | SLOW | {"torch"},
    "archsearch.zoo": SURFACE | SLOW,
    "archsearch.cost.probe_process": SURFACE | SLOW,
    "archsearch.search": SLOW | (SURFACE - {"optuna"}),
    "archsearch.run": SLOW | (SURFACE - {"ray", "optuna"}),
}


@pytest.mark.parametrize("module", BUDGETS)
def test_import_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & {set(BUDGETS[module])!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []

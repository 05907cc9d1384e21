"""Importing archsearch loads no heavy package that the caller may not need."""

import subprocess
import sys

import pytest

HEAVY = ("ray", "optuna", "plotly", "onnx", "onnxruntime", "openvino", "rich", "typer")


@pytest.mark.parametrize("module", ["archsearch", "archsearch.zoo", "archsearch.model"])
def test_import_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == []

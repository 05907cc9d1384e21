"""What pages, the notebook and benchmarks import of archsearch exists."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "docs/**/*.ipynb", "spaces/*.md", "benchmarks/**/*.py")
    for path in ROOT.glob(pattern)
)


def codes(path: Path) -> Iterator[str]:
    """Yield the Python in a file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield text
    elif path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        yield from ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    else:
        yield from re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def names(code: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of what is imported of archsearch."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "archsearch":
            yield from ((node.module or "", alias.name) for alias in node.names)


def exists(module: str, name: str) -> bool:
    try:
        if hasattr(importlib.import_module(module), name):
            return True
        importlib.import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return False
    return True


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_imported_exists(path: Path) -> None:
    found = {pair for code in codes(path) for pair in names(code)}
    assert {pair for pair in found if not exists(*pair)} == set()


def test_imports_are_found() -> None:
    notebook = ROOT / "docs" / "notebook.ipynb"
    pairs = {pair for code in codes(notebook) for pair in names(code)}
    assert ("archsearch.run", "SearchConfig") in pairs

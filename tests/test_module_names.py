"""Modules are named by nouns: none is called like a function that stands beside it."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "archsearch"
FOLDERS = sorted({path.parent for path in PACKAGE.rglob("*.py")})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda each: each.relative_to(PACKAGE).as_posix())
def test_no_module_is_called_like_a_function_of_its_package(folder: Path) -> None:
    functions = defaultdict(list)
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                functions[node.name].append(path.name)
    modules = {each.stem for each in folder.iterdir() if each.is_dir() or each.suffix == ".py"}
    assert {name: functions[name] for name in modules & set(functions)} == {}

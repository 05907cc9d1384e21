"""Names of runs, files, data and classes are text in an export, never code or markup."""

import ast
import re
from pathlib import Path

import pytest

from archsearch.export.description import Origin, module_docstring
from archsearch.export.image_settings import images_of
from archsearch.export.model_card import card_text, with_part
from archsearch.export.selection import identifier
from archsearch.run.private_paths import shareable
from tests.export.test_python_file import SMALL
from tests.odd_names import ODD_NAMES
from tests.report.synthetic_run import synthetic_run

#: how far a graph is off
_ERROR = {"onnx": 1e-7, "pt2": 1e-7}
CODE = ['"""', "'''", 'a"', "x\\", 'x\\"""\nimport os']
NAMES = [*ODD_NAMES, *CODE, "class", "None", "²", "٣", "1st"]


def origin(name: str) -> Origin:
    run = synthetic_run(4, name=name)
    config = {
        "identity": {"data": f"folder:/home/author/{name.replace('/', '_')}"},
        "data": {"class_names": [name, "other"], "name": name},
    }
    run = run.model_copy(update={"config": shareable(config)})
    return Origin(run, run.trials[0], f"{name}-trial0")


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_ends_where_it_should(name: str) -> None:
    text = module_docstring(SMALL, origin(name))
    (statement,) = ast.parse(f'"""{text}\n"""').body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)
    assert "/home/author" not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_function_has_a_name_that_python_takes(name: str) -> None:
    word = identifier(name)
    (function,) = ast.parse(f"def {word}(): ...").body
    assert isinstance(function, ast.FunctionDef)


@pytest.mark.parametrize("kind", ["python", "timm", "onnx", "pt2", "yaml"])
@pytest.mark.parametrize("name", [name for name in NAMES if "\n" not in name])
def test_the_code_of_a_card_is_code(name: str, kind: str) -> None:
    output = Path(f"{name}.py")
    weights = Path(f"{name}.safetensors")
    known = origin(name)
    common = card_text(SMALL, known, images_of(SMALL, known))
    path, error = Path("no card is there yet"), _ERROR.get(kind)
    card = with_part(path, common, SMALL, kind, output, "model", weights, error)
    (code,) = re.findall(r"```python\n(.*?)```", card, re.S)
    strings = {n.value for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Constant)}
    if kind in ("python", "timm"):
        assert weights.name in strings
    else:
        assert output.name in strings
    assert "/home/author" not in card
    prose = card.replace(code, "")
    assert not re.search(r"<\w", prose), "a name is no HTML"

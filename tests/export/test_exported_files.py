"""Exported Python files: the same network, and files that one would commit."""

import ast
import inspect
import sys

import pytest
import torch

from archsearch import blocks, zoo
from archsearch.cost import count_params
from archsearch.export.proof import load_source, prove_python
from archsearch.model import build_model
from archsearch.resources import resource_names
from tests.export.export_archs import ARCHS, random_archs, ruff, written

RULES = "E,F,W,I,N,UP,B,C4,SIM,RET,PIE,RUF,PERF"
MYPY = ("--config-file=", "--disallow-untyped-defs", "--disallow-incomplete-defs")


def top_level(tree):
    return [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]


def test_logits_are_bit_equal_where_archsearch_cannot_be_imported(sources):
    prove_python(list(sources.values()))


def test_archs_cover_every_block(sources):
    names = {node.name for _, text in sources.values() for node in top_level(ast.parse(text))}
    assert set(blocks.__all__) <= names


@pytest.mark.parametrize("name", [*ARCHS, "random_0", "random_1", "random_2"])
def test_file_has_what_it_needs_and_no_more(sources, name):
    _, text = sources[name]
    tree = ast.parse(text)
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert "torch" in imported
    assert imported - {"torch"} <= sys.stdlib_module_names
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in top_level(tree):
        assert node.name in read | {"create_model"}, f"{node.name} is used nowhere"
        assert ast.get_docstring(node) or node.name.startswith("_")
    assert "archsearch" not in text.split('"""', 2)[2]
    assert max(map(len, text.splitlines())) <= 100


def test_files_are_formatted_and_without_findings(sources, tmp_path):
    for name, (_, text) in sources.items():
        (tmp_path / f"{name}.py").write_text(text)
    options = ("--isolated", "--no-cache", "--line-length", "100")
    assert ruff("format", "--check", *options, str(tmp_path)) == ""
    found = ruff("check", *options, "--select", RULES, "--ignore", "N812", str(tmp_path))
    assert found == ""


def test_blocks_stand_in_the_file_as_they_stand_in_the_library(sources):
    _, text = sources["mixture"]
    for block in (blocks.WindowGlobalAttention, blocks.SparseGlobalAttention, blocks.ConvStem):
        written_out = inspect.getsource(block) in text
        assert written_out == (block is not blocks.ConvStem)


def test_docstring_tells_the_architecture_and_its_counts(sources):
    arch, text = sources["lightvit"]
    docstring = ast.get_docstring(ast.parse(text))
    assert "window_global(w4,t3)" in docstring
    assert f"{count_params(build_model(arch)):,}" in docstring
    assert arch.digest in docstring


def test_images_of_another_size_are_refused(sources):
    _, text = sources["odd_maps"]
    model = load_source(text).create_model()
    with pytest.raises(ValueError, match=r"images must be 26 x 26, but got \(24, 26\)"):
        model(torch.zeros(1, 2, 24, 26))


@torch.no_grad()
def test_any_size_keeps_what_other_sizes_need():
    names = ["lightvit", "windows_that_do_not_tile", "edgevit", "sepvit"]
    cases = [(ARCHS[name], written(ARCHS[name], any_size=True)) for name in names]
    prove_python(cases)
    for each, text in cases:
        ours, theirs = build_model(each).eval(), load_source(text).create_model().eval()
        theirs.load_state_dict(ours.state_dict())
        for height, width in ((19, 19), (32, 24)):
            x = torch.randn(2, 2, height, width)
            assert torch.equal(ours(x), theirs(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.names())
def test_every_zoo_model(name):
    each = zoo.arch(name)
    prove_python([(each, written(each))])


@pytest.mark.release
@pytest.mark.parametrize("space", resource_names("spaces"))
def test_random_architectures(space, tmp_path):
    cases = [(each, written(each)) for each in random_archs(space, 50, seed=2)]
    for start in range(0, len(cases), 5):  # the weights of 50 networks are 10 GB
        prove_python(cases[start : start + 5])
    for index, (_, text) in enumerate(cases):
        (tmp_path / f"model_{index}.py").write_text(text)
    options = ("--isolated", "--no-cache", "--line-length", "100")
    found = ruff("check", *options, "--select", RULES, "--ignore", "N812", str(tmp_path))
    assert found == ""


@pytest.mark.slow
def test_files_pass_a_type_check(sources, tmp_path):
    mypy = pytest.importorskip("mypy.api")
    cases = dict(sources)
    cases |= {name: (zoo.arch(name), written(zoo.arch(name))) for name in zoo.names()}
    cases |= {f"any_{n}": (a, written(a, any_size=True)) for n, (a, _) in sources.items()}
    for name, (_, text) in cases.items():
        (tmp_path / f"{name}.py").write_text(text)
    out, _, status = mypy.run([*MYPY, "--cache-dir", str(tmp_path / ".cache"), str(tmp_path)])
    assert status == 0, out

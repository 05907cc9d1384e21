"""Attention and FFN from a user's file: from the space through search and report to export."""

import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from archsearch.arch import ATTENTIONS, Arch, load_arch, summary
from archsearch.cost import count_arch, count_macs
from archsearch.cost.measured_network import pack, unpack
from archsearch.cost.network_parts import parts_of
from archsearch.errors import InputError
from archsearch.export import Format, export_model
from archsearch.model import build_model
from archsearch.report.network_view import block_view
from archsearch.run import Place, SearchConfig, run_search
from archsearch.run.run_folder import RunFolder
from archsearch.space import load_space
from archsearch.train import Recipe
from tests.brief_measurements import make_brief

PAGE = Path(__file__).parent.parent / "docs" / "own_block.md"
BLOCKS = Path(__file__).parent / "data" / "samples" / "toy_blocks.py"
ARCH = """
image_size: 16
in_channels: 1
num_classes: 10
stem: {type: conv, stride: 4}
stages:
  - depth: 2
    width: 16
    head_dim: 8
    class_token: true
    blocks:
      - attention: ATTENTION
        ffn: {type: "toy_blocks.py:Gated", expansion: 1.5}
"""
SPACE = """
image_size: 32
in_channels: 1
num_classes: 10
stem: {type: conv, stride: 4}
stages:
  - depth: {choice: [1, 2]}
    width: 16
    head_dim: 8
    class_token: true
    attention:
      choice:
        - self_attention
        - {type: "toy_blocks.py:Look", scale: {choice: [0.5, 1.0]}}
    ffn:
      choice: [mlp, {type: "toy_blocks.py:Gated", expansion: {choice: [1, 2]}}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(BLOCKS, tmp_path)
    (tmp_path / "toy.yaml").write_text(SPACE, encoding="utf-8")
    return tmp_path


def toy_arch(folder: Path, attention: str = '"toy_blocks.py:Look"') -> Arch:
    path = folder / "arch.yaml"
    path.write_text(ARCH.replace("ATTENTION", attention), encoding="utf-8")
    return load_arch(path)


def test_a_type_is_known_by_file_class_and_digest(folder: Path) -> None:
    attention = toy_arch(folder).stages[0].blocks[0].attention
    assert re.fullmatch(r"toy_blocks\.py:Look@[0-9a-f]{8}", attention.type)
    assert type(attention).__name__ == "Look"
    assert "Look(scale=1) Gatedx1.5" in summary(toy_arch(folder))


def test_a_changed_file_is_another_type(folder: Path) -> None:
    before = toy_arch(folder)
    with (folder / "toy_blocks.py").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert toy_arch(folder).digest != before.digest


def test_extra_tokens_stay_where_an_attention_reads_them(folder: Path) -> None:
    """The head reads the map alone: the class token matters only by what the attention reads."""
    network = build_model(toy_arch(folder), seed=0).eval()
    assert any("class_token" in name for name, _ in network.named_parameters())
    images = torch.randn(2, 1, 16, 16)
    before = network(images)
    with torch.no_grad():
        dict(network.named_parameters())[
            next(name for name, _ in network.named_parameters() if "class_token" in name)
        ].add_(1.0)
    assert not torch.equal(before, network(images))


def test_every_parameter_gets_a_gradient(folder: Path) -> None:
    network = build_model(toy_arch(folder), seed=0)
    network(torch.randn(2, 1, 16, 16)).sum().backward()
    assert [name for name, each in network.named_parameters() if each.grad is None] == []


def test_tokens_that_nothing_reads_are_not_built(folder: Path) -> None:
    network = build_model(toy_arch(folder, '"toy_blocks.py:Blind"'), seed=0)
    assert not any("token" in name for name, _ in network.named_parameters())


def test_counts_and_parts(folder: Path) -> None:
    arch = toy_arch(folder)
    network = build_model(arch)
    assert count_arch(arch).params == sum(each.numel() for each in network.parameters())
    assert count_arch(arch).macs == count_macs(network, (1, 1, 16, 16)).total
    roles = [part.role for part in parts_of(arch)]
    kind = arch.stages[0].blocks[0].attention.type
    assert roles.count(f"attention {kind}") == 2


def test_it_crosses_to_a_process_that_has_no_such_file(folder: Path) -> None:
    arch = toy_arch(folder)
    file, request = folder / "arch.pickle", folder / "request.pickle"
    file.write_bytes(pickle.dumps(arch))
    request.write_bytes(pickle.dumps(pack(arch, None, folder)))
    (folder / "toy_blocks.py").unlink()
    script = (
        "import pickle, sys; from archsearch.cost.measured_network import unpack\n"
        "arch = pickle.load(open(sys.argv[1], 'rb'))\n"
        "built = unpack(pickle.load(open(sys.argv[2], 'rb')))\n"
        "print(arch.digest, built.model.arch.digest)"
    )
    command = [sys.executable, "-P", "-c", script, str(file), str(request)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [arch.digest] * 2
    assert unpack(pack(arch, None, folder)).model.arch == arch.canonical()


def test_the_drawing_shows_its_parameters(folder: Path) -> None:
    view = block_view(toy_arch(folder).canonical().stages[0].blocks[0])
    assert (view["attention"], view["ffn"]) == ("Look", "Gated x1.5")


def test_the_space_counts_labels_and_encodes(folder: Path) -> None:
    space = load_space(folder / "toy.yaml")
    assert space.count() == 2 * 3 * 3
    names = list(space.parameters)
    assert "stages.0.attention.Look.scale" in names
    with (folder / "toy_blocks.py").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    changed = load_space(folder / "toy.yaml")
    assert list(changed.parameters) == names
    assert changed.digest != space.digest


def test_a_run_keeps_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_brief(monkeypatch)
    config = SearchConfig(
        space=str(folder / "toy.yaml"),
        recipe=Recipe(epochs=1, warmup_epochs=0),
        limit=200,
        execution={"trials": 2, "executor": "inline", "calibration_s": 0, "front_seeds": 0},
    )
    record = run_search(config, Place("toy", str(folder)))
    (folder / "toy_blocks.py").unlink()
    assert {trial.state for trial in record.trials} == {"complete"}
    script = (
        "import sys; from archsearch.run import load_run\n"
        "print(*sorted(trial.digest for trial in load_run(sys.argv[1]).trials))"
    )
    command = [sys.executable, "-P", "-c", script, str(folder / "toy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.split() == sorted(trial.digest for trial in record.trials)
    kept = list((RunFolder(folder / "toy").path / "blocks").iterdir())
    assert [each.read_text(encoding="utf-8") for each in kept] == [BLOCKS.read_text("utf-8")]


@pytest.mark.parametrize(
    "form", [Format.PYTHON, pytest.param(Format.TIMM, marks=pytest.mark.slow), Format.YAML]
)
def test_it_is_exported(folder: Path, form: Format) -> None:
    """Export itself proves Python files in a process without archsearch."""
    arch = toy_arch(folder)
    (folder / "out").mkdir()
    output = folder / "out" / f"model.{'yaml' if form is Format.YAML else 'py'}"
    export_model(arch, form, output)
    (folder / "toy_blocks.py").unlink()
    if form is Format.YAML:
        assert load_arch(output).digest == arch.digest
    else:
        assert "class GatedUnit(nn.Module)" in output.read_text(encoding="utf-8")


def entry(name: str, extra: str = "") -> str:
    return f'{{type: "{name}"{extra}}}'


WRONG = {
    "no such file": (entry("none.py:Look"), "must name a Python file that exists"),
    "no such class": (entry("toy_blocks.py:Lok"), "did you mean 'Look'"),
    "an FFN as attention": (entry("toy_blocks.py:Gated"), "must be an attention"),
    "no specification": (entry("toy_blocks.py:GatedUnit"), "must be an attention"),
    "unknown key": (entry("toy_blocks.py:Look", ", scael: 2"), "did you mean 'scale'"),
    "wrong value": (entry("toy_blocks.py:Look", ", scale: -1"), "greater than 0"),
    "old version": (entry("toy_blocks.py:Look@00000000"), "has changed since"),
    "raises": (entry("broken.py:Look"), "raised ValueError('no')"),
    "does not parse": (entry("syntax.py:Look"), "raised SyntaxError"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(folder: Path, case: str) -> None:
    (folder / "broken.py").write_text("raise ValueError('no')\n", encoding="utf-8")
    (folder / "syntax.py").write_text("def\n", encoding="utf-8")
    attention, message = WRONG[case]
    with pytest.raises(InputError, match=re.escape(message)):
        toy_arch(folder, attention)
    text = SPACE.replace('{type: "toy_blocks.py:Look", scale: {choice: [0.5, 1.0]}}', attention)
    (folder / "space.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(message)):
        load_space(folder / "space.yaml")


def test_a_package_announces_a_type(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "toy_package-1.0.dist-info").mkdir()
    info = folder / "toy_package-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy_package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[archsearch.blocks]\nlook = toy_blocks:Look\n")
    monkeypatch.syspath_prepend(str(folder))
    arch = toy_arch(folder, "{type: look, scale: 2}")
    attention = arch.stages[0].blocks[0].attention
    assert attention.type == "look"
    assert "look" in ATTENTIONS.names
    assert pickle.loads(pickle.dumps(arch)).digest == arch.digest
    assert build_model(arch).arch == arch.canonical()


@pytest.mark.slow
def test_the_page_is_true(tmp_path: Path) -> None:
    """Every file and command of docs/own_block.md, in a fresh folder."""
    page = PAGE.read_text(encoding="utf-8")
    for name, _, text in re.findall(r"`([\w.]+)`:\n\n```(\w+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    (commands,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    exported = (tmp_path / "model.py").read_text(encoding="utf-8")
    assert "archsearch" not in exported.split('"""', 2)[2]

"""Blocks of users go into an exported file, however they are written."""

from pathlib import Path

import pytest
import torch

from archsearch.arch import Arch, load_arch
from archsearch.export import ExportError
from archsearch.export.proof import load_source, prove_python
from archsearch.export.python_source import network_source
from archsearch.model import build_model
from tests.export.export_archs import written

BLOCKS = '''
from typing import ClassVar

from torch import nn

from archsearch.arch import AttentionSpec, FfnSpec, StageContext
from archsearch.blocks import DropPath, Mlp as LibraryMlp


class Base(nn.Module):
    """Scale what is normed."""

    def __init__(self, dim, *scales, options=None, activation=nn.GELU):
        super().__init__()
        self.factor = sum(scales) + sum((options or {}).values())
        self.norm = nn.LayerNorm(dim)
        self.act = activation()
        self.drop = DropPath(0.25)

    def forward(self, x, tokens):
        return self.drop(self.act(self.norm(x)) * self.factor, None)


class Scaled(Base):
    """Has no constructor of its own."""


class Scale(AttentionSpec):
    def build(self, context: StageContext) -> nn.Module:
        return Scaled(context.width, 0.5, 1.5, options={"more": 1e-5}, activation=nn.ReLU6)


class Mlp(LibraryMlp):
    """Is called like a class of the library."""

    def forward(self, x, tokens):
        update, token_update = super().forward(x, tokens)
        return 2 * update, token_update


class Double(FfnSpec):
    drops_path: ClassVar = False

    def build(self, context: StageContext) -> nn.Module:
        return Mlp(context.width, self.hidden_width(context.width))


class Bare(FfnSpec):
    def build(self, context: StageContext) -> nn.Module:
        return nn.Sequential(nn.Identity())


class Odd(FfnSpec):
    def build(self, context: StageContext) -> nn.Module:
        return Base(context.width, options={context: 1})
'''


def own(folder: Path, ffn: str) -> Arch:
    (folder / "mine.py").write_text(BLOCKS, encoding="utf-8")
    (folder / "arch.yaml").write_text(
        "image_size: 16\nin_channels: 1\nnum_classes: 4\nstem: {type: patch, patch_size: 4}\n"
        "stages:\n  - depth: 3\n    width: 8\n    head_dim: 8\n    blocks:\n"
        f'      - {{attention: {{type: "mine.py:Scale"}}, ffn: {{type: {ffn}}}}}\n',
        encoding="utf-8",
    )
    return load_arch(folder / "arch.yaml")


def test_they_compute_the_same(tmp_path: Path) -> None:
    arch = own(tmp_path, '"mine.py:Double"')
    text = written(arch)
    assert "class Mlp(Mlp2)" in text
    assert 'Scaled(8, 0.5, 1.5, options={"more": 1e-5}, activation=nn.ReLU6)' in text
    prove_python([(arch, text)])


def test_stochastic_depth_falls_where_the_specification_lets_it(tmp_path: Path) -> None:
    arch = own(tmp_path, '"mine.py:Double"')
    ours = build_model(arch, drop_path=0.5, seed=0).train()
    theirs = load_source(written(arch)).create_model(drop_path_rate=0.5).train()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(16, 1, 16, 16)
    torch.manual_seed(1)
    expected = ours(images)
    torch.manual_seed(1)
    assert torch.equal(theirs(images), expected)


@pytest.mark.parametrize(
    ("ffn", "message"),
    [
        ("Bare", "cannot write how Sequential was made: build.. must return a module of a class"),
        ("Odd", "cannot write StageContext.* as source text"),
    ],
)
def test_what_no_file_can_hold_is_said(tmp_path: Path, ffn: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        network_source(own(tmp_path, f'"mine.py:{ffn}"'), "A network.")

"""An export that is not the same network is no export."""

import re

import pytest

from archsearch.export import ExportError, export_python, python_file
from archsearch.export.proof import differences
from tests.export.export_archs import ARCHS

#: what is changed in a file, and what the proof says then
CHANGES = [
    ("F.gelu(", "F.relu(", "computes other logits: they differ by up to"),
    ("norm_eps: float = 1e-6", "norm_eps: float = 1e-5", "computes other logits"),
    ("nn.Linear(dim, hidden_dim)", "nn.Linear(dim, hidden_dim, bias=False)", "other parameters"),
    (
        "q, k, v, attn_mask=bias)",
        "q, k, v, attn_mask=bias) + 0 * (q @ k.mT @ v)",
        "MACs, the network",
    ),
    ("self.head(*", "self.tail(*", "fails: .*no attribute 'tail'"),
    ("import torch\n", "import torch\nimport archsearch\n", "fails: .*import of archsearch"),
    ("(module.weight, std=0.02", "(module.weight, std=0.03", "starts with other weights"),
    ("def create_model", "def make_model", "fails: .*create_model"),
]


def test_what_is_changed_is_found(sources):
    arch, text = sources["self_attention"]
    assert all(was in text for was, _, _ in CHANGES)
    found = differences([(arch, text), *((arch, text.replace(a, b, 1)) for a, b, _ in CHANGES)])
    assert found[0] == ""
    for difference, (_, is_now, expected) in zip(found[1:], CHANGES, strict=True):
        assert re.search(expected, difference, re.DOTALL), f"{is_now}: {difference}"


def test_nothing_is_written_without_proof(monkeypatch, tmp_path, sources):
    _, other = sources["class_token"]
    monkeypatch.setattr(python_file, "network_source", lambda *_, **__: other)
    with pytest.raises(ExportError):
        export_python(ARCHS["self_attention"], tmp_path / "model.py")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_the_text(tmp_path):
    text = export_python(ARCHS["self_attention"], tmp_path / "model.py")
    assert (tmp_path / "model.py").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]

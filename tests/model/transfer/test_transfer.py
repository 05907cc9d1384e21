"""Weights of one network in another: complete lists, exact copies, slices that mean the same."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from archsearch import zoo
from archsearch.arch import Arch, load_arch
from archsearch.model import build_model
from archsearch.model.transfer import Description, Donor, NoDescriptionError, describe, match
from archsearch.space import load_space
from tests.model.transfer.axis_labels import axis_labels, by_labels

#: (space, size of images): small enough to run
SPACES = [("tiny", 32), ("lightweight", 32), ("edgevit", 64), ("lightvit", 64), ("localvit", 64)]
SPACES += [("sepvit", 64), ("imagenet", 64)]


def sampled(space: str, size: int, seed: int) -> Arch:
    loaded = load_space(space)
    arch = loaded.arch(loaded.sample(np.random.default_rng(seed)))
    stages = tuple(stage.changed(depth=min(2, stage.depth)) for stage in arch.stages)
    return arch.changed(stages=stages, image_size=size, num_classes=10)


def fresh(arch: Arch, seed: int) -> torch.nn.Module:
    """Return a network whose norms and statistics are no ones and zeros."""
    model = build_model(arch, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point() and not name.endswith("features"):
                value.add_(0.1 * torch.rand(value.shape, generator=generator))
    return model


def images(arch: Arch) -> torch.Tensor:
    return torch.randn(2, *arch.input_shape, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("space", "size"), SPACES)
@pytest.mark.parametrize("seed", range(3))
def test_any_pair_of_a_space(space: str, size: int, seed: int) -> None:
    ours, theirs = (sampled(space, size, 2 * seed + at) for at in range(2))
    model, other = fresh(ours, 0).eval(), fresh(theirs, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    transfer = Donor.of(other).fill(model)
    names = [each.name for each in transfer.tensors]
    assert sorted(names) == sorted(before)  # every tensor once
    assert set(transfer.unused) == set(other.state_dict()) - {
        each.name for each in transfer.tensors if each.source_shape is not None
    }
    after, source = model.state_dict(), other.state_dict()
    for each in transfer.tensors:
        assert each.shape == tuple(before[each.name].shape)
        if each.source_shape is None:
            assert each.how.startswith("new: ")
            assert each.taken == 0
            assert torch.equal(after[each.name], before[each.name]), each.name
            continue
        assert each.source_shape == tuple(source[each.name].shape)
        changed = int((after[each.name] != before[each.name]).sum())
        assert changed <= each.taken <= each.size
        if each.how == "taken":
            assert torch.equal(after[each.name], source[each.name])
    assert transfer.total == sum(value.numel() for value in model.parameters())
    assert 0 <= transfer.share <= 1
    with torch.no_grad():
        assert torch.isfinite(model(images(ours))).all()


@pytest.mark.parametrize(("space", "size"), SPACES)
@pytest.mark.parametrize("seed", range(2))
def test_the_same_architecture_gives_the_same_outputs(space: str, size: int, seed: int) -> None:
    arch = sampled(space, size, seed)
    model, other = fresh(arch, 0).eval(), fresh(arch, 1).eval()
    transfer = Donor.of(other).fill(model)
    assert {each.how for each in transfer.tensors} == {"taken"}
    assert transfer.share == 1.0
    assert transfer.unused == ()
    with torch.no_grad():
        assert torch.equal(model(images(arch)), other(images(arch)))


@pytest.mark.parametrize("name", zoo.names())
def test_every_zoo_model_is_described_in_parts(name: str) -> None:
    with torch.device("meta"):
        model = build_model(zoo.arch(name))
    description = describe(model)
    assert set(description.tensors) == set(model.state_dict())
    assert not [path for path, part in description.parts.items() if part.is_whole]
    assert Description.from_plain(json.loads(json.dumps(description.to_plain()))) == description
    transfer = match(description, description)
    assert {each.how for each in transfer.tensors} == {"taken"}


ATTENTIONS = {
    "self_attention": {},
    "window": {"window_size": 2},
    "window_global": {"window_size": 2, "global_tokens": 2},
    "sparse_global": {"sample_rate": 2},
    "separable": {"window_size": 2},
    "spatial_reduction": {"reduction": 2},
}
FFNS = {
    "mlp": {},
    "bi_dimensional": {"reduction": 2},
    "locality": {"gate": {"type": "se", "reduction": 4}},
    "locality_eca": {"type": "locality", "gate": {"type": "eca"}},
}
#: (width, heads) of the network and of the other one
WIDTHS = [((16, 2), (24, 3)), ((24, 3), (16, 2)), ((16, 2), (24, 2)), ((24, 2), (16, 2))]


def arch_of(
    attention: str, ffn: str, width: int, heads: int, kernel: int = 3, depth: int = 1
) -> Arch:
    block = {
        "attention": {"type": attention, **ATTENTIONS[attention]},
        "ffn": {"type": ffn, "expansion": 2, **FFNS[ffn]},
        "local_aggregation": {"kernel_size": kernel, "expansion": 2},
    }
    stage = {"depth": depth, "width": width, "num_heads": heads, "blocks": [block]}
    return Arch.model_validate(
        {
            "image_size": 16,
            "num_classes": 5,
            "stem": {"type": "patch", "patch_size": 2},
            "stages": [stage, {**stage, "downsample": "merge", "width": 2 * width}],
        }
    )


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize(
    ("attention", "ffn"),
    [(each, "mlp") for each in ATTENTIONS] + [("window", each) for each in FFNS if each != "mlp"],
)
def test_slices_are_those_of_a_slow_twin(attention: str, ffn: str, widths: object) -> None:
    (own, theirs) = widths  # type: ignore[misc]
    ours, others = arch_of(attention, ffn, *own), arch_of(attention, ffn, *theirs, kernel=5)
    model, other = fresh(ours, 0), fresh(others, 1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    transfer = Donor.of(other).fill(model)
    compared = 0
    for each in transfer.tensors:
        name = each.name
        labels = [
            axis_labels(arch, name, state[name])
            for arch, state in ((ours, before), (others, other.state_dict()))
        ]
        if labels[0] is None or labels[1] is None or not before[name].is_floating_point():
            continue
        # heads of another width are not taken where their outputs are added to the map's channels
        is_fused = name.endswith(("qkv.weight", "qkv.bias", "qk_pointwise.weight"))
        is_fused |= name.endswith("qk_pointwise.bias")
        widths_of_heads = {width // heads for width, heads in (own, theirs)}
        if attention == "separable" and is_fused and len(widths_of_heads) > 1:
            assert each.how.startswith("new: "), each
            continue
        expected = by_labels(before[name], other.state_dict()[name], *labels)
        assert torch.equal(model.state_dict()[name], expected), name
        compared += 1
    assert compared >= 40


def test_another_attention_gives_its_ffn() -> None:
    ours, others = arch_of("self_attention", "mlp", 16, 2), arch_of("window", "mlp", 16, 2)
    found = match(describe(build_model(ours)), describe(build_model(others)))
    how = {each.name: each.how for each in found.tensors}
    words = "new: another kind of attention (window attention there, self attention here)"
    assert how["stages.0.blocks.0.attention.qkv.weight"] == words
    assert how["stages.0.blocks.0.ffn.fc1.weight"] == "taken"
    assert found.fits
    # as the position of one stage and the gate of an FFN
    gates = match(
        *(describe(build_model(arch_of("window", each, 16, 2))) for each in list(FFNS)[2:])
    )
    how = {each.name: each.how for each in gates.tensors}
    assert how["stages.0.blocks.0.ffn.gate.fc1.weight"].startswith("new: another kind of gate")
    assert how["stages.0.blocks.0.ffn.expand.weight"] == "taken"


def test_a_deeper_stage_begins_new_blocks() -> None:
    deep, flat = (arch_of("window", "mlp", 16, 2, depth=depth) for depth in (3, 1))
    how = {
        each.name: each.how
        for each in match(describe(build_model(deep)), describe(build_model(flat))).tensors
    }
    assert how["stages.0.blocks.0.ffn.fc1.weight"] == "taken"
    assert how["stages.0.blocks.2.ffn.fc1.weight"] == "new: no such part there"


@pytest.mark.parametrize(
    ("own", "theirs", "how"),
    [
        ((), (), "taken"),
        (("cat", "dog"), ("cat", "dog"), "taken"),
        (("cat", "dog"), ("car", "bus"), "new: made for other classes"),
        (("cat", "dog"), (), "new: whether it is made for the same classes is not known"),
    ],
)
def test_the_classifier_is_for_its_classes(
    own: tuple[str, ...], theirs: tuple[str, ...], how: str
) -> None:
    model = build_model(arch_of("window", "mlp", 16, 2).changed(num_classes=2))
    found = match(describe(model, own), describe(model, theirs))
    assert {e.how for e in found.tensors if e.name.startswith("head.classifier")} == {how}
    assert {e.how for e in found.tensors if not e.name.startswith("head.classifier")} == {"taken"}


@pytest.mark.parametrize(("have", "want"), [(3, 1), (1, 3), (3, 4), (3, 6)])
def test_grey_images_give_the_same_with_other_channels(have: int, want: int) -> None:
    arch = arch_of("window", "mlp", 16, 2)
    other = fresh(arch.changed(in_channels=have), 1).eval()
    model = fresh(arch.changed(in_channels=want), 0).eval()
    Donor.of(other).fill(model)
    grey = torch.randn(2, 1, 16, 16)
    with torch.no_grad():
        outputs = [
            each(grey.expand(-1, count, -1, -1)) for each, count in ((other, have), (model, want))
        ]
    if want % have == 0 or have % want == 0:
        assert torch.allclose(*outputs, atol=1e-5)
    assert torch.isfinite(outputs[1]).all()


def test_a_donor_is_its_network_and_weights() -> None:
    arch = arch_of("window_global", "bi_dimensional", 16, 2)
    model = fresh(arch, 1)
    donor = Donor.of(model, class_names=["a", "b", "c", "d", "e"], label="here")
    again = Donor.read(donor.data)
    assert again.digest == donor.digest
    assert again.description == describe(model, ["a", "b", "c", "d", "e"])
    # another writer's entries in the header make no other donor
    header = json.loads(donor.data[8 : 8 + int.from_bytes(donor.data[:8], "little")])
    about = {"format": "pt", **header["__metadata__"]}
    assert Donor.read(save(load(donor.data), about)).digest == donor.digest
    other = fresh(arch, 2)
    assert Donor.of(other).digest != donor.digest
    assert hashlib.sha256(donor.data).hexdigest() == donor.digest


def test_a_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    model = fresh(arch_of("window", "mlp", 16, 2), 1)
    donor = Donor.of(model)
    file = tmp_path / "donor.safetensors"
    file.write_bytes(donor.data)
    script = (
        "import sys; from archsearch.model.transfer import Donor; "
        "print(Donor.read(open(sys.argv[1], 'rb').read()).digest)"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == donor.digest


def test_what_is_no_donor_is_refused() -> None:
    model = build_model(arch_of("window", "mlp", 16, 2))
    with pytest.raises(NoDescriptionError):
        Donor.read(save(dict(model.state_dict())))
    with pytest.raises(ValueError, match="no whole safetensors file"):
        Donor.read(b"12345678" * 4)
    donor = Donor.of(model)
    header = json.loads(donor.data[8 : 8 + int.from_bytes(donor.data[:8], "little")])
    tensors = load(donor.data)
    tensors.pop("head.classifier.bias")
    with pytest.raises(NoDescriptionError):  # of other weights
        Donor.read(save(tensors, header["__metadata__"]))
    with pytest.raises(NoDescriptionError):
        Donor.read(save(load(donor.data), {"described_network": '{"version": 99}'}))


class Own(torch.nn.Module):
    """A network that nobody knows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, width)
        self.second = torch.nn.Linear(width, 3)


def test_an_unknown_network_is_taken_whole_or_not_at_all() -> None:
    same, other = Own(6), Own(8)
    assert Donor.of(Own(6)).fill(same).share == 1.0
    found = Donor.of(Own(6)).fill(other)
    assert found.taken == 0
    assert not found.fits
    assert {each.how.partition(":")[0] for each in found.tensors} == {"new"}


BLOCKS = """
from torch import nn
from archsearch.arch import FfnSpec


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.only = nn.Linear(width, width)

    def forward(self, x, tokens):
        return self.only(x), None


class Own(FfnSpec):
    def build(self, context):
        return Mlp(context.width)
"""


def test_a_block_of_a_file_is_no_block_of_ours_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "blocks.py").write_text(BLOCKS)
    own = tmp_path / "own.yaml"
    plain = arch_of("window", "mlp", 16, 2)
    plain.save(own)
    own.write_text(
        re.sub(r"type: mlp\n\s+expansion: 2(\.0)?", "type: blocks.py:Own", own.read_text())
    )
    arch = load_arch(own)
    names = [f"stages.0.blocks.0.ffn.only.{leaf}" for leaf in ("weight", "bias")]
    same = match(describe(build_model(arch)), describe(build_model(arch)))
    assert {each.how for each in same.tensors} == {"taken"}
    mixed = match(describe(build_model(arch)), describe(build_model(plain)))
    how = {each.name: each.how for each in mixed.tensors}
    assert all(how[name].startswith("new: another kind of FFN") for name in names)
    assert how["stages.0.blocks.0.attention.qkv.weight"] == "taken"
    wide = arch.changed(stages=tuple(s.changed(width=2 * s.width) for s in arch.stages))
    how = {
        e.name: e.how
        for e in match(describe(build_model(wide)), describe(build_model(arch))).tensors
    }
    words = "new: a block of a file is taken only where every shape agrees"
    assert all(how[name] == words for name in names)

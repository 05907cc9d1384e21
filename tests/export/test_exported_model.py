"""What people do with a model: save, load, move, compile, train."""

import copy

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from archsearch.export.proof import load_source
from archsearch.model import build_model
from archsearch.train.weight_files import load_weights, save_weights


@pytest.fixture(scope="module", params=["lightvit", "locality", "edgevit"])
def module(request, sources):
    return load_source(sources[request.param][1])


@pytest.fixture
def images():
    return torch.randn(3, 2, 16, 16, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_weights_move_both_ways(sources, tmp_path, images):
    each, text = sources["lightvit"]
    module = load_source(text)
    ours = build_model(each, seed=3).eval()
    save_weights(ours, tmp_path / "ours.safetensors")
    theirs = module.create_model(pretrained_path=str(tmp_path / "ours.safetensors")).eval()
    assert torch.equal(ours(images), theirs(images))

    torch.manual_seed(4)
    theirs = module.create_model().eval()
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    load_weights(ours, tmp_path / "theirs.safetensors")
    assert torch.equal(ours(images), theirs(images))

    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    again = module.create_model(pretrained_path=str(tmp_path / "theirs.pt")).eval()
    assert torch.equal(again(images), theirs(images))


@pytest.mark.parametrize("num_classes", [9, 0])
def test_another_number_of_classes_gets_a_new_classifier(module, tmp_path, images, num_classes):
    torch.manual_seed(0)
    source = module.create_model()
    torch.save(source.state_dict(), tmp_path / "model.pt")
    model = module.create_model(num_classes, str(tmp_path / "model.pt")).eval()
    shape = (3, num_classes) if num_classes else (3, model.head_hidden_size)
    assert model(images).shape == shape
    own = model.state_dict()
    for name, value in source.state_dict().items():
        if "classifier" not in name:
            assert torch.equal(own[name], value)


def test_wrong_weights_are_refused(module, tmp_path):
    state = module.create_model().state_dict()
    state.pop(next(iter(state)))
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"holds other weights:\n.* is missing"):
        module.create_model(pretrained_path=str(tmp_path / "model.pt"))


@torch.no_grad()
def test_copies_and_memory_formats(module, images):
    model = module.create_model().eval()
    logits = model(images)
    assert torch.equal(copy.deepcopy(model)(images), logits)
    moved = copy.deepcopy(model).to(memory_format=torch.channels_last)
    close = moved(images.to(memory_format=torch.channels_last))
    torch.testing.assert_close(close, logits, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_bfloat16_autocast(module, images):
    model = module.create_model().eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(images)
    assert half.isfinite().all()
    torch.testing.assert_close(half.float(), model(images), rtol=0.1, atol=0.05)


def test_every_parameter_that_is_trained_gets_a_gradient(module, images):
    model = module.create_model().train()
    model(images).square().sum().backward()
    missing = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert missing == []


def test_one_epoch_of_a_plain_loop(sources):
    each, text = sources["lightvit"]
    torch.manual_seed(0)
    model = load_source(text).create_model(num_classes=10)
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    images = F.interpolate(images, (16, 16)).repeat(1, each.in_channels, 1, 1)
    labels = torch.tensor(digits.target)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    for batch in torch.randperm(len(images)).split(32):
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


@pytest.mark.slow
def test_compile(module, images):
    model = module.create_model().eval()
    with torch.no_grad():
        compiled = torch.compile(model, fullgraph=True)(images)
        torch.testing.assert_close(compiled, model(images), rtol=1e-4, atol=1e-5)

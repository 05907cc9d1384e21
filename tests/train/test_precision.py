import pytest
import torch

from archsearch.train import PrecisionChoice, Recipe, Trainer, choose_precision
from archsearch.train import precision as module
from archsearch.train.precision import arithmetic


def times(monkeypatch, milliseconds: dict[str, float]) -> None:
    def fake(model, images, labels, precision):
        return milliseconds[precision] / 1e3

    monkeypatch.setattr(module, "_step_seconds", fake)


@pytest.mark.parametrize(
    ("bfloat16", "chosen"), [(50.0, "bfloat16"), (90.0, "float32"), (200.0, "float32")]
)
def test_takes_the_faster_one_when_it_is_worthwhile(monkeypatch, build, arch, bfloat16, chosen):
    times(monkeypatch, {"float32": 100.0, "bfloat16": bfloat16})
    images = torch.zeros(2, 1, 16, 16)
    choice = choose_precision(build(arch, seed=0), images, torch.tensor([0, 1]))
    assert choice.precision == chosen
    assert choice.step_ms == {"float32": 100.0, "bfloat16": bfloat16}
    assert choice.reason == f"fastest step: float32 100.0 ms, bfloat16 {bfloat16:.1f} ms"


def test_timing_leaves_the_network_and_the_random_state_alone(build, arch):
    model = build(arch, seed=0).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    choice = choose_precision(model, torch.rand(8, 1, 16, 16), torch.zeros(8).long(), repeats=1)
    torch.manual_seed(1)
    assert torch.equal(torch.rand(2), expected)
    assert choice.precision in ("float32", "bfloat16")
    assert all(each > 0 for each in choice.step_ms.values())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


def test_arithmetic():
    one = torch.ones(2, 2)
    with arithmetic("float32", torch.device("cpu")):
        assert (one @ one).dtype == torch.float32
    with arithmetic("bfloat16", torch.device("cpu")):
        assert (one @ one).dtype == torch.bfloat16


def test_short_training_is_not_timed(arch, data, build):
    trainer = Trainer(arch, data, Recipe(epochs=3), build=build)
    assert trainer.precision == PrecisionChoice(
        precision="float32", reason="3 steps are too few to earn back timing other precisions"
    )


def test_long_training_is_timed_once_and_the_choice_is_kept(monkeypatch, arch, data, build):
    times(monkeypatch, {"float32": 100.0, "bfloat16": 10.0})
    recipe = Recipe(epochs=500, batch_size=20)
    trainer = Trainer(arch, data, recipe, build=build)
    trainer.run(0.0)
    assert trainer.precision.precision == "bfloat16"
    times(monkeypatch, {"float32": 1.0, "bfloat16": 10.0})
    resumed = Trainer(arch, data, recipe, build=build)
    resumed.load_state_dict(trainer.state_dict())
    assert resumed.precision == trainer.precision

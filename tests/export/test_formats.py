"""timm, ONNX and pt2: loaded where archsearch is not, with weights and a card beside them."""

import importlib.util
import sys

import pytest
import timm
import torch
from safetensors.torch import load_file

from archsearch import zoo
from archsearch.errors import InputError
from archsearch.export import ExportError, Format, Origin, export_model, onnx_pt2
from archsearch.export.onnx_pt2 import export_graph
from archsearch.export.proof import prove_python, randomize
from archsearch.export.python_source import network_source
from archsearch.model import build_model
from archsearch.train.weight_files import save_weights
from tests.export.export_archs import ARCHS, WINDOW_GLOBAL, arch, random_archs, ruff, stage
from tests.report.synthetic_run import synthetic_run

NAMES = ["lightvit", "edgevit", "class_token_kept"]


#: one block each: what a graph takes longest to make is its nodes
WINDOWS = arch(stage(WINDOW_GLOBAL, position="relative_bias"))
CONVOLUTIONS = arch(
    stage("self_attention", {"type": "locality", "gate": {"type": "se", "reduction": 4}})
)


def timm_source(name, registered=""):
    return network_source(ARCHS[name], name, kind="timm", name=registered or f"small_{name}")


def imported(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """Files for timm, imported here as people import them."""
    folder = tmp_path_factory.mktemp("timm")
    for name in NAMES:
        path = folder / f"small_{name}.py"
        path.write_text(timm_source(name))
        imported(path, path.stem)
    return folder


def test_timm_files_are_the_same_networks():
    # under one name, so that one process without archsearch proves all
    cases = [(ARCHS[name], timm_source(name, "proved")) for name in NAMES]
    prove_python(cases, "timm", "proved")


def test_timm_files_are_tidy(registered):
    options = ("--isolated", "--no-cache", "--line-length", "100")
    assert ruff("format", "--check", *options, str(registered)) == ""
    found = ruff("check", *options, "--select", "E,F,W,I,UP,B", str(registered))
    assert found == ""


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_timm_interface(registered, name):
    x = torch.randn(2, 4, 16, 16)
    model = timm.create_model(f"small_{name}", num_classes=3, in_chans=4).eval()
    assert model(x).shape == (2, 3)
    assert model.default_cfg["input_size"] == (2, 16, 16)
    assert isinstance(model.get_submodule(model.default_cfg["first_conv"]), torch.nn.Conv2d)
    features = model.forward_features(x)
    pooled = model.forward_head(features, pre_logits=True)
    assert pooled.shape == (2, model.head_hidden_size)
    assert torch.equal(model.get_classifier()(pooled), model(x))
    named = {parameter for parameter, _ in model.named_parameters()}
    assert model.no_weight_decay() <= named
    model.reset_classifier(7)
    assert model(x).shape == (2, 7)
    with pytest.raises(ValueError, match="must be mean, mean_all"):
        model.reset_classifier(7, global_pool="max")
    last = timm.create_model(f"small_{name}", features_only=True, out_indices=(-1,), in_chans=4)
    assert [each.shape[1] for each in last(x)] == [model.num_features]


@torch.no_grad()
def test_timm_loads_weights_from_a_file(registered, tmp_path):
    ours = build_model(ARCHS["lightvit"], seed=5).eval()
    save_weights(ours, tmp_path / "model.safetensors")
    overlay = {"file": str(tmp_path / "model.safetensors")}
    options = {"pretrained": True, "pretrained_cfg_overlay": overlay}
    x = torch.randn(2, 2, 16, 16)
    theirs = timm.create_model("small_lightvit", **options).eval()
    assert torch.equal(theirs(x), ours(x))
    other = timm.create_model("small_lightvit", num_classes=4, **options).eval()
    assert other(x).shape == (2, 4)


# a graph as pt2 is made in two of the tests below
@pytest.mark.parametrize("kind", ["onnx", pytest.param("pt2", marks=pytest.mark.slow)])
def test_graph_takes_any_number_of_images(kind, tmp_path):
    model = build_model(WINDOWS, seed=0).eval()
    randomize(model, seed=0)
    error = export_graph(WINDOWS, model, kind, tmp_path / f"model.{kind}")
    assert error <= onnx_pt2.TOLERANCE[kind]
    assert [path.name for path in tmp_path.iterdir()] == [f"model.{kind}"]


def test_fused_graph_is_within_tolerance_of_the_network(tmp_path):
    model = build_model(CONVOLUTIONS, seed=0).eval()
    randomize(model, seed=0)
    error = export_graph(CONVOLUTIONS, model, "pt2", tmp_path / "model.pt2", fused=True)
    assert 0 < error <= onnx_pt2.FUSED_TOLERANCE
    state = torch.export.load(tmp_path / "model.pt2").state_dict
    assert not any("running_mean" in name for name in state)


def test_only_files_with_weights_are_fused(tmp_path):
    with pytest.raises(InputError, match="fuse: must be off where a file holds no weights"):
        export_model(ARCHS["locality"], Format.PYTHON, tmp_path / "model.py", fused=True)


def test_onnx_keeps_the_epsilon_of_performers(tmp_path):
    performer = ARCHS["tokens_to_token"]
    model = build_model(performer, seed=0).eval()
    randomize(model, seed=0)
    attention = model.stem.attention1
    with torch.no_grad():
        # keys and queries so long that their features are smaller than the epsilon
        attention.kqv.weight.mul_(6 / attention.kqv.weight.std() / attention.kqv.in_features**0.5)
    error = export_graph(performer, model, "onnx", tmp_path / "model.onnx")
    assert error <= onnx_pt2.TOLERANCE["onnx"]


def test_graph_that_is_off_is_not_written(tmp_path, monkeypatch):
    arch = ARCHS["self_attention"]
    model = build_model(arch).eval()
    # a graph that computes what the network computes, but for one logit
    off = torch.zeros(1, arch.num_classes)
    off[0, -1] = 10 * onnx_pt2.TOLERANCE["pt2"]
    monkeypatch.setattr(onnx_pt2, "_write_pt2", lambda *_: None)
    monkeypatch.setattr(
        onnx_pt2,
        "run_isolated",
        lambda _, cases: [{"logits": [model(x).detach() + off for x in cases[0]["inputs"]]}],
    )
    with pytest.raises(ExportError, match="computes other logits: off by"):
        export_graph(arch, model, "pt2", tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []


def test_graph_without_finite_logits_is_not_written(tmp_path, monkeypatch):
    arch = ARCHS["self_attention"]
    model = build_model(arch).eval()
    with torch.no_grad():
        model.head.classifier.bias.fill_(float("nan"))
    # a graph that computes exactly what the network computes
    monkeypatch.setattr(onnx_pt2, "_write_pt2", lambda *_: None)
    monkeypatch.setattr(
        onnx_pt2,
        "run_isolated",
        lambda _, cases: [{"logits": [model(x).detach() for x in cases[0]["inputs"]]}],
    )
    with pytest.raises(ExportError, match="computes other logits: off by inf"):
        export_graph(arch, model, "pt2", tmp_path / "model.pt2")


def test_operator_without_a_graph_is_named(tmp_path):
    class Odd(torch.nn.Module):
        def forward(self, x):
            return torch.linalg.eigvals(x[:, 0]).real

    with pytest.raises(ExportError, match=r"to ONNX because of operator aten\.\w*linalg_eig"):
        export_graph(ARCHS["self_attention"], Odd().eval(), "onnx", tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def run():
    return synthetic_run(12, seed=1)


@pytest.fixture(scope="module")
def origin(run):
    trial = run.trials[run.front[0]]
    data = {
        "train": 1438,
        "mean": [0.3059],
        "std": [0.3236],
        "class_names": [str(digit) for digit in range(10)],
    }
    config = {**run.config, "data": data, "recipe": {"epochs": 6, "augmentation": {"flip": True}}}
    return Origin(run.model_copy(update={"config": config}), trial, "digits")


def test_weights_and_card_go_beside_the_file(origin, tmp_path):
    arch = WINDOWS
    model = build_model(arch, seed=2).eval()
    save_weights(model, tmp_path / "kept.safetensors")
    output = tmp_path / "small.pt2"
    done = export_model(
        arch, Format.PT2, output, origin=origin, weights=tmp_path / "kept.safetensors"
    )
    assert [path.name for path in done.files] == [
        "small.pt2",
        "small.safetensors",
        "small.md",
        "small.json",
    ]
    state = load_file(tmp_path / "small.safetensors")
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    x = torch.randn(5, arch.in_channels, arch.image_size, arch.image_size)
    with torch.no_grad():
        close = torch.export.load(output).module()(x)
        torch.testing.assert_close(close, model(x), rtol=1e-5, atol=1e-5)
    card = (tmp_path / "small.md").read_text()
    for expected in (
        "# digits",
        "within 5 ms",
        "interval",
        origin.run.environment.cpu,
        "minus the mean (0.3059) and divided by the deviation (0.3236)",
        "Classes in order: 0, 1, 2",
        "| augmentation.flip | True |",
        'torch.export.load("small.pt2")',
        "Apache-2.0",
    ):
        assert expected in card


def test_nothing_is_written_over(origin, tmp_path):
    (tmp_path / "small.md").write_text("mine")
    with pytest.raises(InputError, match=r"small\.md: output: belongs to another network"):
        export_model(origin.trial.arch, Format.YAML, tmp_path / "small.yaml", origin=origin)
    assert [path.name for path in tmp_path.iterdir()] == ["small.md"]
    export_model(
        origin.trial.arch, Format.YAML, tmp_path / "small.yaml", origin=origin, companions=False
    )
    assert (tmp_path / "small.md").read_text() == "mine"


@pytest.mark.parametrize("form", [Format.ONNX, Format.PT2])
def test_missing_weights(origin, form, tmp_path):
    with pytest.raises(
        InputError, match=r"those of trial \d+ were not kept; .*train it \(archsearch"
    ):
        export_model(origin.trial.arch, form, tmp_path / "model", origin=origin)
    with pytest.raises(InputError, match="an architecture has none; give --weights"):
        export_model(ARCHS["lightvit"], form, tmp_path / "model")
    with pytest.raises(InputError, match="there is no such file"):
        export_model(
            ARCHS["lightvit"], form, tmp_path / "model", weights=tmp_path / "no.safetensors"
        )
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network(tmp_path):
    save_weights(build_model(ARCHS["edgevit"]), tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"but \d+ tensors differ \("):
        export_model(
            ARCHS["lightvit"],
            Format.PYTHON,
            tmp_path / "model.py",
            weights=tmp_path / "other.safetensors",
        )
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(InputError, match="is no whole checkpoint"):
        export_model(
            ARCHS["lightvit"],
            Format.PYTHON,
            tmp_path / "model.py",
            weights=tmp_path / "text.safetensors",
        )
    assert not (tmp_path / "model.py").exists()


GRAPHS = {**ARCHS}
GRAPHS |= {f"random_{i}": each for i, each in enumerate(random_archs("lightweight", 20, seed=3))}
GRAPHS |= {name: zoo.arch(name) for name in zoo.names()}
#: one of each paper
IN_CI = ("lightvit_tiny", "edgevit_xxs", "localvit_tnt", "sepvit_lite")


@pytest.mark.parametrize("kind", ["onnx", "pt2"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in IN_CI else pytest.mark.release)
        for name in GRAPHS
    ],
)
def test_every_graph(name, kind, tmp_path):
    model = build_model(GRAPHS[name], seed=0).eval()
    randomize(model, seed=0)
    export_graph(GRAPHS[name], model, kind, tmp_path / f"model.{kind}")

"""Exported files take what timm's own scripts pass, and load weights as people keep them."""

import copy
import importlib.util
import itertools
import re
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save, save_file
from timm.models import load_checkpoint
from timm.optim import create_optimizer_v2
from timm.utils import ModelEmaV3

from archsearch.export.python_source import network_source
from archsearch.model import build_model
from archsearch.model.transfer import weights_file
from archsearch.train import open_model_file
from tests.export.export_archs import ARCHS, written

#: as train.py, validate.py, benchmark.py and onnx_export.py call create_model; None and values that
#: stand for nothing are among it
CALLS = {
    "train": {
        "pretrained": False,
        "num_classes": 7,
        "in_chans": 2,
        "drop_rate": 0.0,
        "drop_path_rate": 0.1,
        "drop_block_rate": None,
        "global_pool": None,
        "bn_momentum": None,
        "bn_eps": None,
        "scriptable": False,
        "checkpoint_path": "",
    },
    "validate": {
        "pretrained": False,
        "num_classes": None,
        "in_chans": 2,
        "global_pool": "avg",
        "scriptable": False,
    },
    "benchmark": {
        "num_classes": None,
        "in_chans": None,
        "global_pool": "avg",
        "scriptable": False,
        "drop_rate": 0.2,
        "drop_path_rate": None,
        "drop_block_rate": None,
    },
    "onnx_export": {
        "num_classes": 3,
        "in_chans": 2,
        "pretrained": False,
        "checkpoint_path": "",
        "exportable": True,
        "img_size": 16,
    },
}
NAMES = ["lightvit", "edgevit", "locality", "mixture", "class_token_kept"]
count = itertools.count()


def load(path: Path):
    name = f"exported_{next(count)}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def makers(tmp_path_factory):
    """For each architecture and format, what makes the model."""
    folder = tmp_path_factory.mktemp("options")
    found = {}
    for name in NAMES:
        plain = folder / f"{name}.py"
        plain.write_text(written(ARCHS[name]))
        found[name, "python"] = load(plain).create_model
        own = f"options_{name}"
        (folder / f"{own}.py").write_text(network_source(ARCHS[name], name, kind="timm", name=own))
        load(folder / f"{own}.py")
        found[name, "timm"] = lambda own=own, **kwargs: timm.create_model(own, **kwargs)
    return found


BOTH = pytest.mark.parametrize("kind", ["python", "timm"])


def images(name, batch=2):
    arch = ARCHS[name]
    return torch.randn(batch, arch.in_channels, arch.image_size, arch.image_size)


@BOTH
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", NAMES)
def test_calls_of_timms_scripts(makers, name, kind, call):
    arch = ARCHS[name]
    options = {**CALLS[call]}
    if "img_size" in options:
        options["img_size"] = arch.image_size
    if options.get("global_pool") and arch.head.pooling == "class_token":
        options["global_pool"] = "token"
    model = makers[name, kind](**options)
    expected = options.get("num_classes") or arch.num_classes
    assert model(images(name)).shape == (2, expected)


@BOTH
@pytest.mark.parametrize("name", NAMES)
def test_paths_are_dropped_as_the_network_drops_them(makers, name, kind):
    ours = build_model(ARCHS[name], drop_path=0.5, seed=0).train()
    theirs = makers[name, kind](drop_path_rate=0.5).train()
    theirs.load_state_dict(ours.state_dict())
    x = images(name, batch=8)
    torch.manual_seed(3)
    expected = ours(x)
    torch.manual_seed(3)
    assert torch.equal(theirs(x), expected)
    ours, theirs = ours.eval(), theirs.eval()
    assert torch.equal(ours(x), theirs(x))
    theirs.train()
    torch.manual_seed(4)
    assert not torch.equal(theirs(x), expected)
    assert list(theirs.state_dict()) == list(makers[name, kind]().state_dict())


@BOTH
def test_dropout_falls_on_the_features(makers, kind):
    model = makers["lightvit", kind](drop_rate=0.9).train()
    x = images("lightvit")
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@BOTH
@torch.no_grad()
def test_without_classes(makers, kind):
    x = images("lightvit")
    pooled = makers["lightvit", kind](num_classes=0).eval()(x)
    assert pooled.dim() == 2
    last = makers["lightvit", kind](num_classes=0, global_pool="").eval()(x)
    arch = ARCHS["lightvit"]
    assert last.shape == (2, arch.stages[-1].width, arch.map_sizes[-1], arch.map_sizes[-1])


@BOTH
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"img_size": 224}, "images must be 16 x 16"),
        ({"img_size": (16, 24)}, "images must be 16 x 16"),
        ({"global_pool": "max"}, "the pooling is fixed"),
        ({"global_pool": ""}, "needs num_classes=0"),
        ({"drop_path_rate": 1.5}, "at least 0 and below 1"),
        ({"drop_path_rate": -0.1}, "at least 0 and below 1"),
    ],
)
def test_what_cannot_be_honoured_is_refused(makers, kind, options, message):
    with pytest.raises(ValueError, match=message):
        makers["lightvit", kind](**options)


@BOTH
def test_unknown_arguments_are_named(makers, kind):
    with pytest.raises(TypeError, match="dept"):
        makers["lightvit", kind](dept=3)


def test_any_size_takes_sizes(tmp_path):
    arch = ARCHS["edgevit"]
    path = tmp_path / "sizes.py"
    source = network_source(arch, "sizes", kind="timm", name="options_any", any_size=True)
    path.write_text(source)
    load(path)
    model = timm.create_model("options_any", img_size=(24, 24))
    assert model.default_cfg["input_size"] == (arch.in_channels, 24, 24)
    wide = timm.create_model("options_any", img_size=(24, 16))
    assert wide.pretrained_cfg["input_size"] == (arch.in_channels, 24, 16)
    with pytest.raises(ValueError, match="must have a height and a width"):
        timm.create_model("options_any", img_size=(24, 16, 3))


@pytest.mark.parametrize("name", NAMES)
def test_timms_training_tools(makers, name, tmp_path):
    model = makers[name, "timm"](drop_path_rate=0.1, drop_rate=0.1)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=0.1, layer_decay=0.5)
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())
    scales = {id(p): g["lr_scale"] for g in optimizer.param_groups for p in g["params"]}
    assert scales[id(model.head.classifier.weight)] == 1.0
    first = next(iter(model.stem.parameters()))
    assert scales[id(first)] == min(scales.values())
    ema = ModelEmaV3(model)
    ema.update(model)
    x = images(name)
    assert torch.isfinite(ema.module.eval()(x)).all()
    # the same gradients with less kept
    model = makers[name, "timm"]().train()
    again = copy.deepcopy(model)
    again.set_grad_checkpointing()
    for each in (model, again):
        torch.manual_seed(0)
        each(x).square().sum().backward()
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad)
    torch.save({"state_dict": model.state_dict(), "args": Namespace(lr=1)}, tmp_path / "last.pth")
    fresh = makers[name, "timm"](checkpoint_path=str(tmp_path / "last.pth"))
    assert torch.equal(fresh.head.classifier.weight, model.head.classifier.weight)
    load_checkpoint(fresh, str(tmp_path / "last.pth"))


WRAPPED = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 1, "state_dict": state, "args": Namespace(lr=0.1)},
    "model": lambda state: {"model": state, "optimizer": {}},
    "module": lambda state: {f"module.{key}": value for key, value in state.items()},
    "compiled": lambda state: {f"_orig_mod.{key}": value for key, value in state.items()},
    "both": lambda state: {
        "state_dict": {f"module._orig_mod.{key}": value for key, value in state.items()}
    },
    "averaged": lambda state: {
        "state_dict": {key: torch.zeros_like(value) for key, value in state.items()},
        "state_dict_ema": state,
    },
    "model_ema": lambda state: {
        "model": {key: torch.zeros_like(value) for key, value in state.items()},
        "model_ema": state,
    },
}


@BOTH
@pytest.mark.parametrize("as_path", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".pt"])
def test_weights_of_every_precision(makers, tmp_path, kind, ending, dtype, as_path):
    ours = build_model(ARCHS["locality"], seed=3)
    state = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in ours.state_dict().items()
    }
    path = tmp_path / f"weights{ending}"
    (save_file if ending == ".safetensors" else torch.save)(state, path)
    check_loaded(makers["locality", kind], kind, path if as_path else str(path), state)


@BOTH
@pytest.mark.parametrize("wrapping", WRAPPED)
def test_weights_in_every_wrapping(makers, tmp_path, kind, wrapping):
    state = build_model(ARCHS["locality"], seed=3).state_dict()
    torch.save(WRAPPED[wrapping](state), tmp_path / "weights.pth")
    check_loaded(makers["locality", kind], kind, tmp_path / "weights.pth", state)


def check_loaded(make, kind, path, state):
    if kind == "python":
        model = make(pretrained_path=path)
    else:
        model = make(pretrained=True, pretrained_cfg_overlay={"file": path})
    for key, value in model.state_dict().items():
        assert torch.equal(value, state[key].to(value.dtype)), key
        assert not value.is_floating_point() or value.dtype == torch.float32


def test_weights_that_do_not_fit_are_listed(makers, tmp_path):
    make = makers["locality", "python"]
    state = build_model(ARCHS["locality"], seed=3).state_dict()
    lost = state.pop("stem.proj.weight")
    state["stem.extra"] = torch.zeros(2)
    state["stem.proj.bias"] = torch.zeros(lost.shape[0] + 1)
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="holds other weights") as error:
        make(pretrained_path=tmp_path / "other.pt")
    for words in (
        "stem.proj.weight is missing",
        "stem.extra is unexpected",
        f"stem.proj.bias must have shape [{lost.shape[0]}], but has [{lost.shape[0] + 1}]",
    ):
        assert words in str(error.value)


@pytest.mark.parametrize("kind", ["own", "plain"])
def test_weights_of_another_network_give_what_fits(makers, tmp_path, kind):
    """Of a file of archsearch's the kinds of parts count, of another names and shapes alone."""
    other = build_model(ARCHS["lightvit"], seed=7)
    own = makers["mixture", "python"]
    path = tmp_path / "weights.safetensors"
    path.write_bytes(weights_file(other) if kind == "own" else save(other.state_dict()))
    with pytest.raises(ValueError, match="holds other weights"):
        own(pretrained_path=path)
    torch.manual_seed(0)
    model = own(pretrained_path=path, strict=False)
    torch.manual_seed(0)
    fresh = own().state_dict()
    state, donor = model.state_dict(), other.state_dict()
    assert set(model.new_weights) < set(state)
    other_parts = [
        f"{path}."
        for path in dict(other.named_modules())
        if re.search(r"^stem$|downsample$|attention$|ffn$|norm$", path)
        and path in dict(model.named_modules())
        and type(model.get_submodule(path)).__name__ != type(other.get_submodule(path)).__name__
    ]
    assert other_parts
    for name, value in state.items():
        is_alike = name in donor and donor[name].shape == value.shape
        if kind == "own":
            is_alike = is_alike and not any(map(name.startswith, other_parts))
        assert (name not in model.new_weights) == is_alike, name
        assert torch.equal(value, donor[name] if is_alike else fresh[name]), name
    assert any("there" in why for why in model.new_weights.values())


def test_its_own_weights_leave_nothing_new(makers, tmp_path):
    for name in NAMES:
        ours = build_model(ARCHS[name], seed=7).eval()
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(weights_file(ours))
        model = makers[name, "python"](pretrained_path=path, strict=False).eval()
        assert model.new_weights == {}
        x = images(name)
        assert torch.equal(model(x), ours(x))


@pytest.mark.parametrize("classes", [0, 4])
def test_weights_for_other_classes(makers, tmp_path, classes):
    ours = build_model(ARCHS["locality"], seed=3)
    torch.save(ours.state_dict(), tmp_path / "weights.pt")
    model = makers["locality", "python"](classes, tmp_path / "weights.pt")
    assert torch.equal(model.state_dict()["stem.proj.weight"], ours.stem.proj.weight)


def test_a_trained_file_drops_paths_as_its_recipe_asks(tmp_path):
    (tmp_path / "model.py").write_text(written(ARCHS["lightvit"]))
    file = open_model_file(f"{tmp_path / 'model.py'}:create_model", 5)
    model = file.build(file, drop_path=0.5, seed=0).train()
    x = images("lightvit", batch=8)
    assert not torch.equal(model(x), model(x))

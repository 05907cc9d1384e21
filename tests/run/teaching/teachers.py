"""A small data set, and teachers of every kind for it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from torch import nn

from archsearch import zoo
from archsearch.analysis import choose
from archsearch.arch import Arch, Block, Mlp, SelfAttention, Stage
from archsearch.data import DataSplits
from archsearch.export import export_python
from archsearch.model import build_model
from archsearch.run import RunFolder, load_run
from archsearch.train import Recipe, Trainer, TrainingFolder, save_weights, train_fully
from archsearch.yaml_source import dump_yaml, load_yaml
from tests.run.made_run import made_tiny_run

BLOCK = Block(attention=SelfAttention(), ffn=Mlp())
SMALL = Arch(
    image_size=16,
    in_channels=1,
    num_classes=10,
    stages=(Stage(depth=1, width=16, num_heads=2, blocks=(BLOCK,)),),
)
COLOURED = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: a network of a user's own, for grey images of 20 px
CODE = """
import torch
from torch import nn


class Net(nn.Module):
    input_size = (1, 20, 20)

    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5, 5)
        self.last = nn.Linear(6 * 16, num_classes)

    def forward(self, images):
        return self.last(self.conv(images).relu().flatten(1))


def create_model(num_classes=10):
    return Net(num_classes)
"""


@dataclass(frozen=True)
class Known:
    """A teacher that lies somewhere, and what it is.

    Attributes:
        source: names it.
        network: with its weights.
        size: side of its images.
        mean: of its channels.
        std: of its channels.
        label: of the source, without folders.
    """

    source: str
    network: nn.Module
    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    label: str


def own_network(folder: Path, name: str = "net") -> nn.Module:
    """Write ``net.py``; return its network."""
    (folder / f"{name}.py").write_text(CODE)
    scope: dict[str, Callable[..., nn.Module]] = {}
    exec(CODE, scope)
    torch.manual_seed(4)
    return scope["create_model"]()


def train_in(folder: Path, data: DataSplits) -> Trainer:
    """Train the small network in a folder, as ``archsearch train`` does."""
    recipe = Recipe(epochs=1, warmup_epochs=0, precision="float32")
    trainer = Trainer(SMALL, data, recipe)
    training = TrainingFolder(folder)
    training.open({"network": {"arch": SMALL.digest}})
    SMALL.save(training.arch)
    train_fully(trainer, training)
    return trainer


def of_folder(folder: Path, data: DataSplits) -> Known:
    trainer = train_in(folder / "taught", data)
    label = "taught"
    return Known(str(folder / label), trainer.model, 16, data.mean, data.std, label)


def of_weights_in_folder(folder: Path, data: DataSplits) -> Known:
    known = of_folder(folder, data)
    source, label = f"{known.source}/model.safetensors", "model.safetensors"
    return Known(source, known.network, 16, data.mean, data.std, label)


def of_definition_in_folder(folder: Path, data: DataSplits) -> Known:
    known = of_folder(folder, data)
    return Known(f"{known.source}/model.yaml", known.network, 16, data.mean, data.std, "model.yaml")


def of_arch(folder: Path, data: DataSplits) -> Known:
    network = build_model(SMALL, seed=3)
    SMALL.save(folder / "small.yaml")
    torch.save({"model": network.state_dict()}, folder / "weights.pth")
    source = f"{folder}/small.yaml@{folder}/weights.pth"
    return Known(source, network, 16, (0.0,), (1.0,), "small.yaml@weights.pth")


def of_arch_beside(folder: Path, data: DataSplits) -> Known:
    network = build_model(SMALL, seed=3)
    SMALL.save(folder / "small.yaml")
    save_weights(network, folder / "small.safetensors")
    return Known(f"{folder}/small.yaml", network, 16, (0.0,), (1.0,), "small.yaml")


def of_exported_file(folder: Path, data: DataSplits) -> Known:
    network = build_model(SMALL, seed=3)
    (folder / "model.py").write_text(export_python(SMALL))
    save_weights(network, folder / "model.safetensors")
    return Known(f"{folder}/model.py", network, 16, (0.0,), (1.0,), "model.py")


def of_code(folder: Path, data: DataSplits) -> Known:
    network = own_network(folder)
    save_file(network.state_dict(), folder / "net.safetensors")
    label = "net.py:create_model"
    return Known(f"{folder}/{label}", network, 20, (0.0,), (1.0,), label)


def of_weights(folder: Path, data: DataSplits) -> Known:
    network = own_network(folder)
    torch.save(network.state_dict(), folder / "net.pth")
    return Known(f"{folder}/net.pth", network, 20, (0.0,), (1.0,), "net.pth")


def of_zoo(folder: Path, data: DataSplits) -> Known:
    network = zoo.build("edgevit_xxs", 10, seed=1)
    torch.save({"state_dict": zoo.to_official(network)}, folder / "official.pth")
    source = f"zoo:edgevit_xxs@{folder}/official.pth"
    return Known(source, network, 224, *COLOURED, "zoo:edgevit_xxs@official.pth")


def of_zoo_with_our_weights(folder: Path, data: DataSplits) -> Known:
    network = zoo.build("edgevit_xxs", 10, seed=2, kernels="torch")
    save_weights(network, folder / "ours.safetensors")
    source = f"zoo:edgevit_xxs@{folder}/ours.safetensors"
    return Known(source, network, 224, *COLOURED, "zoo:edgevit_xxs@ours.safetensors")


def of_timm(folder: Path, data: DataSplits) -> Known:
    torch.manual_seed(0)
    network = timm.create_model("test_resnet", num_classes=10)
    torch.save(network.state_dict(), folder / "t.pth")
    config = network.pretrained_cfg
    source = f"timm:test_resnet@{folder}/t.pth"
    label = "timm:test_resnet@t.pth"
    return Known(source, network, config["input_size"][1], config["mean"], config["std"], label)


def of_run(folder: Path, data: DataSplits) -> Known:
    run = made_tiny_run(folder / "runs" / "earlier", 3)
    written = load_yaml(run / "config.yaml").data
    images = {"mean": [0.3], "std": [0.4], "class_names": list(data.class_names)}
    (run / "config.yaml").write_text(dump_yaml({**written, "data": images}))
    chosen = choose(load_run(run), "best")
    network = build_model(chosen.arch, seed=7)
    save_weights(network, RunFolder(run).checkpoint(chosen.digest))
    return Known("earlier", network, 32, (0.3,), (0.4,), "earlier")


KINDS: dict[str, Callable[[Path, DataSplits], Known]] = {
    "folder of a training": of_folder,
    "weights in the folder of a training": of_weights_in_folder,
    "definition in the folder of a training": of_definition_in_folder,
    "architecture and weights": of_arch,
    "architecture with weights beside it": of_arch_beside,
    "exported file": of_exported_file,
    "user's code": of_code,
    "weights beside a user's code": of_weights,
    "zoo with official weights": of_zoo,
    "zoo with our weights": of_zoo_with_our_weights,
    "timm with weights": of_timm,
    "run": of_run,
}

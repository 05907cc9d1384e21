"""A folder as model hubs hold it: README.md, config.json, model.safetensors, model.py."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from archsearch.activity import doing
from archsearch.arch import Arch
from archsearch.data.label import data_label
from archsearch.errors import InputError, Problem
from archsearch.export.description import Origin, accuracy_of, latency_text
from archsearch.export.image_settings import Images
from archsearch.export.model_card import card_text
from archsearch.export.output_path import check_target
from archsearch.export.python_file import python_text
from archsearch.files import write_bytes
from archsearch.model.transfer import weights_file
from archsearch.train import ModelFile

_LOADING = """## Loading

In this folder, with PyTorch and timm:

```python
import timm, model  # model.py registers the network
weights = {{"file": "model.safetensors"}}
net = timm.create_model("{name}", pretrained=True, pretrained_cfg_overlay=weights)
logits = net.eval()(images)  # float32 (B, {shape})
```

`timm.data.create_transform(**timm.data.resolve_data_config(model=net))` makes `images` of pictures.
The names of the classes are in `config.json` (`label_names`).
"""
_LOADING_FILE = """## Loading

In this folder, with PyTorch and safetensors:

```python
import model, safetensors.torch
net = model.{function}(num_classes={num_classes})
net.load_state_dict(safetensors.torch.load_file("model.safetensors"))
logits = net.eval()(images)  # float32 (B, {shape})
```

The names of the classes are in `config.json` (`label_names`).
"""
_UPLOAD = """## Publishing

Nothing was uploaded. To do so: `hf upload USER/NAME .` (package huggingface_hub).
"""


@dataclass(frozen=True)
class HubFolder:
    """A folder to be pushed to a model hub.

    Attributes:
        path: the folder.
        network: what it holds.
        origin: where that comes from.
        images: the images that it expects.
    """

    path: Path
    network: Arch | ModelFile
    origin: Origin
    images: Images

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files."""
        names = ("README.md", "config.json", "model.safetensors", "model.py")
        return tuple(self.path / name for name in names)

    def check(self, *, force: bool) -> None:
        """Check that the folder can be written.

        Raises:
            InputError: a file of it exists and ``force`` is off, or it cannot be written.
        """
        if self.path.exists() and not self.path.is_dir():
            rule, remedy = "must be a folder, not a file", "name a new folder"
            raise InputError(Problem("output", rule, str(self.path), remedy))
        for file in self.files:
            check_target(file, force=force)

    def write(self, model: nn.Module, name: str) -> tuple[Path, ...]:
        """Write all files or, after an error, none; return them.

        Args:
            model: with the weights.
            name: that timm is to know the model by.

        Raises:
            ExportError: the Python file does not compute the same.
        """
        made = not self.path.exists()
        texts: dict[str, str | bytes] = {
            "model.py": self._definition(name),
            "model.safetensors": weights_file(model, about={"format": "pt"}),
            "config.json": json.dumps(self._config(model, name), indent=2) + "\n",
            "README.md": self._card(name),
        }
        try:
            with doing(f"writing {self.path}"):
                for file in reversed(self.files):
                    data = texts[file.name]
                    write_bytes(file, data if isinstance(data, bytes) else data.encode())
        except OSError:
            if made:
                shutil.rmtree(self.path, ignore_errors=True)
            raise
        return self.files

    def _definition(self, name: str) -> str | bytes:
        if isinstance(self.network, ModelFile):
            return self.network.path.read_bytes()
        return python_text(self.network, self.origin, "timm", name)

    def _config(self, model: nn.Module, name: str) -> dict[str, Any]:
        """Return what timm puts into a hub's config.json."""
        network = self.network
        declared = getattr(model, "pretrained_cfg", None) or {}
        images = self.images.config()
        labels = list(images.pop("label_names", ()))
        return {
            "architecture": name if isinstance(network, Arch) else network.function,
            "num_classes": self.network.num_classes,
            "num_features": getattr(model, "num_features", None),
            **({"label_names": labels} if labels else {}),
            "pretrained_cfg": {
                **{key: declared[key] for key in ("first_conv", "classifier") if key in declared},
                "num_classes": self.network.num_classes,
                "fixed_input_size": True,
                **images,
            },
            "archsearch_digest": self.network.digest,
        }

    def _card(self, name: str) -> str:
        network = self.network
        shape = ", ".join(map(str, network.input_shape))
        if isinstance(network, Arch):
            loading = _LOADING.format(name=name, shape=shape)
        else:
            loading = _LOADING_FILE.format(
                function=network.function, num_classes=network.num_classes, shape=shape
            )
        front = yaml.safe_dump(self._front_matter(name), sort_keys=False, allow_unicode=True)
        card = card_text(network, self.origin, self.images, self.path.name)
        return f"---\n{front}---\n\n{card}\n{loading}\n{_UPLOAD}"

    def _front_matter(self, name: str) -> dict[str, Any]:
        """Return the metadata that hubs read; ``license`` is that of the definition."""
        own = isinstance(self.network, Arch)
        entries: dict[str, Any] = {
            "license": "apache-2.0" if own else "unknown",
            "library_name": "timm" if own else "pytorch",
            "pipeline_tag": "image-classification",
            "tags": ["image-classification", "timm", "archsearch", "neural-architecture-search"],
        }
        metrics = self._metrics()
        if metrics:
            data = data_label(str(self._data_name())) or "unknown"
            result = {
                "task": {"type": "image-classification"},
                "dataset": {"name": data, "type": data},
                "metrics": metrics,
            }
            entries["metrics"] = ["accuracy"]
            entries["model-index"] = [{"name": self.origin.name or name, "results": [result]}]
        return entries

    def _data_name(self) -> object:
        run = self.origin.run
        if run is None:
            return self.origin.section("data").get("name", "")
        identity = run.config.get("identity")
        return identity.get("data", "") if isinstance(identity, dict) else ""

    def _metrics(self) -> list[dict[str, Any]]:
        metrics: list[dict[str, Any]] = [
            {"type": "accuracy", "name": f"accuracy ({split})", "value": round(value, 6)}
            for split, value in accuracy_of(self.origin).items()
        ]
        latency = self.origin.latency
        if latency is not None:
            metrics.append(
                {
                    "type": "latency_ms",
                    "name": latency_text(latency),
                    "value": round(latency.median_ms, 4),
                }
            )
        return metrics

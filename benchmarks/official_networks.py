"""Build the networks of the papers' own repositories, which are cloned and never copied here.

    python benchmarks/official_networks.py FOLDER [NAME ...]

checks that ours is the same network: with the official weights, the largest difference of the
logits of four images, divided by the largest logit. FOLDER holds the clones (their names in any
case):

    FOLDER/LightViT    github.com/hunto/LightViT, cloned with --recurse-submodules
    FOLDER/edgevit     github.com/saic-fi/edgevit
    FOLDER/SepViT      github.com/liwei109/SepViT
    FOLDER/LocalViT    github.com/ofsoundof/LocalViT

and the versions of timm that they ask for; a clone whose version is missing gets the installed
timm, which does not build all of them:

    pip install --no-deps --target FOLDER/timm-0.3.2 timm==0.3.2
    pip install --no-deps --target FOLDER/timm-0.5.4 timm==0.5.4
"""

import collections.abc
import importlib
import subprocess
import sys
import tempfile
import types
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Official:
    """Where the official code builds a network, and the version of timm that it asks for."""

    clone: str
    root: str
    module: str
    function: str
    timm: str


def _localvit(module: str, function: str) -> Official:
    return Official("LocalViT", "", f"models.{module}", function, "0.3.2")


OFFICIAL = {
    "lightvit_tiny": Official(
        "LightViT", "classification/lib/models", "lightvit", "lightvit_tiny", "0.5.4"
    ),
    "edgevit_xxs": Official("edgevit", "src", "edgevit", "edgevit_xxs", "0.3.2"),
    "edgevit_xs": Official("edgevit", "src", "edgevit", "edgevit_xs", "0.3.2"),
    "sepvit_lite": Official("SepViT", "classification", "sepvit", "SepViT_Lite", "0.3.2"),
    "sepvit_tiny": Official("SepViT", "classification", "sepvit", "SepViT_Tiny", "0.3.2"),
    "localvit_tiny": _localvit("localvit", "localvit_tiny_mlp4_act3_r192"),
    "localvit_pvt": _localvit("localvit_pvt", "localvit_pvt_tiny"),
    "localvit_swin": _localvit("localvit_swin", "localvit_swin_tiny_patch4_window7_224"),
    "localvit_t2t": _localvit("localvit_t2t", "localvit_T2t_conv7"),
    "localvit_tnt": _localvit("localvit_tnt", "localvit_tnt_t_patch16_224"),
}


def build_official(name: str, folder: Path) -> Any:
    """Return the official network ``name`` with new weights.

    Call it once in a process that has not imported timm.

    Raises:
        FileNotFoundError: ``folder`` has no clone of its repository.
    """
    official = OFFICIAL[name]
    roots = [clone / official.root for clone in _clones(folder, official.clone)]
    roots = [root for root in roots if root.is_dir()]
    if not roots:
        raise FileNotFoundError(f"{folder} has no {Path(official.clone, official.root)}")
    sys.path.insert(0, str(roots[0]))
    timm = folder / f"timm-{official.timm}"
    if timm.is_dir():
        sys.path.insert(0, str(timm))
    warnings.filterwarnings("ignore")
    # timm 0.3.2 takes `container_abcs` from here, which PyTorch no longer has
    sys.modules["torch._six"] = types.ModuleType("torch._six")
    sys.modules["torch._six"].container_abcs = collections.abc  # type: ignore[attr-defined]
    # the defaults are 224 pixels and 1000 classes everywhere, and load no weights
    return getattr(importlib.import_module(official.module), official.function)()


def _clones(folder: Path, name: str) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.name.lower() == name.lower())


def main() -> None:
    """Print how far our logits are from the official ones."""
    folder, *names = sys.argv[1:]
    if names[:1] == ["--save"]:
        save(names[1], Path(folder), names[2])
        return
    import torch

    from archsearch import zoo

    with tempfile.TemporaryDirectory() as temporary:
        for name in names or OFFICIAL:
            file = str(Path(temporary, f"{name}.pt"))
            # another process, because it imports another timm
            subprocess.run([sys.executable, __file__, folder, "--save", name, file], check=True)
            saved = torch.load(file)
            with torch.no_grad():
                logits = zoo.load_official(name, saved["weights"]).eval()(saved["images"])
            difference = (logits - saved["logits"]).abs().max() / saved["logits"].abs().max()
            print(f"{name:14} {difference:.1e}", flush=True)


def save(name: str, folder: Path, file: str) -> None:
    """Write the weights of an official network, four images and their logits."""
    import torch

    torch.manual_seed(0)
    network = build_official(name, folder).eval()
    images = torch.randn(4, 3, 224, 224)
    with torch.no_grad():
        logits = network(images)
    torch.save({"weights": network.state_dict(), "images": images, "logits": logits}, file)


if __name__ == "__main__":
    main()

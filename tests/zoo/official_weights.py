"""Stored figures of the official code, and the rule by which its weights were filled."""

import json
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent.parent / "data" / "samples" / "parity"

#: name of the official model -> ours
PAIRS = {
    "lightvit_tiny": "lightvit_tiny",
    "edgevit_xxs": "edgevit_xxs",
    "SepViT_Lite": "sepvit_lite",
    "localvit_tiny_mlp4_act3_r192": "localvit_tiny",
    "localvit_pvt_tiny": "localvit_pvt",
    "localvit_T2t_conv7": "localvit_t2t",
    "localvit_tnt_t_patch16_224": "localvit_tnt",
    "localvit_swin_tiny_patch4_window7_224": "localvit_swin",
}


@dataclass(frozen=True)
class Parity:
    """What the official code printed for one model.

    Attributes:
        params: number of parameters.
        fvcore: count by fvcore for one image.
        shapes: key -> (shape, whether the rule filled it).
        logits: (2, 1000).
    """

    params: int
    fvcore: int
    shapes: dict[str, tuple[tuple[int, ...], bool]]
    logits: torch.Tensor


@cache
def parity(official_name: str) -> Parity:
    data = json.loads((FOLDER / f"{official_name}.json").read_text())
    logits = torch.from_numpy(np.load(FOLDER / f"{official_name}.logits.npy"))
    shapes = {key: (tuple(shape), seeded) for key, shape, _, seeded in data["state_dict"]}
    return Parity(data["parameters"], data["fvcore_flops"], shapes, logits)


def official_state(official_name: str) -> dict[str, torch.Tensor]:
    shapes = parity(official_name).shapes
    return {key: filled(key, shape, seeded) for key, (shape, seeded) in shapes.items()}


def filled(key: str, shape: tuple[int, ...], seeded: bool = True) -> torch.Tensor:
    """Fill one tensor by the rule: seeded by its key."""
    if not seeded:
        return torch.zeros(shape, dtype=torch.int64 if "mask" not in key else torch.float32)
    generator = np.random.RandomState(zlib.crc32(key.encode()))
    n = generator.standard_normal(shape).astype(np.float32)
    last = key.rsplit(".", 1)[-1]
    if last == "running_mean" or last == "bias":
        values = 0.1 * n
    elif last == "running_var":
        values = 1 + 0.1 * np.abs(n)
    elif last == "weight":
        fan_in = int(np.prod(shape[1:]))
        values = 1 + 0.1 * n if len(shape) == 1 else n / np.sqrt(fan_in)
    else:
        values = 0.5 * n
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def images(size: int = 224) -> torch.Tensor:
    generator = np.random.RandomState(0)
    noise = generator.standard_normal((2, 3, size, size))
    coarse = np.kron(generator.standard_normal((2, 3, 7, 7)), np.ones((size // 7, size // 7)))
    return torch.from_numpy((noise + coarse).astype(np.float32))

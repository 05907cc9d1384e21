"""What fusing a network for inference gains.

    python benchmarks/fusion.py [MODEL ...] [--image-size 224] [--rounds 40]

Times each zoo model as it is and fused, one image, one thread, in turns: plain, fused, fused,
plain, ... so that a slow moment of the machine meets both. Prints median and interquartile range
of each, and of the paired ratios.
"""

import argparse
import platform
import statistics
import time

import torch
from torch import nn

from archsearch import zoo
from archsearch.cost import current_environment
from archsearch.export import fuse
from archsearch.model import build_model
from archsearch.zoo.overrides import with_overrides

DEFAULT = ["edgevit_xxs", "edgevit_s", "lightvit_tiny", "localvit_tiny", "localvit_pvt"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=DEFAULT)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{current_environment().cpu}; Python {platform.python_version()}")
    print(f"torch {torch.__version__}; 1 thread, 1 image of {options.image_size} pixels, float32")
    print(f"n = {options.rounds} pairs; median [quartiles] in ms; ratio = fused / plain, paired")
    for name in options.models:
        arch = with_overrides(zoo.arch(name), {"image_size": options.image_size})
        plain = build_model(arch, seed=0).eval()
        fused = fuse(plain)
        image = torch.randn(1, *arch.input_shape)
        image = image.contiguous(memory_format=torch.channels_last)
        pairs = in_turns(plain, fused, image, options.rounds)
        ratios = [after / before for before, after in pairs]
        columns = [show([before for before, _ in pairs]), show([after for _, after in pairs])]
        print(f"{name:24} plain {columns[0]}  fused {columns[1]}  ratio {show(ratios)}", flush=True)


@torch.inference_mode()
def in_turns(
    plain: nn.Module, fused: nn.Module, image: torch.Tensor, rounds: int
) -> list[tuple[float, float]]:
    """Return (plain, fused) milliseconds of each round."""
    for model in (plain, fused) * 3:
        model(image)
    pairs = []
    for index in range(rounds):
        order = (plain, fused) if index % 2 == 0 else (fused, plain)
        took = {id(model): milliseconds(model, image) for model in order}
        pairs.append((took[id(plain)], took[id(fused)]))
    return pairs


def milliseconds(model: nn.Module, image: torch.Tensor) -> float:
    """Return the time of one inference."""
    began = time.perf_counter()
    model(image)
    return 1e3 * (time.perf_counter() - began)


def show(values: list[float]) -> str:
    """Return median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()

"""Train every network of a small space briefly, and keep the learning curves as a table.

    python benchmarks/learning_curves.py [--root FOLDER | --download] [--seeds 3] [--seconds 100]

576 networks of two stages at 24 px, 27 epochs each over 768 images of Fashion-MNIST; after every
epoch accuracy and loss on 3,000 others, and the mean loss of the epoch. About 50 minutes a seed on
two cores. Every training is one line of the table; what is there already is not trained again, so
the script may be interrupted and run again, or stopped after some seconds.
`multi_fidelity.py` searches in the table.
"""

import argparse
import json
import multiprocessing
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from archsearch.arch import Arch
from archsearch.cost import count_arch
from archsearch.data import ArraySplit, DataSplits, load_data
from archsearch.data.splits import Split
from archsearch.data.stratification import draw
from archsearch.space import Params, SearchSpace, flat_space
from archsearch.train import Recipe, Trainer

TABLE = Path(__file__).parent / "results" / "fashion_curves.jsonl"
IMAGE_SIZE = 24
NUM_TRAIN, NUM_VAL = 768, 3000
RECIPE = Recipe(
    epochs=27, batch_size=64, learning_rate=3e-3, warmup_epochs=0.5, precision="float32"
)
_ATTENTIONS: dict[str, dict[str, Any]] = {
    "window": {"type": "window", "window_size": 3},
    "sparse_global": {"type": "sparse_global", "sample_rate": 2},
    "self_attention": {"type": "self_attention"},
}


def curve_space() -> SearchSpace:
    """Return the space of the table, as plain parameters."""
    return flat_space(
        {
            "width_1": [16, 32],
            "depth_1": [1, 2],
            "attention_1": list(_ATTENTIONS),
            "width_2": [32, 48, 64],
            "depth_2": [1, 2],
            "attention_2": ["sparse_global", "self_attention"],
            "ffn": ["mlp", "locality"],
            "expansion": [2, 4],
        },
        "fashion-curves",
    )


_NAMES = tuple(curve_space().parameters)


def network(params: Params) -> Arch:
    """Return the architecture of one configuration."""
    stages = [
        {
            "depth": params[f"depth_{stage}"],
            "width": params[f"width_{stage}"],
            "head_dim": 8,
            **({"downsample": "merge"} if stage > 1 else {}),
            "blocks": [
                {
                    "attention": _ATTENTIONS[str(params[f"attention_{stage}"])],
                    "ffn": {"type": params["ffn"], "expansion": params["expansion"]},
                }
            ],
        }
        for stage in (1, 2)
    ]
    return Arch.model_validate(
        {
            "image_size": IMAGE_SIZE,
            "in_channels": 1,
            "num_classes": 10,
            "stem": {"type": "conv", "stride": 4},
            "stages": stages,
        }
    )


def key(params: Params) -> str:
    """Return the name of a configuration in the table."""
    return " ".join(str(params[name]) for name in _NAMES)


def read_table(path: Path = TABLE, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Return, by name, ``macs`` and ``right``: images classified rightly after each epoch."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line.pop("network"): line for line in lines if line.get("seed", 0) == seed}


def _subset(split: Split, count: int) -> ArraySplit:
    chosen = draw(split.labels, count, np.random.default_rng(0))
    return ArraySplit(split.batch(chosen), split.labels[chosen])


@cache
def _data(root: str | None, download: bool) -> DataSplits:
    whole = load_data("fashion-mnist", image_size=IMAGE_SIZE, root=root, download=download)
    return DataSplits(
        train=_subset(whole.train, NUM_TRAIN),
        val=_subset(whole.val, NUM_VAL),
        test=whole.test,
        num_classes=whole.num_classes,
        in_channels=whole.in_channels,
        image_size=whole.image_size,
        name=whole.name,
        class_names=whole.class_names,
        mean=whole.mean,
        std=whole.std,
    )


def curve(job: tuple[Params, int, str | None, bool]) -> dict[str, Any]:
    """Train one network; return its line of the table."""
    params, seed, root, download = job
    arch = network(params)
    trainer = Trainer(arch, _data(root, download), RECIPE, seed=seed)
    right, val_loss, train_loss = [], [], []
    while not trainer.done:
        metrics = trainer.run()
        if metrics is not None:
            right.append(round(metrics.accuracy * NUM_VAL))
            val_loss.append(round(metrics.val_loss, 4))
            train_loss.append(round(metrics.train_loss, 4))
    return {
        "network": key(params),
        "seed": seed,
        "macs": count_arch(arch).macs,
        "right": right,
        "val_loss": val_loss,
        "train_loss": train_loss,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", help="folder of Fashion-MNIST")
    parser.add_argument("--download", action="store_true")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of every network")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time")
    options = parser.parse_args()
    began = time.perf_counter()
    known = [read_table(options.table, seed) for seed in range(options.seeds)]
    trained = sum(map(len, known))
    left = [
        (params, seed)
        for seed in range(options.seeds)
        for params in curve_space().enumerate()
        if key(params) not in known[seed]
    ]
    if left:
        _data(options.root, options.download)  # says at once what is wrong, and downloads once
    jobs = [(params, seed, options.root, False) for params, seed in left]
    workers = multiprocessing.get_context("spawn").Pool(options.workers)
    with workers, options.table.open("a") as table:
        for done, line in enumerate(workers.imap(curve, jobs), start=1):
            table.write(json.dumps(line) + "\n")
            table.flush()
            if time.perf_counter() - began > options.seconds:
                print(f"{trained + done} trainings in {options.table}, {len(left) - done} left")
                return
    print(f"all {trained + len(left)} trainings are in {options.table}")


if __name__ == "__main__":
    main()

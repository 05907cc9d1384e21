"""Tables in which every network of a space is trained: NAS-Bench-Macro and NAS-Bench-201.

* NAS-Bench-Macro (Su et al. 2021): 3^8 networks with three seeds of CIFAR-10 each, and FLOPs.
* NAS-Bench-201's 5^6 cells on NinaPro (one seed), with latencies on a Raspberry Pi 5.

The files are not part of the repository; their paths are arguments of the benchmarks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archsearch.space import Params, SearchSpace, flat_space


@dataclass(frozen=True, eq=False)
class DiscreteTable:
    """Every network of a space, by its key: one digit a choice.

    Attributes:
        name: of the table.
        space: its choices, unordered.
        accuracies: of each network's trainings, in percent.
        costs: of each network.
        unit: of the costs.
        reference: error in percent and cost; both are minimised.
        budgets: costs for which the best accuracy is wanted.
    """

    name: str
    space: SearchSpace
    accuracies: Mapping[str, np.ndarray]
    costs: Mapping[str, float]
    unit: str
    reference: tuple[float, float]
    budgets: tuple[float, ...]

    def key(self, params: Mapping[str, object]) -> str:
        """Return the name of a network in the table."""
        return "".join(str(params[name])[1:] for name in self.space.parameters)

    def params(self, key: str) -> Params:
        """Return the parameters of a network."""
        return {name: f"o{digit}" for name, digit in zip(self.space.parameters, key, strict=True)}

    def point(self, key: str) -> tuple[float, float]:
        """Return mean error in percent, and cost."""
        return 100 - float(np.mean(self.accuracies[key])), self.costs[key]


def load_tables(paths: list[Path]) -> list[DiscreteTable]:
    """Return the tables of these files: .json for Macro, .npz for NinaPro."""
    return [_ninapro(path) if path.suffix == ".npz" else _macro(path) for path in paths]


def _macro(path: Path) -> DiscreteTable:
    entries = json.loads(path.read_text())
    return DiscreteTable(
        "NAS-Bench-Macro",
        flat_space({f"layer_{i}": ["o0", "o1", "o2"] for i in range(8)}, "macro"),
        {key: np.array(entry["test_acc"]) for key, entry in entries.items()},
        {key: entry["flops"] / 1e6 for key, entry in entries.items()},
        "MFLOPs",
        (15.0, 106.0),
        (30.0, 50.0, 70.0),
    )


def _ninapro(path: Path) -> DiscreteTable:
    with np.load(path) as data:
        keys = ["".join(map(str, row)) for row in data["ops"]]
        accuracies = data["accuracy"].astype(float)[:, None]
        latencies = data["latency_ms"].astype(float).tolist()
    return DiscreteTable(
        "NAS-Bench-201, NinaPro",
        flat_space({f"edge_{i}": [f"o{j}" for j in range(5)] for i in range(6)}, "nb201"),
        dict(zip(keys, accuracies, strict=True)),
        dict(zip(keys, latencies, strict=True)),
        "ms",
        (20.0, 19.0),
        (2.0, 4.0, 8.0),
    )

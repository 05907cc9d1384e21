"""From a study to the networks that it trains: the base, and each variant of its design."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from archsearch.ablation.fractional_design import fractional_factorial
from archsearch.ablation.network_builder import Network, NetworkBuilder, Networks
from archsearch.ablation.study import DESIGNS, Change, Factor, Factorial, Study
from archsearch.ablation.study_file import FULL, read_study
from archsearch.ablation_record import Design
from archsearch.errors import InputError, nearest
from archsearch.yaml_source import KeyPath, YamlSource


def networks_of(study: Study, source: YamlSource, runs_dir: str | Path = "runs") -> Networks:
    """Return the networks of a study.

    Args:
        study: the study.
        source: its data, for the places of problems.
        runs_dir: folder of all runs, for a base that is a trial.

    Raises:
        InputError: with every variant that cannot be made, or is no variant.
    """
    builder = NetworkBuilder(study, source, runs_dir)
    if study.factorial is not None:
        networks = _factorial(builder, study.factorial)
    elif study.one_factor is not None:
        networks = _one_factor(builder, study.one_factor)
    elif study.leave_one_out is not None:
        networks = _named(builder, study.leave_one_out, "leave_one_out")
    else:
        networks = _named(builder, study.variants or {}, "variants")
    if builder.problems:
        raise InputError(list({str(problem): problem for problem in builder.problems}.values()))
    return replace(networks, runs=tuple(dict.fromkeys(builder.runs)))


def open_study(
    path_or_name: str | Path,
    scale: str = FULL,
    changes: dict[str, Any] | None = None,
    runs_dir: str | Path = "runs",
) -> tuple[Study, Networks]:
    """Read a study at one of its scales, and make its networks; see `read_study`.

    Raises:
        InputError: with every problem of the file and of its networks.
    """
    study, source, problems = read_study(path_or_name, scale, changes)
    networks = None
    if len([design for design in DESIGNS if getattr(study, design)]) == 1:
        try:
            networks = networks_of(study, source, runs_dir)
        except InputError as error:
            problems += error.problems
    if problems or networks is None:
        raise InputError(problems)
    return study, networks


def _named(builder: NetworkBuilder, changes: Mapping[str, Change], design: Design) -> Networks:
    known = {builder.start.arch.digest: f"the base, '{builder.start.name}'"}
    networks = [builder.start]
    for key, change in changes.items():
        name = f"without {key}" if design == "leave_one_out" else key
        network = builder.combined(name, [(change, (design, key))])
        if name == builder.start.name:
            remedy = "rename it, or give the base another name"
            builder.problem((design, key), "has the name of the base", name, remedy)
        if network is None:
            continue
        builder.check_new(network.arch, known, (design, key), f"'{name}'")
        networks.append(network)
    return Networks(design, tuple(networks))


def _one_factor(builder: NetworkBuilder, factors: Mapping[str, Factor]) -> Networks:
    base = builder.start.arch.digest
    labels: dict[str, tuple[str, ...]] = {}
    varied: list[tuple[str, str, Network]] = []
    for name, factor in factors.items():
        place: KeyPath = ("one_factor", name, "levels")
        own, known = "", {base: "the base"}
        for label, change in factor.levels.items():
            network = builder.combined(f"{name}={label}", [(change, (*place, label))])
            if network is None:
                continue
            if network.arch.digest == base and not own:
                own = label
                known[base] = f"level '{label}'"
                continue
            builder.check_new(network.arch, known, (*place, label), f"level '{label}'")
            varied.append((name, label, network))
        own = own or builder.start.name
        labels[name] = (own, *(label for label in factor.levels if label != own))
    levels = {name: each[0] for name, each in labels.items()}
    networks = [replace(network, levels={**levels, name: label}) for name, label, network in varied]
    start = replace(builder.start, levels=levels)
    return Networks("one_factor", (start, *networks), labels)


def _factorial(builder: NetworkBuilder, factorial: Factorial) -> Networks:
    factors = factorial.factors
    _check_paths(builder, factors)
    _check_levels(builder, factors)
    labels = {name: tuple(factor.levels) for name, factor in factors.items()}
    combinations = _combinations(builder, labels, factorial.fraction)
    networks = []
    published = dict(factorial.published)
    for levels in combinations:
        name = ", ".join(f"{factor}={label}" for factor, label in levels.items())
        network = builder.combined(name, _changes(factors, levels))
        if network is not None:
            figures = published.pop(name, network.published)
            networks.append(replace(network, levels=levels, published=figures))
    for name in published:
        known = [network.name for network in networks]
        place = ("factorial", "published", name)
        builder.problem(place, "names no combination that is trained", None, nearest(name, known))
    if networks and builder.start.name != "base":
        networks[0] = replace(networks[0], name=builder.start.name)
    return Networks("factorial", tuple(networks), labels)


def _combinations(
    builder: NetworkBuilder, labels: Mapping[str, Sequence[str]], fraction: float
) -> list[dict[str, str]]:
    counts = [len(each) for each in labels.values()]
    full = math.prod(counts)
    wanted = round(fraction * full)
    needed = 1 + sum(count - 1 for count in counts)
    if wanted < needed:
        rule = f"must leave at least {needed} of {full} combinations to estimate main effects"
        place = ("factorial", "fraction")
        remedy = f"use {needed}/{full} or more"
        builder.problem(place, rule, fraction, remedy)
        return []
    if wanted == full:
        return [
            dict(zip(labels, each, strict=True)) for each in itertools.product(*labels.values())
        ]
    return [
        {name: labels[name][level] for name, level in zip(labels, row, strict=True)}
        for row in fractional_factorial(counts, wanted).tolist()
    ]


def _check_paths(builder: NetworkBuilder, factors: Mapping[str, Factor]) -> None:
    """No two factors may change the same value: one would undo the other."""
    owner: dict[str, str] = {}
    for name, factor in factors.items():
        paths = {path for change in factor.levels.values() for path in change.overrides}
        if any(change.arch for change in factor.levels.values()):
            paths.add("arch")
        for path in sorted(paths):
            if path in owner:
                rule = f"changes '{path}', which factor '{owner[path]}' changes too"
                builder.problem(("factorial", "factors", name), rule)
            owner.setdefault(path, name)


def _check_levels(builder: NetworkBuilder, factors: Mapping[str, Factor]) -> None:
    """Two levels of a factor must differ, all others at their first level."""
    first = {name: next(iter(factor.levels)) for name, factor in factors.items()}
    for name, factor in factors.items():
        known: dict[str, str] = {}
        for label in factor.levels:
            levels = {**first, name: label}
            network = builder.combined(label, _changes(factors, levels))
            if network is not None:
                builder.check_new(network.arch, known, _level(name, label), f"level '{label}'")


def _changes(
    factors: Mapping[str, Factor], levels: Mapping[str, str]
) -> list[tuple[Change, KeyPath]]:
    return [
        (factors[factor].levels[label], _level(factor, label)) for factor, label in levels.items()
    ]


def _level(factor: str, label: str) -> KeyPath:
    return ("factorial", "factors", factor, "levels", label)

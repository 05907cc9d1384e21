"""From a study to the networks that it trains: the base, and each variant of its design."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archsearch.ablation.base import find_arch
from archsearch.ablation.fraction import fractional_factorial
from archsearch.ablation.overrides import overridden
from archsearch.ablation.study import DESIGNS, Change, Factor, Study
from archsearch.ablation.study_file import FULL, read_study
from archsearch.ablation_record import Design, Published
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.yaml_source import KeyPath, YamlSource


@dataclass(frozen=True)
class Network:
    """One network of an ablation, before it is trained.

    Attributes:
        name: unique in its study.
        arch: the architecture, with the study's image size.
        description: one line; may be empty.
        overrides: what differs from the base.
        levels: factor to label, in designs with factors.
        published: what a paper reports of it.
    """

    name: str
    arch: Arch
    description: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    levels: Mapping[str, str] = field(default_factory=dict)
    published: Published | None = None


@dataclass(frozen=True)
class Networks:
    """Every network of an ablation.

    Attributes:
        design: how the variants come about.
        all: the base first.
        factors: factor to the labels of its levels, the base's first.
    """

    design: Design
    all: tuple[Network, ...]
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def base(self) -> Network:
        """What the others are compared with."""
        return self.all[0]


def networks_of(study: Study, source: YamlSource, runs_dir: str | Path = "runs") -> Networks:
    """Return the networks of a study.

    Args:
        study: the study.
        source: its data, for the places of problems.
        runs_dir: folder of all runs, for a base that is a trial.

    Raises:
        InputError: with every variant that cannot be made, or is no variant.
    """
    return _Maker(study, source, runs_dir).made()


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


class _Maker:
    """Makes the networks of one study and collects what is wrong with them."""

    def __init__(self, study: Study, source: YamlSource, runs_dir: str | Path) -> None:
        self._study = study
        self._source = source
        self._runs_dir = runs_dir
        self._problems: list[Problem] = []
        self._failed: set[KeyPath] = set()
        base = study.base
        start = self._found(base.arch, ("base", "arch"))
        # without a base the other problems are told all the same, where they do not need it
        arch = start and self._made(start, [(("base",), base.overrides)])
        self._start = (
            Network(base.name, arch, base.description, published=base.published) if arch else None
        )

    def made(self) -> Networks:
        study = self._study
        if self._start is None:
            raise InputError(self._problems)
        if study.factorial is not None:
            networks = self._factorial(study.factorial.factors)
        elif study.one_factor is not None:
            networks = self._one_factor(study.one_factor)
        else:
            networks = (
                self._named(study.leave_one_out, "leave_one_out")
                if study.leave_one_out
                else self._named(study.variants or {}, "variants")
            )
        if self._problems:
            raise InputError(list({str(p): p for p in self._problems}.values()))
        return networks

    def _named(self, changes: Mapping[str, Change], design: Design) -> Networks:
        assert self._start is not None
        known = {self._start.arch.digest: f"the base, '{self._start.name}'"}
        networks = [self._start]
        for key, change in changes.items():
            name = f"without {key}" if design == "leave_one_out" else key
            network = self._network(name, change, (design, key))
            if name == self._start.name:
                remedy = "rename it, or give the base another name"
                self._problem((design, key), "has the name of the base", name, remedy)
            if network is None:
                continue
            self._check_new(network.arch, known, (design, key), f"'{name}'")
            networks.append(network)
        return Networks(design, tuple(networks))

    def _one_factor(self, factors: Mapping[str, Factor]) -> Networks:
        assert self._start is not None
        base = self._start.arch.digest
        labels: dict[str, tuple[str, ...]] = {}
        varied: list[tuple[str, str, Network]] = []
        for name, factor in factors.items():
            place: KeyPath = ("one_factor", name, "levels")
            own, known = "", {base: "the base"}
            for label, change in factor.levels.items():
                network = self._network(f"{name}={label}", change, (*place, label))
                if network is None:
                    continue
                if network.arch.digest == base and not own:
                    own = label
                    known[base] = f"level '{label}'"
                    continue
                self._check_new(network.arch, known, (*place, label), f"level '{label}'")
                varied.append((name, label, network))
            own = own or self._start.name
            labels[name] = (own, *(label for label in factor.levels if label != own))
        levels = {name: each[0] for name, each in labels.items()}
        networks = [
            Network(**{**vars(network), "levels": {**levels, name: label}})
            for name, label, network in varied
        ]
        start = Network(**{**vars(self._start), "levels": levels})
        return Networks("one_factor", (start, *networks), labels)

    def _factorial(self, factors: Mapping[str, Factor]) -> Networks:
        assert self._start is not None
        assert self._study.factorial is not None
        self._check_paths(factors)
        self._check_levels(factors)
        labels = {name: tuple(factor.levels) for name, factor in factors.items()}
        combinations = self._combinations(labels)
        networks = []
        published = dict(self._study.factorial.published)
        for levels in combinations:
            name = ", ".join(f"{factor}={label}" for factor, label in levels.items())
            network = self._combined(name, self._changes(factors, levels))
            if network is not None:
                own = {"levels": levels, "published": published.pop(name, network.published)}
                networks.append(Network(**{**vars(network), **own}))
        for name in published:
            known = [network.name for network in networks]
            place = ("factorial", "published", name)
            self._problem(place, "names no combination that is trained", None, nearest(name, known))
        if networks:
            named = {"name": self._start.name} if self._start.name != "base" else {}
            networks[0] = Network(**{**vars(networks[0]), **named})
        return Networks("factorial", tuple(networks), labels)

    def _combinations(self, labels: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
        assert self._study.factorial is not None
        counts = [len(each) for each in labels.values()]
        full = math.prod(counts)
        wanted = round(self._study.factorial.fraction * full)
        needed = 1 + sum(count - 1 for count in counts)
        if wanted < needed:
            rule = f"must leave at least {needed} of {full} combinations to tell main effects apart"
            place = ("factorial", "fraction")
            remedy = f"use {needed}/{full} or more"
            self._problem(place, rule, self._study.factorial.fraction, remedy)
            return []
        if wanted == full:
            return [
                dict(zip(labels, each, strict=True)) for each in itertools.product(*labels.values())
            ]
        return [
            {name: labels[name][level] for name, level in zip(labels, row, strict=True)}
            for row in fractional_factorial(counts, wanted).tolist()
        ]

    def _check_paths(self, factors: Mapping[str, Factor]) -> None:
        """No two factors may change the same value: one would undo the other."""
        owner: dict[str, str] = {}
        for name, factor in factors.items():
            paths = {path for change in factor.levels.values() for path in change.overrides}
            for path in sorted(
                paths | {"arch"} if any(c.arch for c in factor.levels.values()) else paths
            ):
                if path in owner:
                    rule = f"changes '{path}', which factor '{owner[path]}' changes too"
                    self._problem(("factorial", "factors", name), rule)
                owner.setdefault(path, name)

    def _check_levels(self, factors: Mapping[str, Factor]) -> None:
        """Two levels of a factor must differ, all others at their first level."""
        first = {name: next(iter(factor.levels)) for name, factor in factors.items()}
        for name, factor in factors.items():
            known: dict[str, str] = {}
            for label in factor.levels:
                levels = {**first, name: label}
                network = self._combined(label, self._changes(factors, levels))
                if network is not None:
                    self._check_new(
                        network.arch, known, self._level(name, label), f"level '{label}'"
                    )

    def _changes(
        self, factors: Mapping[str, Factor], levels: Mapping[str, str]
    ) -> list[tuple[Change, KeyPath]]:
        return [
            (factors[factor].levels[label], self._level(factor, label))
            for factor, label in levels.items()
        ]

    def _level(self, factor: str, label: str) -> KeyPath:
        return ("factorial", "factors", factor, "levels", label)

    def _check_new(self, arch: Arch, known: dict[str, str], place: KeyPath, name: str) -> None:
        """Report a network that is there already; remember it by ``name``."""
        if arch.digest in known:
            remedy = f"change something that has an effect at {arch.image_size} px, or leave it out"
            self._problem(place, f"is the same network as {known[arch.digest]}", None, remedy)
        known.setdefault(arch.digest, name)

    def _network(self, name: str, change: Change, place: KeyPath) -> Network | None:
        return self._combined(name, [(change, place)])

    def _combined(self, name: str, changes: Sequence[tuple[Change, KeyPath]]) -> Network | None:
        """Return the base with several changes made, one after the other."""
        assert self._start is not None
        start: Arch | None = self._start.arch
        for change, place in changes:
            if change.arch:
                start = self._found(change.arch, (*place, "arch"))
        if start is None:
            return None
        arch = self._made(start, [(place, change.overrides) for change, place in changes])
        if arch is None:
            return None
        overrides = {
            path: value for change, _ in changes for path, value in change.overrides.items()
        }
        other = [change for change, _ in changes if change.arch]
        if other:
            overrides = {"arch": other[-1].arch, **overrides}
        if len(changes) > 1:
            return Network(name, arch, overrides=overrides)
        only = changes[0][0]
        return Network(name, arch, only.description, overrides, published=only.published)

    def _made(self, start: Arch, parts: Sequence[tuple[KeyPath, Mapping[str, Any]]]) -> Arch | None:
        where = {path: place for place, overrides in parts for path in overrides}
        several = len([1 for _, overrides in parts if overrides]) > 1

        def report(path: str, rule: str, value: object, remedy: str) -> Problem:
            if path:
                return self._source.problem((*where[path], "overrides", path), rule, value, remedy)
            place = next((p for p, overrides in parts if overrides), parts[0][0])
            place = place[:2] if several else (*place, "overrides")
            return self._source.problem(place, rule, value, remedy)

        merged = {path: value for _, overrides in parts for path, value in overrides.items()}
        try:
            return overridden(start, merged, report)
        except InputError as error:
            self._problems += error.problems
            return None

    def _found(self, text: str, place: KeyPath) -> Arch | None:
        """Return an architecture that the study names, at the study's image size."""
        try:
            arch = find_arch(text, Path(self._source.name).parent, self._runs_dir)
        except InputError as error:
            if place not in self._failed:
                self._failed.add(place)
                self._problems += [
                    self._source.problem(
                        place,
                        f"{p.file}: {p.rule}" if p.file else p.rule,
                        p.value or text,
                        p.remedy,
                    )
                    for p in error.problems
                ]
            return None
        size = self._study.image_size
        return arch if size is None else arch.model_copy(update={"image_size": size})

    def _problem(self, place: KeyPath, rule: str, value: object = None, remedy: str = "") -> None:
        self._problems.append(self._source.problem(place, rule, value, remedy))

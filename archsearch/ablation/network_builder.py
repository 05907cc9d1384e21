"""Build the networks of a study one at a time, and collect their problems."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archsearch.ablation.base_architecture import find_arch, run_of
from archsearch.ablation.overrides import overridden
from archsearch.ablation.study import Change, Study
from archsearch.ablation_record import Design, Published
from archsearch.arch import Arch
from archsearch.errors import InputError, Problem, nearest
from archsearch.image_size import size_text
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
        design: how the variants are formed.
        all: the base first.
        factors: factor to the labels of its levels, the base's first.
        runs: folders of the runs that they come from.
    """

    design: Design
    all: tuple[Network, ...]
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    runs: tuple[Path, ...] = ()

    @property
    def base(self) -> Network:
        """What the others are compared with."""
        return self.all[0]

    def only(self, wanted: Sequence[str]) -> "Networks":
        """Return the base and the variants that are named; all for no names.

        A component of a leave-one-out design may be named without its ``without``, a factor
        stands for all its levels, and names may be joined by commas. Some combinations of a
        factorial are named variants: effects of its factors cannot be distinguished from them.

        Raises:
            InputError: with every name that is none of a variant.
        """
        if not wanted:
            return self
        known = {network.name: network for network in self.all[1:]}
        chosen: set[str] = set()
        problems = []
        for name in _names(wanted, known):
            found = self._named(name, known)
            if not found:
                problems.append(self._unknown(name, list(known)))
            chosen.update(found)
        if problems:
            raise InputError(problems)
        networks = (self.base, *(each for each in self.all[1:] if each.name in chosen))
        if self.design == "factorial":
            plain = tuple(replace(network, levels={}) for network in networks)
            return replace(self, design="variants", all=plain, factors={})
        varied = {
            factor: {each.levels[factor] for each in networks if factor in each.levels}
            for factor in self.factors
        }
        factors = {
            factor: tuple(label for label in labels if label in varied[factor])
            for factor, labels in self.factors.items()
            if len(varied[factor]) > 1
        }
        kept = tuple(
            replace(each, levels={f: label for f, label in each.levels.items() if f in factors})
            for each in networks
        )
        return replace(self, all=kept, factors=factors)

    def _named(self, name: str, known: Mapping[str, Network]) -> list[str]:
        if name in known:
            return [name]
        if self.design == "leave_one_out" and f"without {name}" in known:
            return [f"without {name}"]
        if self.design == "one_factor" and name in self.factors:
            return [each for each in known if each.startswith(f"{name}=")]
        return []

    def _unknown(self, name: str, known: list[str]) -> Problem:
        if name == self.base.name:
            return Problem("--only", "is the base, which is always trained", name, "name a variant")
        remedy = nearest(name, known)
        return Problem("--only", f"the study has no variant '{name}'", None, remedy)


def _names(wanted: Sequence[str], known: Mapping[str, Network]) -> list[str]:
    """Return single names; a name may hold commas itself."""
    names: dict[str, None] = {}
    for text in wanted:
        parts = [text] if text in known else [part.strip() for part in text.split(",")]
        names |= dict.fromkeys(part for part in parts if part)
    return list(names)


class NetworkBuilder:
    """Builds single networks of one study and collects their problems.

    Args:
        study: the study.
        source: its data, for the places of problems.
        runs_dir: folder of all runs, for architectures that are trials.

    Attributes:
        start: the base.
        problems: found so far.
        runs: folders of the runs that the architectures so far are trials of.

    Raises:
        InputError: there is no base.
    """

    def __init__(self, study: Study, source: YamlSource, runs_dir: str | Path) -> None:
        self._study = study
        self._source = source
        self._runs_dir = runs_dir
        self.problems: list[Problem] = []
        self.runs: list[Path] = []
        self._failed: set[KeyPath] = set()
        base = study.base
        start = self._found(base.arch, ("base", "arch"))
        arch = start and self._made(start, [(("base",), base.overrides)])
        if arch is None:
            raise InputError(self.problems)
        self.start = Network(base.name, arch, base.description, published=base.published)

    def check_new(self, arch: Arch, known: dict[str, str], place: KeyPath, name: str) -> None:
        """Report a network that is there already; remember it by ``name``."""
        if arch.digest in known:
            pixels = size_text(arch.image_size)
            remedy = f"change something that has an effect at {pixels} px, or leave it out"
            self.problem(place, f"is the same network as {known[arch.digest]}", None, remedy)
        known.setdefault(arch.digest, name)

    def combined(self, name: str, changes: Sequence[tuple[Change, KeyPath]]) -> Network | None:
        """Return the base with several changes made, each with its place in the file.

        None where that cannot be; ``problems`` says why.
        """
        start: Arch | None = self.start.arch
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
            self.problems += error.problems
            return None

    def _found(self, text: str, place: KeyPath) -> Arch | None:
        """Return an architecture that the study names, at the study's image size."""
        folder = Path(self._source.name).parent
        try:
            arch = find_arch(text, folder, self._runs_dir)
        except InputError as error:
            if place not in self._failed:
                self._failed.add(place)
                self.problems += [
                    self._source.problem(
                        place,
                        f"{p.file}: {p.rule}" if p.file else p.rule,
                        p.value if p.file or "must" not in p.rule else p.value or text,
                        p.remedy,
                    )
                    for p in error.problems
                ]
            return None
        if (run := run_of(text, folder, self._runs_dir)) is not None:
            self.runs.append(run)
        size = self._study.image_size
        return arch if size is None else arch.model_copy(update={"image_size": size})

    def problem(self, place: KeyPath, rule: str, value: object = None, remedy: str = "") -> None:
        """Report a problem at a place of the file."""
        self.problems.append(self._source.problem(place, rule, value, remedy))

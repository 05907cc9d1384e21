"""`SearchSpace`: its parameters, and the moves between configurations."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsearch.arch import Arch, BrokenRule
from archsearch.errors import InputError, Problem, nearest
from archsearch.space.counting import count_configurations
from archsearch.space.encoding import Encoding
from archsearch.space.matching import matches
from archsearch.space.mutation_crossover import Moves
from archsearch.space.nodes import Choice, Node, resolve
from archsearch.space.parameter import Parameter, Params, Value
from archsearch.space.parameter_plan import plan_of
from archsearch.space.rules import SearchRules, broken_rules
from archsearch.yaml_source import dotted


class SearchSpace:
    """The architectures (or flat configurations) that a file describes.

    Everything random takes a `numpy.random.Generator` and depends on nothing else. Configurations
    hold active parameters only. `load_space` makes one.

    Attributes:
        name: of the space, from its file.
        parameters: every parameter by name, conditional ones included, in the file's order.
        rules: what an architecture must fulfil beyond being one.
        is_flat: the configurations are plain parameters, not architectures.

    Examples:
        >>> import numpy as np
        >>> from archsearch import load_space, summary
        >>> space = load_space("tiny")
        >>> space.count()
        36
        >>> params = space.sample(np.random.default_rng(0))
        >>> space.contains(space.arch(params))
        True
    """

    def __init__(
        self, name: str, root: Node, rules: SearchRules, data: dict[str, Any], is_flat: bool
    ) -> None:
        self.name = name
        self.rules = rules
        self.is_flat = is_flat
        self.root = root
        self.plan = plan_of(root)
        self.parameters: dict[str, Parameter] = self.plan.parameters()
        self._data = data
        self._moves = Moves(self.plan, self.parameters, self._broken)

    def __repr__(self) -> str:
        return f"SearchSpace({self.name!r}, {len(self.parameters)} parameters)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SearchSpace) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that reads back as an equal space, defaults merged in."""
        return copy.deepcopy(self._data)

    @cached_property
    def digest(self) -> str:
        """Identity of the space: sha256 (64 hex digits) of its data; the name plays no part."""
        text = json.dumps(self._data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    # -- configurations and what they stand for

    def resolved(self, params: Params) -> dict[str, Any]:
        """Return the data of the file with every domain replaced by the value in ``params``."""
        data: dict[str, Any] = copy.deepcopy(resolve(self.root, params))
        return data

    def arch(self, params: Params) -> Arch:
        """Return the architecture of ``params``; inactive parameters are ignored.

        Raises:
            InputError: a parameter is missing, unknown or has no such value; the architecture
                breaks a rule; or the space is flat.
        """
        self._needs_architectures()
        problems = self._param_problems(params)
        if not problems:
            arch = self._arch(params)
            problems = [
                Problem(dotted(each.path), each.rule, each.value, each.remedy)
                for each in broken_rules(arch, self.rules)
            ]
            if not problems:
                return arch
        raise InputError(problems)

    def _needs_architectures(self) -> None:
        if self.is_flat:
            rule = "is a flat space: its configurations are no architectures"
            raise InputError(Problem("", rule, remedy="use resolved(params)", file=self.name))

    def _arch(self, params: Params) -> Arch:
        return Arch.model_validate(resolve(self.root, params))

    def problems(self, params: Params) -> list[str]:
        """Return the problems of ``params``, in words; an empty list means valid."""
        found = self._param_problems(params)
        if not found and not self.is_flat:
            found = [
                Problem(dotted(each.path), each.rule, each.value, each.remedy)
                for each in self._broken(params)
            ]
        return [str(problem) for problem in found]

    def _param_problems(self, params: Params) -> list[Problem]:
        problems = [
            Problem(name, "is no parameter of the space", value, nearest(name, self.parameters))
            for name, value in params.items()
            if name not in self.parameters
        ]

        def choose(choice: Choice) -> int:
            if choice.name not in params:
                problems.append(Problem(choice.name, "is active and needs a value"))
                return 0
            position = choice.position(params[choice.name])
            if position is None:
                rule = f"must be one of {', '.join(str(value) for value in choice.values)}"
                problems.append(Problem(choice.name, rule, params[choice.name]))
            return position or 0

        self.plan.walk(choose)
        return problems

    def _broken(self, params: Params) -> list[BrokenRule]:
        return [] if self.is_flat else broken_rules(self._arch(params), self.rules)

    def active(self, params: Params) -> Params:
        """Return ``params`` without the inactive ones, in the file's order.

        Raises:
            InputError: a parameter is missing, unknown or has no such value.
        """
        problems = self._param_problems(params)
        if problems:
            raise InputError(problems)
        return self.plan.complete(params)

    def digest_of(self, params: Params) -> str:
        """Return the identity of what ``params`` stand for: the digest of the architecture.

        Flat configurations are the same when their active parameters are.
        """
        if not self.is_flat:
            return self._arch(params).digest
        text = json.dumps(self.active(params), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def walk(self, choose: Callable[[Parameter], Value]) -> Params:
        """Return the configuration made by asking ``choose`` for each parameter that is reached.

        Conditional parameters are asked for only where they are active: the way to use the space
        as a define-by-run space of another library. Rules are not checked.
        """

        def option(choice: Choice) -> int:
            value = choose(self.parameters[choice.name])
            position = choice.position(value)
            if position is None:
                known = ", ".join(str(each) for each in choice.values)
                raise InputError(Problem(choice.name, f"must be one of {known}", value))
            return position

        return self.plan.walk(option)

    # -- drawing and moving

    def sample(self, rng: np.random.Generator) -> Params:
        """Return a random valid configuration.

        Options are drawn uniformly at each parameter, and all drawn anew when a rule is broken;
        after 50 draws in vain, single values are changed until no rule is broken.

        Raises:
            InputError: no valid configuration was found.
        """
        return self._moves.sample(rng)

    def mutate(self, params: Params, rng: np.random.Generator, n: int = 1) -> Params:
        """Return a valid configuration in which ``n`` active parameters have other values.

        All others keep theirs, but for those that become inactive, and those that become active
        by the change, which are drawn. If nothing valid is found so far away, fewer are changed;
        a fresh sample is returned if nothing can be, as in a space of one.
        """
        return self._moves.mutate(self.active(params), rng, n)

    def crossover(self, a: Params, b: Params, rng: np.random.Generator) -> Params:
        """Return a valid configuration that takes each parameter from ``a`` or from ``b``.

        A parameter that only one of them has comes from that one. If no valid mixture is found,
        a mutation of ``a`` is returned.
        """
        return self._moves.crossover(self.active(a), self.active(b), rng)

    def neighbours(self, params: Params) -> Iterator[Params]:
        """Yield every valid configuration that differs in one parameter, each distinct once.

        Parameters that become active take the value of one that has become inactive and ends in
        the same word, such as ``window_size``, where they can; else their first value.
        """
        params = self.active(params)
        yield from self._distinct(self._moves.neighbours(params), {self.digest_of(params)})

    # -- the whole

    def enumerate(self) -> Iterator[Params]:
        """Yield one valid configuration for each distinct architecture, in a fixed order."""
        valid = (params for params in self.plan.configurations() if not self._broken(params))
        yield from self._distinct(valid, set())

    def _distinct(self, configurations: Iterable[Params], seen: set[str]) -> Iterator[Params]:
        """Yield those whose digest is not in ``seen`` yet."""
        for params in configurations:
            digest = self.digest_of(params)
            if digest not in seen:
                seen.add(digest)
                yield params

    def count(self) -> int:
        """Return the exact number of configurations, inactive parameters dropped.

        Rules are not applied, and configurations that make equal networks (a window larger than
        its map) are distinguished; see `count_distinct`.
        """
        return count_configurations(self.plan)

    def count_distinct(self, limit: int = 200_000) -> int | None:
        """Return the number of distinct valid architectures; None above ``limit`` of them."""
        return sum(1 for _ in self.enumerate()) if self.count() <= limit else None

    def params_of(self, arch: Arch) -> Params | None:
        """Return parameters that make a network equal to ``arch``; None if there are none.

        Raises:
            InputError: the space is flat.
        """
        self._needs_architectures()
        digest = arch.digest
        for params in matches(self.root, arch):
            active = self.plan.complete(params)
            if self.digest_of(active) == digest and not self._broken(active):
                return active
        return None

    def contains(self, arch: Arch) -> bool:
        """Return whether some valid configuration makes a network equal to ``arch``."""
        return self.params_of(arch) is not None

    @cached_property
    def encoding(self) -> Encoding:
        """The map from configurations to vectors."""
        return Encoding(self.parameters.values())

    def encode(self, params: Params) -> NDArray[np.float64]:
        """Return ``params`` as a vector of fixed width; see `Encoding`."""
        return self.encoding.encode(self.plan.complete(params))

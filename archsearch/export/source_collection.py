"""Collects definitions of Python modules with all their dependencies, unchanged."""

import importlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, ScopeProvider

from archsearch.export.isolated_run import ExportError
from archsearch.export.weight_layout import Group, laid_out

#: module and name of a definition
Place = tuple[str, str]
#: modules whose definitions may be copied into a file
_COPIED = (
    "archsearch.blocks.",
    "archsearch.model.timm_interface.",
    "archsearch.model.vision_transformer.",
    "archsearch.export.template.",
)


#: what stands between two blank lines
_SPACED = (cst.ClassDef, cst.FunctionDef)


@dataclass(frozen=True, order=True)
class _Import:
    """An import of one name.

    Attributes:
        module: that it is from.
        name: in that module; empty for the module itself.
        alias: that it gets; empty for none.
    """

    module: str
    name: str = ""
    alias: str = ""

    @property
    def local(self) -> str:
        """The name that code uses."""
        return self.alias or self.name or self.module.partition(".")[0]


@dataclass(frozen=True)
class _Definition:
    """A class, function or constant at the top of a module.

    Attributes:
        node: the statement.
        name: its name, inside the statement.
        reads: names of the module's top level that it reads, each with its occurrences.
    """

    node: cst.BaseStatement
    name: cst.Name
    reads: dict[str, list[cst.CSTNode]]


@dataclass(frozen=True)
class _Source:
    """What stands at the top of one module, by name."""

    definitions: dict[str, _Definition]
    imports: dict[str, _Import]


@dataclass
class Library:
    """Collects definitions from modules, each after those that it needs.

    Args:
        texts: module to its text, in place of what Python would import.
        copied: modules whose definitions are copied, beside archsearch's own.
    """

    texts: Mapping[str, str]
    copied: frozenset[str] = frozenset()
    _names: dict[Place, str] = field(default_factory=dict)
    _imports: dict[Place, _Import] = field(default_factory=dict)
    _definitions: dict[Place, cst.BaseStatement] = field(default_factory=dict)

    def text(self, roots: Iterable[Place]) -> str:
        """Return imports and definitions as the text of a file.

        Raises:
            ExportError: something comes from a module of archsearch that needs archsearch.
        """
        for root in roots:
            self._collect(root)
        code = cst.Module([])
        text = import_lines(self._imports.values())
        after = None
        for node in self._definitions.values():
            blank = 2 if isinstance(node, _SPACED) or isinstance(after, _SPACED) else 1
            text += "\n" * (blank + 1) + code.code_for_node(node).strip("\n")
            after = node
        return text + "\n"

    def _collect(self, place: Place) -> str:
        """Collect a definition with what it needs; return its name in the file."""
        module, name = place
        source = self._source(module)
        if name in source.imports:
            return self._follow(source.imports[name])
        if place in self._names:
            return self._names[place]
        if name not in source.definitions:
            raise ExportError(f"{module} does not define {name} at its top level")
        self._names[place] = self._free(name)
        definition = source.definitions[name]
        names: dict[cst.CSTNode, str] = {definition.name: self._names[place]}
        for other, occurrences in definition.reads.items():
            names |= dict.fromkeys(occurrences, self._collect((module, other)))
        renamed: dict[cst.CSTNode, str] = {
            node: name
            for node, name in names.items()
            if isinstance(node, cst.Name) and node.value != name
        }
        # most definitions keep all names; to rewrite them would take most of an export's time
        node = definition.node.visit(_Rename(renamed)) if renamed else definition.node
        assert isinstance(node, cst.BaseStatement)
        self._definitions[place] = node
        return self._names[place]

    def _follow(self, found: _Import) -> str:
        """Return the name in the file of what is imported."""
        module, name = found.module, found.name
        if module in self.copied or f"{module}.".startswith(_COPIED):
            return self._collect(self._home(module, name))
        if module.partition(".")[0] == "archsearch":
            raise ExportError(
                f"an exported file cannot hold {found.local} of {module}; import classes and "
                "functions of archsearch.blocks by their names, and nothing else of archsearch"
            )
        place = (module, name or (found.alias and "*"))
        if not (name or found.alias):  # of ``import a.b`` code uses the name ``a``
            self._imports[place] = found
        elif place not in self._imports:
            free = self._free(found.local)
            alias = "" if free == name else free
            self._imports[place] = _Import(module, name, alias)
        return self._imports[place].local

    def _home(self, module: str, name: str) -> Place:
        """Return where a class or function that ``module`` may only hand on is defined."""
        if module in self.texts:
            return module, name
        found = getattr(importlib.import_module(module), name)
        if not (isinstance(found, type) or inspect.isroutine(found)):
            # a constant or the name of a type does not know its module
            return module, name
        return getattr(found, "__module__", module), getattr(found, "__qualname__", name)

    def _free(self, name: str) -> str:
        """Return a name that nothing else in the file has."""
        taken = {*self._names.values(), *(each.local for each in self._imports.values())}
        free, count = name, 1
        while free in taken:
            count += 1
            free = f"{name}{count}"
        return free

    def _source(self, module: str) -> _Source:
        if module in self.texts:
            return _read(self.texts[module])
        return _read(inspect.getsource(sys.modules.get(module) or importlib.import_module(module)))


class _Rename(cst.CSTTransformer):
    """Give occurrences of names other names."""

    def __init__(self, renamed: Mapping[cst.CSTNode, str]) -> None:
        self._renamed = renamed

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        new = self._renamed.get(original_node)
        return updated_node if new is None else updated_node.with_changes(value=new)


@lru_cache(maxsize=64)
def _read(text: str) -> _Source:
    """Return what stands at the top of a module, with who reads what."""
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    top = wrapper.resolve(ScopeProvider)[wrapper.module]
    assert top is not None
    names = {name.value: (name, node) for node in wrapper.module.body for name in _defined(node)}
    imports = {each.local: each for node in wrapper.module.body for each in _imported(node)}
    owners = {part: name for name, (_, node) in names.items() for part in _below(node)}
    reads: dict[str, dict[str, list[cst.CSTNode]]] = {name: {} for name in names}
    for assignment in top.assignments:
        for access in assignment.references:
            owner = owners.get(access.node)
            name = assignment.name.partition(".")[0]
            if owner is not None and name in names | imports:
                reads[owner].setdefault(name, []).append(_leftmost(access.node))
    definitions = {
        name: _Definition(node, word, _in_order(node, reads[name]))
        for name, (word, node) in names.items()
    }
    return _Source(definitions, imports)


def _defined(statement: cst.CSTNode) -> Iterator[cst.Name]:
    """Yield the names that a statement defines."""
    if isinstance(statement, cst.ClassDef | cst.FunctionDef):
        yield statement.name
    elif isinstance(statement, cst.SimpleStatementLine):
        for part in statement.body:
            targets = [each.target for each in part.targets] if isinstance(part, cst.Assign) else []
            targets += [part.target] if isinstance(part, cst.AnnAssign) else []
            yield from (each for each in targets if isinstance(each, cst.Name))


def _imported(statement: cst.CSTNode) -> Iterator[_Import]:
    """Yield the imports of a statement."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return
    for part in statement.body:
        if isinstance(part, cst.Import):
            yield from (_Import(each.evaluated_name, "", _alias(each)) for each in part.names)
        elif isinstance(part, cst.ImportFrom) and not isinstance(part.names, cst.ImportStar):
            module = get_full_name_for_node(part.module) if part.module else None
            for each in part.names:
                yield _Import(module or "", each.evaluated_name, _alias(each))


def _alias(part: cst.ImportAlias) -> str:
    return part.evaluated_alias or ""


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and everything below it, in the order of the source."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        stack += reversed(current.children)


def _in_order(
    node: cst.CSTNode, reads: dict[str, list[cst.CSTNode]]
) -> dict[str, list[cst.CSTNode]]:
    """Sort names by where they are read first, so that a file does not depend on a hash."""
    places = {part: index for index, part in enumerate(_below(node))}
    return dict(sorted(reads.items(), key=lambda item: min(places[each] for each in item[1])))


def _leftmost(node: cst.CSTNode) -> cst.CSTNode:
    """Return ``a`` of ``a.b.c``; an annotation in quotes as it is."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return node


def import_lines(imports: Iterable[_Import]) -> str:
    """Return imports, sorted: Python's own, a blank line, then those of packages."""
    wholes: dict[bool, list[str]] = {True: [], False: []}
    members: dict[bool, dict[tuple[str, str], list[str]]] = {True: {}, False: {}}
    for each in sorted(imports):
        own = each.module.partition(".")[0] in sys.stdlib_module_names
        words = f" as {each.alias}" if each.alias else ""
        if each.name:
            # names with an alias have lines of their own
            statement = (each.module, each.name if each.alias else "")
            members[own].setdefault(statement, []).append(each.name + words)
        else:
            wholes[own].append(f"import {each.module}{words}")
    sections = []
    for own in (True, False):
        lines = wholes[own]
        froms = [(place[0], sorted(names, key=_kind)) for place, names in members[own].items()]
        for module, names in sorted(froms, key=lambda each: (each[0], _kind(each[1][0]))):
            start = f"from {module} import "
            line = start + ", ".join(names)
            lines.append(line if len(line) <= 100 else laid_out(Group(f"{start}(", names, ")")))
        sections.append("\n".join(lines))
    return "\n\n".join(each for each in sections if each)


def _kind(name: str) -> tuple[int, str]:
    """Sort constants ahead of classes, and these ahead of functions."""
    word = name.partition(" ")[0]
    return 0 if word.isupper() and len(word) > 1 else 1 if word[:1].isupper() else 2, name

"""Read YAML safely and remember the line of every key, so that errors can point at it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from archsearch.errors import InputError, Problem
from archsearch.files import what_happened

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class YamlSource:
    """Plain data read from one YAML document, with the line of every key and item.

    Attributes:
        name: file name (or another label) shown in errors.
        data: mappings, lists and scalars.
        lines: key path to 1-based line.
    """

    name: str
    data: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)

    def line(self, path: KeyPath) -> int:
        """Return the line of ``path``, or of its nearest ancestor that has one (0 if none)."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 0

    def problem(self, path: KeyPath, rule: str, value: object = None, remedy: str = "") -> Problem:
        """Return a `Problem` located at ``path`` in this source."""
        return Problem(dotted(path), rule, value, remedy, file=self.name, line=self.line(path))


def dotted(path: KeyPath) -> str:
    """Return ``("stages", 1, "width")`` as ``stages.1.width``."""
    return ".".join(str(part) for part in path)


def load_yaml(path: str | Path) -> YamlSource:
    """Read one YAML file.

    Raises:
        InputError: the file is missing, is not UTF-8 text or YAML, or carries a tag that is not
            plain data (such as ``!!python/object``).
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(
            Problem("", "file not found", remedy="check the path", file=name)
        ) from None
    except OSError as error:
        rule, remedy = what_happened(error)
        raise InputError(Problem("", f"cannot be read: {rule}", remedy=remedy, file=name)) from None
    except UnicodeDecodeError as error:
        raise InputError(
            Problem("", f"must be UTF-8 text ({error.reason})", remedy="is it YAML?", file=name)
        ) from None
    return parse_yaml(text, name)


def parse_yaml(text: str, name: str = "<string>") -> YamlSource:
    """Read one YAML document from text; see `load_yaml`."""
    try:
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            lines: dict[KeyPath, int] = {}
            problems: list[Problem] = []
            _index(node, (), lines, problems, name, set())
            if problems:
                raise InputError(problems)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(
            Problem(
                "",
                f"must be plain YAML: {error.problem or error.context}",
                remedy="write mappings, lists, strings, numbers and booleans only",
                file=name,
                line=mark.line + 1 if mark else 0,
            )
        ) from None
    except yaml.YAMLError as error:
        raise InputError(Problem("", f"must be plain YAML: {error}", file=name)) from None
    return YamlSource(name, data, lines)


def _index(
    node: yaml.Node | None,
    path: KeyPath,
    lines: dict[KeyPath, int],
    problems: list[Problem],
    name: str,
    open_nodes: set[int],
) -> None:
    """Record lines below ``node``; report duplicate keys and self-referring aliases."""
    if node is None:
        return
    lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in open_nodes:
        problems.append(
            Problem(dotted(path), "an alias must not contain itself", file=name, line=lines[path])
        )
        return
    open_nodes.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            label = key.value if isinstance(key, yaml.ScalarNode) else "?"
            child = (*path, label)
            line = key.start_mark.line + 1
            if label in seen and label != "<<":
                problems.append(
                    Problem(
                        dotted(child),
                        "a key must be written once",
                        remedy="remove one of the two",
                        file=name,
                        line=line,
                    )
                )
            seen.add(label)
            lines[child] = line
            below = path if label == "<<" else child
            _index(value, below, lines, problems, name, open_nodes)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            _index(value, (*path, index), lines, problems, name, open_nodes)
    open_nodes.discard(id(node))

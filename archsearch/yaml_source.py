"""Read YAML safely and remember the line of every key, so that errors can point at it.

Scalars mean what YAML 1.2 (core schema) says, as in JSON and in most tools of today: ``true`` and
``false`` are the only booleans, ``1e-3`` is a number, ``010`` is ten, and ``on``, ``no``,
``12:30`` and ``2026-01-31`` are words. Keys are the words that were written. What is written here
is quoted wherever YAML 1.1 or 1.2 would take it for something else, so that every reader agrees.
"""

import codecs
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from archsearch.errors import InputError, Problem
from archsearch.files import what_happened

KeyPath = tuple[str | int, ...]

#: values of one file, aliases written out; a study has hundreds
_MAX_VALUES = 5_000
#: of the configuration of a run, which lists the classes of its images
RECORDED_VALUES = 200_000
#: characters that a value may have in the mean
_VALUE_BYTES = 400
_MAX_DEPTH = 50
_MAX_KEYS = 1_000
_PLAIN = "write mappings, lists, strings, numbers and booleans only"


@dataclass(frozen=True)
class YamlSource:
    """Plain data read from one YAML document, with the line of every key and item.

    Attributes:
        name: file name (or another label) shown in errors.
        data: mappings, lists and scalars; the keys of mappings are strings.
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


def load_yaml(path: str | Path, most_values: int = _MAX_VALUES) -> YamlSource:
    """Read one YAML file, in UTF-8 or, with a byte order mark, in UTF-16.

    Args:
        path: of the file.
        most_values: that it may hold.

    Raises:
        InputError: the file is missing, is not text or YAML, is too large, or carries a tag that is
            not plain data (such as ``!!python/object``).
    """
    name, most_bytes = str(path), most_values * _VALUE_BYTES
    try:
        with Path(path).open("rb") as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise InputError(
            Problem("", "there is no such file", remedy="check the path", file=name)
        ) from None
    except OSError as error:
        rule, remedy = what_happened(error)
        raise InputError(Problem("", f"cannot be read: {rule}", remedy=remedy, file=name)) from None
    if len(content) > most_bytes:
        rule = f"must be at most {most_bytes / 1e6:g} MB long"
        raise InputError(Problem("", rule, remedy="check that it is the right file", file=name))
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        remedy = "save it as UTF-8, if it is a text"
        raise InputError(
            Problem("", f"must be UTF-8 text ({error.reason})", None, remedy, name, line)
        ) from None
    return parse_yaml(text, name, most_values)


def parse_yaml(text: str, name: str = "<string>", most_values: int = _MAX_VALUES) -> YamlSource:
    """Read one YAML document from text; see `load_yaml`."""
    loader = None
    try:
        loader = _Loader(text)
        loader.most_nodes = 2 * most_values  # a key is a node too
        node = loader.get_single_node()
        index = _Index(name, most_values)
        index.visit(node, ())
        if index.problems:
            raise InputError(index.problems)
        data = loader.construct_document(node) if node is not None else None
    except _TooLargeError as error:
        raise InputError(Problem("", error.rule, None, error.remedy, name, error.line)) from None
    except yaml.MarkedYAMLError as error:
        raise InputError(_marked(error, name)) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        rule = f"must be plain YAML: the character #x{error.character:04x} is not allowed in it"
        raise InputError(Problem("", rule, None, "remove it", name, line)) from None
    finally:
        if loader is not None:
            loader.dispose()
    return YamlSource(name, data, index.lines)


def scalar(text: str) -> Any:
    """Return what a word of a YAML file stands for: ``true`` the boolean, ``on`` the word."""
    try:
        return parse_yaml(text).data
    except InputError:
        return text


def dump_yaml(data: Any) -> str:
    """Return plain data as YAML that readers of YAML 1.1 and 1.2 understand alike."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


#: what the parser may say, in our words, and what helps
_TOLD = (
    (r"character '\\t'", "a tab cannot indent a line", "indent with spaces"),
    (r"character '(.)'", "a text cannot begin with {0}", "put the text in quotes"),
    ("found another document", "it holds more than one document", "remove the line --- between"),
    (
        "mapping values are not allowed",
        "there is a colon where none can be",
        "put a text that holds a colon in quotes, and check the indentation",
    ),
    ("could not find expected ':'", "a key has no colon after it", "write key: value"),
    ("unexpected end of stream", "a quotation mark is never closed", "close it"),
    (r"but (?:found|got) '<stream end>'", "a bracket is never closed", "close it"),
    (
        "undefined alias '(.+)'",
        "nothing is called &{0}",
        "write &{0} before the value it stands for",
    ),
    (
        "constructor for the tag '(?:tag:yaml.org,2002:)?(.+)'",
        "the tag {0} is not known here",
        "remove the tag, and " + _PLAIN,
    ),
    ("for merging", "only a mapping can be merged with <<", "write <<: *name of a mapping"),
)


def _marked(error: yaml.MarkedYAMLError, name: str) -> Problem:
    """Return the parser's error as a problem with its line."""
    mark = error.problem_mark or error.context_mark
    texts, remedy = " ".join((error.problem or error.context or "").split()), _PLAIN
    for pattern, ours, way_out in _TOLD:
        if found := re.search(pattern, texts):
            texts, remedy = ours.format(*found.groups()), way_out.format(*found.groups())
            break
    line = mark.line + 1 if mark else 0
    return Problem("", f"must be plain YAML: {texts}", None, remedy, name, line)


_TAG = "tag:yaml.org,2002:"
#: scalars of YAML 1.2's core schema that are no strings; longest forms first where one begins
#: like another
_CORE = {
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), "tTfF"),
    "null": (re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    "int": (re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"), "-+0123456789"),
    "float": (
        re.compile(
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
            r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
        ),
        "-+.0123456789",
    ),
    "merge": (re.compile(r"<<"), "<"),
}


class _TooLargeError(Exception):
    def __init__(self, rule: str, remedy: str, line: int) -> None:
        super().__init__(rule)
        self.rule, self.remedy, self.line = rule, remedy, line


class _Loader(yaml.SafeLoader):
    """Reads plain data by YAML 1.2's core schema; merge keys, which it dropped, stay.

    Attributes:
        most_nodes: keys and values that it reads.
    """

    most_nodes = 2 * _MAX_VALUES
    _nodes = _depth = 0
    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]
    yaml_constructors: ClassVar[dict[str | None, Any]] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Return the next node, within the limits of number and depth."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > self.most_nodes or self._depth > _MAX_DEPTH:
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            if self._depth > _MAX_DEPTH:
                rule = f"must not be nested deeper than {_MAX_DEPTH} levels"
                raise _TooLargeError(rule, "write it flatter", line)
            raise _TooLargeError(*_too_many(self.most_nodes // 2), line)
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping under the words of its keys: ``on`` and ``1`` are words there too."""
        if not isinstance(node, yaml.MappingNode):
            rule = "a mapping of keys belongs here"
            raise yaml.constructor.ConstructorError(None, None, rule, node.start_mark)
        self.flatten_mapping(node)
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                rule = "a key must be a word or a number"
                raise yaml.constructor.ConstructorError(None, None, rule, key.start_mark)
            found[_key(key)] = self.construct_object(value, deep=deep)
        return found

    def construct_whole(self, node: Any) -> int:
        """Return 12, 0o14 or 0xc."""
        text = self.construct_scalar(node)
        with _converted(node, "a whole number"):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)

    def construct_decimal(self, node: Any) -> float:
        """Return 1.5, 1e-3, .inf or .nan."""
        text = self.construct_scalar(node).lower()
        with _converted(node, "a number"):
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))

    def construct_switch(self, node: Any) -> bool:
        """Return true or false."""
        text = self.construct_scalar(node).lower()
        with _converted(node, "true or false"):
            return {"true": True, "false": False}[text]


@contextmanager
def _converted(node: yaml.ScalarNode, wanted: str) -> Iterator[None]:
    """Turn a value that cannot be converted into an error with a place."""
    try:
        yield
    except (ValueError, KeyError):
        rule = f"{str(node.value)[:40]!r} is not {wanted}"
        raise yaml.constructor.ConstructorError(None, None, rule, node.start_mark) from None


class _Dumper(yaml.SafeDumper):
    """Quotes what YAML 1.1 or 1.2 would not read as a string."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        first: list(each) for first, each in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        """Write values out each time: an alias is hard to edit."""
        return True


for _kind, (_pattern, _first) in _CORE.items():
    _whole = re.compile(rf"^(?:{_pattern.pattern})$")
    _Loader.add_implicit_resolver(_TAG + _kind, _whole, list(_first))
    _Dumper.add_implicit_resolver(_TAG + _kind, _whole, list(_first))
for _name, _construct in (
    ("null", yaml.SafeLoader.construct_yaml_null),
    ("bool", _Loader.construct_switch),
    ("int", _Loader.construct_whole),
    ("float", _Loader.construct_decimal),
    ("str", yaml.SafeLoader.construct_yaml_str),
    ("seq", yaml.SafeLoader.construct_yaml_seq),
    ("map", yaml.SafeLoader.construct_yaml_map),
):
    _Loader.add_constructor(_TAG + _name, _construct)
# the specification of YAML 1.1 has these, though PyYAML's reader has not
_Dumper.add_implicit_resolver(f"{_TAG}bool", re.compile(r"^[yYnN]$"), list("yYnN"))
_Loader.add_constructor(None, yaml.SafeLoader.construct_undefined)  # type: ignore[type-var]


def _key(node: yaml.ScalarNode) -> str:
    """Return a key as it was written; null in whatever form is ``none``, the name of no option."""
    if node.tag == f"{_TAG}null":
        return "none"
    return str(node.value).lower() if node.tag == f"{_TAG}bool" else str(node.value)


def _too_many(most: int) -> tuple[str, str]:
    rule = f"must not hold more than {most:,} values, aliases written out"
    return rule, "use fewer aliases of aliases"


class _Index:
    """Finds the line of every key and item, keys written twice, and aliases without end.

    Attributes:
        lines: key path to 1-based line.
        problems: found so far.
    """

    def __init__(self, name: str, most_values: int) -> None:
        self._name = name
        self._most = most_values
        self._open: set[int] = set()
        self._values = 0
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def visit(self, node: yaml.Node | None, path: KeyPath) -> None:
        """Record what is below ``node``."""
        if node is None:
            return
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if self._values == self._most:
            self._report((), *_too_many(self._most))
        if self._values >= self._most:
            return
        if id(node) in self._open:
            self._report(path, "an alias must not contain itself")
            return
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, path)
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self.lines[(*path, index)] = value.start_mark.line + 1
                self.visit(value, (*path, index))
        self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> None:
        if len(node.value) > _MAX_KEYS:
            self._report(path, f"must have at most {_MAX_KEYS:,} keys", "")
            return
        seen: set[str] = set()
        # what is merged comes first: a key that the mapping writes itself wins
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag != f"{_TAG}merge"):
            merge = key.tag == f"{_TAG}merge"
            label = _key(key) if isinstance(key, yaml.ScalarNode) else "?"
            child = path if merge else (*path, label)
            if not merge:
                self.lines[child] = key.start_mark.line + 1
            if label in seen and not merge:
                self._report(child, "a key must be written once", "remove one of the two")
            seen.add(label)
            self.visit(value, child)

    def _report(self, path: KeyPath, rule: str, remedy: str = "") -> None:
        line = self.lines[path]
        self.problems.append(Problem(dotted(path), rule, None, remedy, self._name, line))

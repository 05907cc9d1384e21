"""YAML as people write it: read by YAML 1.2, written so that readers of 1.1 agree."""

import itertools
import json
import math
from pathlib import Path

import pytest
import yaml

from archsearch.errors import InputError
from archsearch.yaml_source import dump_yaml, load_yaml, parse_yaml

#: words that YAML 1.1 takes for booleans
SWITCHES = [
    form
    for word in ("on", "off", "yes", "no", "y", "n")
    for form in (word, word.title(), word.upper())
]
#: what else YAML 1.1 takes for something other than the text that stands there
WORDS = [
    "12:30",
    "1:2:3",
    "1:30.5",
    "2026-01-31",
    "2026-01-31 10:00:00",
    "1_000",
    "0b101",
    "=",
    "1_0.5",
    "10_0e3",
    "+.inf_",
    "0o_7",
]


@pytest.mark.parametrize("word", [*SWITCHES, *WORDS])
def test_a_word_is_a_word_as_value_item_and_key(word: str) -> None:
    data = parse_yaml(f"a: {word}\nb: [{word}]\n{word}: 1\n").data
    assert data == {"a": word, "b": [word], word: 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E5", 1e5), ("6e6", 6e6), ("-1e+2", -100.0), (".5", 0.5), ("1.", 1.0),
        ("+1.5", 1.5), ("010", 10), ("-3", -3), ("+3", 3), ("0o14", 12), ("0xC", 12), ("0", 0),
        (".inf", math.inf), ("-.INF", -math.inf),
        ("true", True), ("True", True), ("FALSE", False),
        ("null", None), ("~", None), ("", None), ("Null", None),
        ("'true'", "true"), ('"1"', "1"), ("'null'", "null"), ("'1e-3'", "1e-3"),
        ("e3", "e3"), ("1e", "1e"), ("1.2.3", "1.2.3"), ("-", None), ("tru", "tru"), ("0x", "0x"),
        ("infinity", "infinity"), ("nan", "nan"), ("None", "None"),
    ],
)  # fmt: skip
def test_scalars(text: str, value: object) -> None:
    if text == "-":
        return
    read = parse_yaml(f"a: {text}").data["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    "value", [0, -1, 12, 1.5, 1e-7, 1e20, -2.5e-3, True, False, None, "x", "1"]
)
def test_json_reads_as_json_does(value: object) -> None:
    text = json.dumps({"a": value, "b": [value, {"c": value}]})
    assert parse_yaml(text).data == json.loads(text)


TRICKY = [*SWITCHES, *WORDS, "1e-3", "1e5", "6E6", "010", "0o10", "0x1F", "null", "~", "", "true",
          "False", ".inf", "1.", ".5", "<<", "# x", "a: b", "- a", "é", "1", " x", "x ", "'", '"',
          "%", "@", "&a", "*a", "!x", "a\nb", "---", "\ufeffx", "-"]  # fmt: skip


@pytest.mark.parametrize("word", TRICKY)
def test_what_is_written_reads_the_same_in_both_versions(word: str) -> None:
    data = {word: word, "list": [word, {word: 1}]}
    text = dump_yaml(data)
    assert parse_yaml(text).data == data
    assert yaml.safe_load(text) == data, "PyYAML reads YAML 1.1"


def test_numbers_are_written_so_that_both_versions_read_them() -> None:
    data = {"a": [1, 0, -7, 1e-5, 1e20, 0.1, 5e-324, math.inf, True, False, None, 10**30]}
    text = dump_yaml(data)
    assert parse_yaml(text).data == yaml.safe_load(text) == data


def test_what_an_older_version_wrote_is_read() -> None:
    data = {"on": "off", "seed": 3, "rate": 1e-5, "name": "12:30", "none": None, "flag": True}
    assert parse_yaml(yaml.safe_dump(data, sort_keys=False)).data == data


@pytest.mark.parametrize(
    ("encoding", "newline"),
    [*itertools.product(("utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom"), ("\n", "\r\n", "\r"))],
)
def test_encodings(tmp_path: Path, encoding: str, newline: str) -> None:
    text = newline.join(["name: é", "size: 3", ""])
    if encoding == "utf-16-le-bom":
        content = b"\xff\xfe" + text.encode("utf-16-le")
    else:
        content = text.encode(encoding)
    (tmp_path / "a.yaml").write_bytes(content)
    source = load_yaml(tmp_path / "a.yaml")
    assert source.data == {"name": "é", "size": 3}
    assert source.line(("size",)) == 2


def test_merged_keys_have_values_and_lines() -> None:
    source = parse_yaml("base: &b {x: 1, on: 2}\nown:\n  x: 3\n  <<: *b\nboth:\n  <<: [*b, *b]\n")
    assert source.data["own"] == {"x": 3, "on": 2}
    assert source.data["both"] == {"x": 1, "on": 2}
    assert (source.line(("own", "x")), source.line(("own", "on"))) == (3, 1)


BOMB = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
#: text, what is said of it, and the text after its remedy has been followed
REFUSED = {
    "a tab": (
        "a:\n\t- 1\n",
        "f:2: must be plain YAML: a tab cannot indent a line; indent with spaces",
        "a:\n  - 1\n",
    ),
    "a colon": (
        "a: b: c\n",
        "f:1: must be plain YAML: there is a colon where none can be; put a "
        "text that holds a colon in quotes, and check the indentation",
        "a: 'b: c'\n",
    ),
    "two documents": (
        "a: 1\n---\nb: 2\n",
        "f:2: must be plain YAML: it holds more than one document; remove the line --- between",
        "a: 1\nb: 2\n",
    ),
    "an open bracket": (
        "a: [1, 2\n",
        "f:2: must be plain YAML: a bracket is never closed; close it",
        "a: [1, 2]\n",
    ),
    "an open quote": (
        "a: 'b\n",
        "f:2: must be plain YAML: a quotation mark is never closed; close it",
        "a: 'b'\n",
    ),
    "an at sign": (
        "a: @b\n",
        "f:1: must be plain YAML: a text cannot begin with @; put the text in quotes",
        "a: '@b'\n",
    ),
    "a per cent sign": (
        "a: %b\n",
        "f:1: must be plain YAML: a text cannot begin with %; put the text in quotes",
        "a: '%b'\n",
    ),
    "an unknown alias": (
        "a: *b\n",
        "f:1: must be plain YAML: nothing is called &b; write &b before the value it stands for",
        "b: &b 1\na: *b\n",
    ),
    "a tag": (
        "a: !!timestamp 2026-01-31\n",
        "f:1: must be plain YAML: the tag timestamp is not "
        "known here; remove the tag, and write mappings, lists, strings, numbers and booleans "
        "only",
        "a: 2026-01-31\n",
    ),
    "a list as a key": (
        "? [a]\n: 1\n",
        "f:1: must be plain YAML: a key must be a word or a number; "
        "write mappings, lists, strings, numbers and booleans only",
        "a: 1\n",
    ),
    "the same key twice": (
        "a: 1\na: 2\n",
        "f:2: a: a key must be written once; remove one of the two",
        "a: 2\n",
    ),
    "the same key twice, as words": (
        "on: 1\n'on': 2\n",
        "f:2: on: a key must be written once; remove one of the two",
        "on: 1\n",
    ),
    "an alias of itself": ("a: &a [*a]\n", "f:1: a.0: an alias must not contain itself", "a: []\n"),
    "no number": (
        "a: !!int x\n",
        "f:1: must be plain YAML: 'x' is not a whole number; write "
        "mappings, lists, strings, numbers and booleans only",
        "a: x\n",
    ),
    "a line feed": (
        "a: \x00b\n",
        "f:1: must be plain YAML: the character #x0000 is not allowed in it; remove it",
        "a: b\n",
    ),
    "merging a number": (
        "<<: 3\n",
        "f:1: must be plain YAML: only a mapping can be merged with <<; "
        "write <<: *name of a mapping",
        "b: &b {a: 1}\nc:\n  <<: *b\n",
    ),
    "aliases of aliases": (
        BOMB,
        "f:1: must not hold more than 5,000 values, aliases written out; "
        "use fewer aliases of aliases",
        "a: 1\n",
    ),
    "nested without end": (
        "[" * 5000,
        "f:1: must not be nested deeper than 50 levels; write it flatter",
        "a: 1\n",
    ),
    "too many values": (
        "a:\n" + "- 1\n" * 10_001,
        "f:9999: must not hold more than 5,000 values, aliases written out; use fewer aliases of "
        "aliases",
        "a: 1\n",
    ),
    "too many keys": (
        "a:\n" + "".join(f"  k{i}: 1\n" for i in range(1_001)),
        "f:1: a: must have at most 1,000 keys",
        "a: 1\n",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_yaml_is_said_and_the_remedy_works(case: str) -> None:
    text, expected, mended = REFUSED[case]
    with pytest.raises(InputError) as caught:
        parse_yaml(text, "f")
    assert str(caught.value) == expected
    assert isinstance(parse_yaml(mended, "f").data, dict)


def test_text_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("a: 1\nb: é\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"a\.yaml:2: must be UTF-8 text .*; save it as UTF-8"):
        load_yaml(path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_yaml(tmp_path)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be at most 2 MB long"):
        load_yaml("/dev/zero")
    path = tmp_path / "long.yaml"
    path.write_text("a: 1\n" + "#" * 3_000_000)
    with pytest.raises(InputError, match="must be at most 2 MB long"):
        load_yaml(path)

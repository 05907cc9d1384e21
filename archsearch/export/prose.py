"""Docstrings of an exported file: what a class does, without what this network lacks."""

import ast
import inspect
import re

from archsearch.export.calls import parameters_of

_SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:")
#: words of sentences about images of another size than the network's
_OTHER_SIZES = re.compile(r"\bpadd|\banother size\b|interpolate|rounded up|\bodd\b")
_TOKENS = re.compile(r"extra tokens?\b|class token", re.IGNORECASE)


def shorten_docstrings(
    node: ast.AST, *, carries_tokens: bool, fixed_size: bool, keep: str = ""
) -> None:
    """Shorten the docstrings of a definition; that of the class ``keep`` stays.

    A class keeps its summary and its shapes, a function its summary; a ``forward`` does what its
    class says.
    """
    for inner in ast.walk(node):
        if not isinstance(inner, ast.ClassDef | ast.FunctionDef) or inner.name == keep:
            continue
        first = inner.body[0]
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            continue
        if inner.name == "forward":
            del inner.body[0]
            continue
        text = inspect.cleandoc(str(first.value.value))
        if isinstance(inner, ast.FunctionDef):
            text = _without_missing_names(text.split("\n\n")[0], inner)
        first.value.value = _shortened(text, carries_tokens, fixed_size)


def _shortened(text: str, carries_tokens: bool, fixed_size: bool) -> str:
    paragraphs = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith(_SECTIONS):
            continue
        if paragraph.startswith("``"):
            paragraph = paragraph[: paragraph.rindex("``") + 2] if fixed_size else paragraph
        elif paragraphs:
            paragraph = _filtered(paragraph, carries_tokens, fixed_size)
        if not carries_tokens:
            paragraph = _without_tokens(paragraph)
        if paragraph:
            paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)


def _filtered(paragraph: str, carries_tokens: bool, fixed_size: bool) -> str:
    """Leave out sentences about what the network does not do."""
    sentences = re.split(r"(?<=\.)\s+", paragraph)
    kept = [
        sentence
        for sentence in sentences
        if not (fixed_size and _OTHER_SIZES.search(sentence))
        and (carries_tokens or not _TOKENS.search(sentence))
    ]
    return paragraph if len(kept) == len(sentences) else " ".join(kept)


def _without_tokens(text: str) -> str:
    """Take the extra tokens out of shapes and summaries."""

    def shape(match: re.Match[str]) -> str:
        return re.sub(r", \(B, T'?, C'?\)( \| None)?|, None", "", match.group())

    text = re.sub(r"``.*?``", shape, text, flags=re.DOTALL)
    text = re.sub(r"; extra tokens get none", "", text)
    return re.sub(r"\bthe map and (of )?(the extra|its extra) tokens", "the map", text)


def _without_missing_names(text: str, function: ast.FunctionDef) -> str:
    """Leave out what stands after a semicolon if it names a parameter that is gone."""
    head, mark, tail = text.partition("; ")
    names = set(re.findall(r"``([a-z_]+)``", tail))
    gone = names - {argument.arg for argument in parameters_of(function)}
    return f"{head}." if mark and gone else text

"""Docstrings of an exported file: what a class does, without what this network lacks."""

import ast
import inspect
import re

from archsearch.export.signature import parameters_of
from archsearch.export.walk import walk


def shorten_docstrings(node: ast.AST, *, carries_tokens: bool, keep: str = "") -> None:
    """Cut the docstrings of a definition down to their summary; that of ``keep`` stays.

    A ``forward`` goes without: it does what its class says.
    """
    for inner in walk(node):
        if not isinstance(inner, ast.ClassDef | ast.FunctionDef) or inner.name == keep:
            continue
        first = inner.body[0]
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            continue
        if inner.name == "forward":
            del inner.body[0]
            continue
        text = inspect.cleandoc(str(first.value.value)).split("\n\n")[0]
        if isinstance(inner, ast.FunctionDef):
            text = _without_missing_names(text, inner)
            if inner.returns is not None and ast.unparse(inner.returns) == "Tensor":
                text = text.replace(" and the extra tokens", "")
        first.value.value = text if carries_tokens else _without_tokens(text)


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

"""Docstrings of an exported file: what the class does, without what this network lacks."""

import ast
import inspect
import re

_SECTIONS = ("Args:", "Attributes:", "Raises:", "Returns:")
_NO_TOKENS = (
    (r"``(.*?)``", None),
    (r" and (of )?the extra tokens", ""),
    (r"; extra tokens get none", ""),
)


def shorten_docstrings(node: ast.AST, *, carries_tokens: bool, root: str) -> None:
    """Shorten every docstring in a definition."""
    for inner in ast.walk(node):
        if not isinstance(inner, ast.ClassDef | ast.FunctionDef):
            continue
        first = inner.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            text = inspect.cleandoc(str(first.value.value))
            keep_arguments = isinstance(inner, ast.ClassDef) and inner.name == root
            paragraphs = [
                part
                for part in text.split("\n\n")
                if keep_arguments or not part.startswith(_SECTIONS)
            ]
            text = "\n\n".join(paragraphs)
            first.value.value = text if carries_tokens else _without_tokens(text)


def _without_tokens(text: str) -> str:
    """Take the extra tokens out of a docstring."""

    def shape(match: re.Match[str]) -> str:
        code = re.sub(r", \(B, T'?, C'?\)( \| None)?|, None", "", match.group(1))
        return f"``{code}``"

    text = re.sub(r"``(.*?)``", shape, text, flags=re.DOTALL)
    for pattern, replacement in _NO_TOKENS[1:]:
        text = re.sub(pattern, str(replacement), text)
    paragraphs = []
    for paragraph in text.split("\n\n"):
        sentences = re.split(r"(?<=\.)\s+", paragraph)
        kept = [s for s in sentences if "extra tokens" not in s.lower()]
        if kept:
            paragraphs.append(paragraph if len(kept) == len(sentences) else " ".join(kept))
    return "\n\n".join(paragraphs)

"""Python source to a syntax tree that keeps its comments, and back."""

import ast
import copy
import inspect
import io
import re
import subprocess
import sys
import textwrap
import tokenize
from collections.abc import Iterable, Sequence

from archsearch.export.walk import walk

_INDENT = "    "
_WIDTH = 100


def parse_with_comments(text: str) -> ast.Module:
    """Parse ``text``; comments and blank lines stay attached to the statements they stand by.

    A comment at the end of a one-line statement or on lines of its own ahead of a statement is
    kept; one inside a statement of several lines is not.
    """
    tree = ast.parse(text)
    lines = text.splitlines()
    own_line: dict[int, str] = {}
    trailing: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            alone = lines[token.start[0] - 1][: token.start[1]].strip() == ""
            (own_line if alone else trailing)[token.start[0]] = token.string
    for node in walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        first = node.lineno
        leading: list[str] = []
        while first - 1 in own_line:
            first -= 1
            leading.insert(0, own_line[first])
        end = node.lineno if hasattr(node, "body") else node.end_lineno or node.lineno
        note(
            node,
            leading=leading,
            trailing=trailing.get(end, ""),
            spaced=first > 1 and lines[first - 2].strip() == "",
        )
    return tree


def note(node: ast.stmt, *, leading: list[str], trailing: str, spaced: bool) -> None:
    """Attach comments to a statement; copies of the node carry them on."""
    node.leading = leading  # type: ignore[attr-defined]
    node.trailing = trailing  # type: ignore[attr-defined]
    node.spaced = spaced  # type: ignore[attr-defined]


def copy_notes(source: ast.stmt, target: ast.stmt) -> ast.stmt:
    """Give ``target`` the comments of ``source``, unless it has its own."""
    if hasattr(target, "leading"):
        return target
    for name in ("leading", "trailing", "spaced"):
        if hasattr(source, name):
            setattr(target, name, getattr(source, name))
    return target


def emit(body: Sequence[ast.stmt], depth: int = 0) -> list[str]:
    """Return the lines of a list of statements, comments included; not yet formatted."""
    out: list[str] = []
    for index, node in enumerate(body):
        if index and getattr(node, "spaced", False):
            out.append("")
        out += [_INDENT * depth + comment for comment in getattr(node, "leading", [])]
        lines = _statement(node, depth)
        comment = getattr(node, "trailing", "")
        if comment and not hasattr(node, "body"):
            lines[-1] += f"  {comment}"
        elif comment:
            lines[0] += f"  {comment}"
        out += lines
    return out


def _statement(node: ast.stmt, depth: int) -> list[str]:
    indent = _INDENT * depth
    if docstring := _docstring(node):
        lines = inspect.cleandoc(docstring).splitlines()
        closed = len(lines) == 1 and len(indent + lines[0]) + 6 <= _WIDTH
        if len(lines) == 1 and not closed:
            lines = textwrap.wrap(lines[0], _WIDTH - len(indent) - 6)
        lines = [f'"""{lines[0]}', *lines[1:]] + ([] if closed else ['"""'])
        if closed:
            lines[0] += '"""'
        return [(indent + line).rstrip() for line in lines]
    if isinstance(node, ast.If):
        return _if(node, depth, "if")
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.With)):
        shell = _shell(node)
        out = [indent + line for line in ast.unparse(shell).splitlines()[:-1]]
        return out + emit(node.body, depth + 1)
    return [indent + line for line in _spelled(_simple(node)).splitlines()]


def _simple(node: ast.stmt) -> str:
    """Write a simple statement; a tuple at its end stands without parentheses."""
    value = getattr(node, "value", None)
    if not (isinstance(value, ast.Tuple) and len(value.elts) > 1):
        return ast.unparse(node)
    items = ", ".join(ast.unparse(item) for item in value.elts)
    if isinstance(node, ast.Return):
        return f"return {items}"
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
        return f"{ast.unparse(node.targets[0]).strip('()')} = {items}"
    return ast.unparse(node)


def _if(node: ast.If, depth: int, word: str) -> list[str]:
    indent = _INDENT * depth
    out = [f"{indent}{word} {_spelled(ast.unparse(node.test))}:", *emit(node.body, depth + 1)]
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        return out + _if(node.orelse[0], depth, "elif")
    if node.orelse:
        out += [f"{indent}else:", *emit(node.orelse, depth + 1)]
    return out


def _shell(node: ast.FunctionDef | ast.ClassDef | ast.For | ast.While | ast.With) -> ast.stmt:
    """Return a copy of a compound statement whose body is ``pass``."""
    shell = copy.copy(node)
    shell.body = [ast.Pass()]
    if isinstance(shell, ast.For | ast.While):
        shell.orelse = []
    return shell


def _docstring(node: ast.stmt) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value.value if isinstance(node.value.value, str) else ""
    return ""


def _spelled(code: str) -> str:
    """Write 1e-06 as 1e-6, and no parentheses around ``not x``."""
    code = re.sub(r"\b(\d+(?:\.\d+)?e[+-])0(\d)\b", r"\1\2", code)
    return re.sub(r"(?<=\b(?:if|or) )\((not [\w.]+)\)|(?<=\band )\((not [\w.]+)\)", r"\1\2", code)


def format_source(text: str) -> str:
    """Return ``text`` as ``ruff format`` lays it out, 100 columns wide, imports sorted."""
    check = ("check", "--fix-only", "--select", "I,F401,RUF100", "--quiet")
    for command in (check, ("format", "--quiet")):
        text = _ruff(command, text)
    return text


def _ruff(command: Iterable[str], text: str) -> str:
    options = ("--isolated", "--line-length", "100", "--stdin-filename", "model.py", "-")
    done = subprocess.run(
        # -P: not a ruff.py in the working directory
        [sys.executable, "-P", "-m", "ruff", *command, *options],
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"generated code cannot be formatted: {done.stderr.strip()}")
    return done.stdout

"""Puts the documentation of a module's public names in place of ``{{ api MODULE }}``.

Public is what stands in its ``__all__``; the names and their text come from the source, in the
order of ``__all__``.
"""

import ast
import re
from pathlib import Path
from typing import Any

_PLACE = re.compile(r"\{\{ api (\S+?)( without (?P<without>[^}]+?))? \}\}")
_ROOT = Path(__file__).parents[2]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the names that a page asks for."""
    return _PLACE.sub(_filled, markdown)


def _filled(found: re.Match[str]) -> str:
    left_out = set((found["without"] or "").split())
    names = [name for name in public_names(found[1]) if name not in left_out]
    return "\n\n".join(f"::: {found[1]}.{name}" for name in names)


def public_names(module: str) -> list[str]:
    """Return ``__all__`` of a package, without importing it."""
    tree = ast.parse((_ROOT / module.replace(".", "/") / "__init__.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise AssertionError(f"{module} has no __all__")

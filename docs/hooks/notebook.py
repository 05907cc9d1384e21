"""Puts the cells of a notebook in place of ``{{ notebook FILE }}``."""

import json
import re
from pathlib import Path
from typing import Any

_PLACE = re.compile(r"\{\{ notebook (\S+) \}\}")
_DOCS = Path(__file__).parents[1]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in the notebooks that a page asks for."""
    return _PLACE.sub(lambda found: written(_DOCS / found[1]), markdown)


def written(path: Path) -> str:
    """Return the cells as Markdown, headings one level lower."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(_cell(cell["cell_type"], "".join(cell["source"])) for cell in cells)


def _cell(kind: str, source: str) -> str:
    if kind == "code":
        return f"```python\n{source}\n```"
    return re.sub(r"^#", "##", source, flags=re.MULTILINE)

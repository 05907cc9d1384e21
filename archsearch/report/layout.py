"""The layout of a page, read from a file of ``dashboards/``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from archsearch.errors import InputError, Problem, nearest
from archsearch.report.figures import Drawing
from archsearch.resources import resource_dir, resource_names
from archsearch.user_code import load_file


class Panel(NamedTuple):
    """A part of a page that is not a figure.

    Attributes:
        key: short name, unique on a page.
        title: heading; empty for none.
        html: its content, already escaped.
    """

    key: str
    title: str
    html: str


#: from the subject of a page (a `RunRecord`, an `AblationView`, ...) to a part of the page
Item = Callable[[Any], Drawing | Panel | None]


class Section(NamedTuple):
    """Items under one heading; one that returns None is left out.

    Attributes:
        title: heading; empty for none.
        items: what to draw.
        columns: how many stand side by side where the page is wide enough.
    """

    title: str
    items: tuple[Item, ...]
    columns: int = 1


class Layout(NamedTuple):
    """A whole page.

    Attributes:
        kind: what the page is about, e.g. ``Search report``.
        sections: top to bottom.
    """

    kind: str
    sections: tuple[Section, ...]


def load_layout(name_or_path: str | Path = "search") -> Layout:
    """Load the ``LAYOUT`` of a dashboard, shipped (by its name) or the user's own (by its path).

    The file is Python and is executed.

    Raises:
        InputError: there is no such file, it raises, or it defines no ``LAYOUT``.
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = resource_dir("dashboards") / f"{name_or_path}.py"
    if not path.is_file():
        remedy = nearest(str(name_or_path), resource_names("dashboards", ".py"))
        raise InputError(Problem("", f"there is no dashboard '{name_or_path}'", None, remedy))
    module = load_file(path)
    layout = getattr(module, "LAYOUT", None)
    if not isinstance(layout, Layout):
        raise InputError(
            Problem("LAYOUT", "a dashboard must define LAYOUT, a Layout", file=str(path))
        )
    return layout

"""One value for every table: for the terminal, a notebook, Markdown, LaTeX, CSV and JSON."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console, ConsoleOptions, RenderResult

from archsearch.errors import InputError, Problem, nearest
from archsearch.report.table_html import table_in_notebook
from archsearch.report.table_text import printed
from archsearch.settings import leaves
from archsearch.yaml_source import dotted

FORMATS = ("table", "md", "latex", "csv", "json")

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


class PlainTable(NamedTuple):
    """A table in two readings: texts for people, values for programs.

    It prints itself with rich at any width, and shows itself in a notebook.

    Attributes:
        title: what it shows.
        headings: of the texts; the first column is left-aligned, the others right-aligned.
        rows: texts, one a heading.
        values: for each row plain data by key, with units in the keys; CSV and JSON hold these.
        notes: lines under the table.
        keys: key of the value behind each heading, by which a page sorts; empty for none.
        abouts: what each heading means; empty for none.
        words: headings of columns whose texts are words.
        tags: of these, remarks.
        code: of these, long texts of code, which a narrow terminal lists below.
        minor: headings of columns that a narrow terminal lists below, in this order.
        not_in_csv: keys of what is too deep for CSV.
        nothing: what to say instead of a table without rows.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    abouts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    minor: tuple[str, ...] = ()
    not_in_csv: tuple[str, ...] = ()
    nothing: str = ""

    @property
    def _left(self) -> list[bool]:
        """Whether each column is aligned at the left."""
        return [at == 0 or heading in self.words for at, heading in enumerate(self.headings)]

    def head(self, count: int) -> "PlainTable":
        """Return its first rows, with a note on how many are left out."""
        left = len(self.rows) - count
        if left <= 0:
            return self
        notes = (f"{left:,} more rows are left out here.", *self.notes)
        return self._replace(rows=self.rows[:count], values=self.values[:count], notes=notes)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield title, table and notes, so that nothing is cut at any width."""
        yield from printed(self, console, options)

    def _repr_html_(self) -> str:
        """Return it for a notebook: escaped, with its styles, without scripts."""
        return table_in_notebook(self)

    def markdown(self) -> str:
        """Return it as a GitHub table, notes below."""
        lines = [
            _pipes(self.headings),
            _pipes(["---" if left else "---:" for left in self._left]),
            *(_pipes(row) for row in self.rows),
        ]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"

    def latex(self) -> str:
        """Return it as a ``tabular`` with booktabs rules, notes as comments."""
        columns = "".join("l" if left else "r" for left in self._left)
        lines = [
            *(f"% {line}" for line in (self.title, *self.notes)),
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            _ampersands(self.headings),
            r"\midrule",
            *(_ampersands(row) for row in self.rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """Return the values, comma-separated, with a header.

        What is nested is flattened: ``{"a": {"b": 1}}`` is a column ``a.b``, a pair of numbers
        two columns ``_low`` and ``_high``. Longer lists become one cell, joined by semicolons.
        """
        kept = (
            {key: each for key, each in row.items() if key not in self.not_in_csv}
            for row in self.values
        )
        return csv_text(list(kept))

    def json(self) -> str:
        """Return title, rows of values, and notes."""
        whole = {"title": self.title, "rows": self.values, "notes": self.notes}
        return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def written(tables: Sequence[PlainTable], kind: str) -> str:
    """Return tables one after the other as ``md``, ``latex``, ``csv`` or ``json``.

    Several tables make one JSON list; in Markdown each has its title as heading.

    Raises:
        InputError: there is no such format.
    """
    writers = {"md": PlainTable.markdown, "latex": PlainTable.latex, "csv": PlainTable.csv}
    if kind == "json":
        whole = [json.loads(table.json()) for table in tables]
        return json.dumps(whole[0] if len(whole) == 1 else whole, indent=2, ensure_ascii=False)
    if kind not in writers:
        known = ", ".join(FORMATS)
        problem = Problem("--format", f"must be one of {known}", kind, nearest(kind, FORMATS))
        raise InputError(problem)
    texts = [writers[kind](table) for table in tables]
    if kind == "md" and len(tables) > 1:
        texts = [f"### {t.title}\n\n{text}" for t, text in zip(tables, texts, strict=True)]
    return "\n".join(texts).rstrip("\n")


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return plain data as comma-separated values, flattened as `PlainTable.csv` says."""
    flattened = [flat(row) for row in rows]
    keys = dict.fromkeys(key for row in flattened for key in row)
    # where some rows have a pair, an unknown one has no column of its own
    pairs = {
        dotted(path)
        for row in rows
        for path, value in leaves(row, into_lists=False).items()
        if _is_pair(value)
    }
    kept = [key for key in keys if key not in pairs]
    text = io.StringIO()
    writer = csv.DictWriter(text, kept, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(flattened)
    return text.getvalue()


def flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested plain data as one mapping; see `PlainTable.csv`."""
    found: dict[str, Any] = {}
    for path, value in leaves(data, into_lists=False).items():
        key = dotted(path)
        if _is_pair(value):
            found |= {f"{key}_low": value[0], f"{key}_high": value[1]}
        else:
            is_list = isinstance(value, list | tuple)
            found[key] = "; ".join(str(each) for each in value) if is_list else value
    return found


def _is_pair(data: Any) -> bool:
    numbers = isinstance(data, list | tuple) and len(data) == 2
    return numbers and all(isinstance(each, int | float) for each in data)


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _ampersands(cells: Sequence[str]) -> str:
    return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

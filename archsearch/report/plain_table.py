"""Tables to take away: Markdown, LaTeX, CSV and JSON, and rich for the terminal."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from archsearch.errors import InputError, Problem, nearest

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

    Attributes:
        title: what it shows.
        headings: of the texts; the first column is left-aligned, the others right-aligned.
        rows: texts, one a heading.
        values: for each row plain data by key, with units in the keys; CSV and JSON hold these.
        notes: lines under the table.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[dict[str, Any], ...]
    notes: tuple[str, ...] = ()

    def head(self, count: int) -> "PlainTable":
        """Return its first rows, with a note on how many are left out."""
        left = len(self.rows) - count
        if left <= 0:
            return self
        notes = (f"{left:,} more rows are left out here.", *self.notes)
        return self._replace(rows=self.rows[:count], values=self.values[:count], notes=notes)

    def rich(self) -> Table:
        """Return it for the terminal."""
        table = Table(
            title=Text(self.title),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            show_edge=False,
        )
        for index, heading in enumerate(self.headings):
            words = [word for row in self.rows for word in row[index].split()]
            table.add_column(
                Text(heading),
                justify="right" if index else "left",
                # break between words only
                min_width=max(map(len, words), default=0),
            )
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        return table

    def markdown(self) -> str:
        """Return it as a GitHub table, notes below."""
        lines = [
            _pipes(self.headings),
            _pipes(["---", *["---:"] * (len(self.headings) - 1)]),
            *(_pipes(row) for row in self.rows),
        ]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"

    def latex(self) -> str:
        """Return it as a ``tabular`` with booktabs rules, notes as comments."""
        columns = "l" + "r" * (len(self.headings) - 1)
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
        """Return the values, comma-separated, with a header."""
        text = io.StringIO()
        keys = list(self.values[0]) if self.values else []
        writer = csv.DictWriter(text, keys, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.values)
        return text.getvalue()

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


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _ampersands(cells: Sequence[str]) -> str:
    return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

"""The front as a small plot of plain characters, for a terminal or a log."""

from archsearch.percent import percent_text
from archsearch.record import RunRecord
from archsearch.report.front_data import FrontInfo, Marks, NamedMarks, front_info
from archsearch.report.number_format import ms_text

_MARGIN = 8  # "100.0 % " ahead of the plot


def front_text(run: RunRecord, width: int = 72, height: int = 16) -> str:
    """Draw accuracy against latency in ASCII.

    ``*`` is the front as it is reported, ``.`` another trial and ``+`` the front as the search saw
    them (see `FrontInfo`), ``o`` a baseline.

    Args:
        run: the run.
        width: characters of a line, at least 40.
        height: lines of the plot, axis not counted, at least 4.

    Returns:
        Lines without control codes; an empty string when nothing was trained to the end.
    """
    info = front_info(run)
    if not info.front.numbers:
        return ""
    columns, rows = max(width, 40) - _MARGIN - 1, max(height, 4)
    canvas = [[" "] * columns for _ in range(rows)]
    if info.budget_ms is not None:
        for row in canvas:
            row[_column(info, info.budget_ms, columns)] = "|"
    _draw(canvas, info, info.dominated, ".")
    if info.again:
        _draw(canvas, info, info.searched, "+")
    _draw(canvas, info, info.baselines, "o")
    _draw(canvas, info, info.front, "*")
    bottom, top = info.accuracy_range
    saw = ", + front and . others as searched" if info.again else ", . others"
    legend = f"accuracy: * front{saw}{', o baselines' * bool(info.baselines.names)}"
    lines = [f"{'':{_MARGIN}}{legend}"[: columns + _MARGIN + 1]]
    for index, row in enumerate(canvas):
        share = min(top - (index + 0.5) * (top - bottom) / rows, 1.0)
        label = f"{percent_text(share):>5} %" if index % 4 == 0 else ""
        lines.append(f"{label:<{_MARGIN}}|{''.join(row)}".rstrip())
    lines.append(f"{'':{_MARGIN}}+{'-' * columns}")
    lines.append(f"{'':{_MARGIN}} {_axis(info, columns)}".rstrip())
    return "\n".join(lines)


def _column(info: FrontInfo, latency_ms: float, columns: int) -> int:
    left, right = info.latency_range
    return min(int((latency_ms - left) / (right - left) * columns), columns - 1)


def _draw(canvas: list[list[str]], info: FrontInfo, marks: Marks | NamedMarks, mark: str) -> None:
    bottom, top = info.accuracy_range
    left, right = info.latency_range
    for x, y in zip(marks.latency_ms, marks.accuracy, strict=True):
        if left <= x <= right and bottom <= y <= top:
            row = min(int((top - y) / (top - bottom) * len(canvas)), len(canvas) - 1)
            canvas[row][_column(info, x, len(canvas[0]))] = mark


def _axis(info: FrontInfo, columns: int) -> str:
    """Return the labels under the plot: the left end, and the budget or the right end, in ms."""
    axis = [" "] * columns
    right = f"{ms_text(info.latency_range[1])} ms"
    places = [(0, f"{ms_text(info.latency_range[0])} ms"), (columns - len(right), right)]
    if info.budget_ms is not None:
        label = f"budget {info.budget_ms:g}"
        at = max(_column(info, info.budget_ms, columns) - len(label) + 1, 9)
        # the budget stands near the right end: its label takes that one's place
        places[1] = (at, f"{label} ms"[: columns - at])
    for at, label in places:
        axis[at : at + len(label)] = label
    return "".join(axis)

"""The front as a table for the terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from archsearch.analysis import accuracy_interval, best, front_trials, num_images
from archsearch.arch import summary
from archsearch.record import RunRecord, TrialRecord
from archsearch.report.certainty import look_at, seed_lines, seeds_heading, seeds_text
from archsearch.report.remarks import remarks, tie_note
from archsearch.report.units import (
    count_text,
    duration_text,
    ms_interval_text,
    ms_text,
    percent_text,
)

#: from this width on, the architecture stands in the row; below, in a list under the numbers
WIDE = 150
#: below this width, intervals stand under their values
NARROW = 76


class FrontTable:
    """The front of a run, by increasing latency; renders to any width, with or without colour.

    Columns: trial, validation accuracy with the Wilson interval, mean and standard deviation over
    other seeds if there are any, test accuracy, latency with its interval, parameters, MACs, a
    remark (best, knee, tied with the best, noisy) and the architecture in one line. Below, what
    other seeds say of each and the next faster.
    """

    def __init__(self, run: RunRecord) -> None:
        self.run = run

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        front = front_trials(self.run)
        if not front:
            yield Text("The front is empty: no trial was trained to the end within the budget.")
            return
        wide, narrow = options.max_width >= WIDE, options.max_width < NARROW
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
        look = look_at(self.run)
        seeds = (seeds_heading(look),) if look else ()
        for name in ("trial", "accuracy %", *seeds, "test %", "latency ms", "params", "MACs"):
            justify: JustifyMethod = "left" if name in ("accuracy %", "latency ms") else "right"
            table.add_column(name, justify=justify, overflow="fold")
        table.add_column("", overflow="fold")
        if wide:
            table.add_column("architecture", overflow="fold")
        for cells, trial in self._rows(front):
            row = [*cells, summary(trial.arch)] if wide else cells
            table.add_row(*(Text(cell.replace(" (", "\n(") if narrow else cell) for cell in row))
        yield table
        note = tie_note(self.run)
        if note:
            yield Text(note)
        for line in seed_lines(self.run):
            yield Text(line)
        if not wide:
            yield Text()
            yield _architectures(front)

    def _rows(self, front: tuple[TrialRecord, ...]) -> Iterator[tuple[list[str], TrialRecord]]:
        n, words, look = num_images(self.run), remarks(self.run), look_at(self.run)
        means = {each.trial: each for each in look.means} if look else {}
        for trial in front:
            latency = trial.final_latency or trial.latency
            accuracy, spread = percent_text(trial.accuracy), ""
            if n and trial.accuracy is not None:
                low, high = accuracy_interval(trial.accuracy, n)
                accuracy += f" ({percent_text(low)}-{percent_text(high)})"
            if latency is not None:
                spread = f" ({ms_interval_text(*latency.interval_ms, joint='-')})"
            cells = [
                str(trial.number),
                accuracy,
                *([seeds_text(means.get(trial.number))] if look else []),
                percent_text(trial.test_accuracy),
                ms_text(trial.latency_ms) + spread,
                count_text(trial.params).replace(" ", ""),
                count_text(trial.macs).replace(" ", ""),
                " ".join(words[trial.number]),
            ]
            yield cells, trial


def front_table(run: RunRecord) -> FrontTable:
    """Return the front as a table that rich can print at any width."""
    return FrontTable(run)


def run_cells(run: RunRecord) -> list[tuple[str, float | int | None, str]]:
    """Return a run in a row: heading, value to sort by, text."""
    front = front_trials(run)
    top = best(front)
    accuracy, latency_ms = (top.accuracy, top.latency_ms) if top else (None, None)
    return [
        ("Run", None, run.name),
        ("Trials", len(run.trials), f"{len(run.trials):,}"),
        ("On the front", len(front), str(len(front))),
        ("Best accuracy %", accuracy, percent_text(accuracy)),
        ("At ms", latency_ms, ms_text(latency_ms)),
        ("Time", run.wall_s, duration_text(run.wall_s)),
    ]


def _architectures(front: tuple[TrialRecord, ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(overflow="fold")
    for trial in front:
        grid.add_row(Text(str(trial.number)), Text(summary(trial.arch)))
    return grid

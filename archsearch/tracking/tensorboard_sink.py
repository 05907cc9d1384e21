"""TensorBoard: ``tensorboard/KEY/`` in the folder of the results."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from archsearch.tracking.entry import Entry, Table

FOLDER = "tensorboard"


class TensorBoardSink:
    """Writes event files: curves as scalars, configurations as hyperparameters, tables as text."""

    def __init__(self, folder: Path, group: str) -> None:
        self._folder = folder / FOLDER
        self._writers: dict[str, SummaryWriter] = {}

    def write(self, entry: Entry, done: int, version: int) -> None:
        """Write an entry; see `Sink`."""
        writer = self._writers.get(entry.key)
        if writer is None:
            writer = self._writers[entry.key] = SummaryWriter(str(self._folder / entry.key))
        for point in entry.points:
            if point.step > done:
                for name, value in point.values.items():
                    writer.add_scalar(name, value, point.step)
        if not entry.is_open:
            self._results(writer, entry, version)
            # a search has hundreds of trials: each would keep a file and a thread
            self._writers.pop(entry.key).close()
        else:
            writer.flush()

    def _results(self, writer: SummaryWriter, entry: Entry, version: int) -> None:
        numbers = {f"result/{name}": value for name, value in entry.numbers.items()}
        for name, value in numbers.items():
            writer.add_scalar(name, value, version)
        texts = {
            name: str(value)
            for name, value in entry.results.items()
            if f"result/{name}" not in numbers
        }
        for name, text in texts.items():
            writer.add_text(f"result/{name}", text, version)
        if entry.config and version == 0:
            for summary in hparams(dict(entry.config), numbers):  # type: ignore[no-untyped-call]
                writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]
        if entry.table is not None:
            writer.add_text("table", markdown(entry.table), version)

    def close(self) -> None:
        """Write what is still in memory."""
        for writer in self._writers.values():
            writer.close()


def markdown(table: Table) -> str:
    """Return a table in Markdown."""
    rows = [table.columns, ("---",) * len(table.columns), *table.rows]
    return "\n".join(
        "| " + " | ".join("" if x is None else str(x) for x in row) + " |" for row in rows
    )

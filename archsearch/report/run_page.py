"""One self-contained HTML page about a run: no network, no other file."""

from pathlib import Path
from typing import Any

from archsearch.analysis import best, deciding_accuracies, front_trials, knee, num_images
from archsearch.files import write_text
from archsearch.record import RunRecord
from archsearch.report.html_document import Heading, render
from archsearch.report.layout import Layout, load_layout
from archsearch.report.number_format import duration_text, plural
from archsearch.report.run_sentences import headline
from archsearch.report.shell_commands import export_command
from archsearch.report.trial_data import trial_columns

#: scripts of the page, in the order in which they are run
_SCRIPTS = ("data.js", "figures.js", "network.js", "card.js", "budget.js", "tables.js")


def write_report(run: RunRecord, path: str | Path, layout: str | Path = "search") -> Path:
    """Write the page of a run.

    The file appears whole or not at all.

    Args:
        run: the run.
        path: file to write; its folder is made.
        layout: name of a shipped dashboard, or the path of one.

    Returns:
        The path written.

    Raises:
        InputError: the layout does not exist or defines none.
    """
    return write_text(path, render_page(run, load_layout(layout)))


def render_page(run: RunRecord, layout: Layout) -> str:
    """Return the page as text; see `write_report`."""
    facts = (run.environment.device, plural(len(run.trials), "trial"), duration_text(run.wall_s))
    heading = Heading(run.name, headline(run), facts, "Skip to the front")
    return render(run, layout, heading, run.environment, _data(run), _SCRIPTS)


def _data(run: RunRecord) -> dict[str, Any]:
    """Return the data that the page's scripts read."""
    front = front_trials(run)
    top, bend = best(front, run.aims), knee(front, run.aims)
    return {
        "name": run.name,
        "budget": run.budget_ms,
        "num_val": num_images(run),
        "num_test": num_images(run, "test"),
        "front": [trial.number for trial in front],
        "best": top.number if top else None,
        "knee": bend.number if bend else None,
        "deciding": {str(k): v for k, v in deciding_accuracies(front).items()},
        "export": export_command(run, "@TRIAL@"),
        **trial_columns(run),
    }

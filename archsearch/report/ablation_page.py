"""One self-contained HTML page about an ablation."""

from pathlib import Path

from archsearch.ablation_record import AblationRecord
from archsearch.analysis import Answers
from archsearch.files import write_text
from archsearch.image_size import size_text
from archsearch.report.ablation_view import AblationView, ablation_headline
from archsearch.report.html_document import NO_TRIALS, Heading, render
from archsearch.report.layout import Layout, load_layout
from archsearch.report.number_format import duration_text, plural

_SCRIPTS = ("data.js", "figures.js", "tables.js")


def write_ablation(
    record: AblationRecord,
    path: str | Path,
    layout: str | Path = "ablation",
    found: Answers | None = None,
) -> Path:
    """Write the page of an ablation; the file appears whole or not at all.

    Args:
        record: the ablation; it may still be going on.
        path: file to write; its folder is made.
        layout: name of a shipped dashboard, or the path of one.
        found: its answers; None to work them out.

    Returns:
        The path written.

    Raises:
        InputError: the layout does not exist or defines none.
    """
    view = AblationView(record, found)
    return write_text(path, render_ablation(view, load_layout(layout)))


def render_ablation(view: AblationView, layout: Layout) -> str:
    """Return the page as text; see `write_ablation`."""
    record = view.record
    trainings = sum(len(variant.accuracies) for variant in record.variants)
    facts = (
        record.environment.device,
        f"{record.data}, {size_text(record.image_size)} px",
        f"{record.scale} scale",
        plural(trainings, "training"),
        duration_text(record.wall_s),
    )
    heading = Heading(record.name, ablation_headline(view), facts)
    data = {"name": record.name, **NO_TRIALS}
    return render(view, layout, heading, record.environment, data, _SCRIPTS)

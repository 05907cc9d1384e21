"""One self-contained HTML page about what mattered in a run."""

from pathlib import Path

from archsearch.files import write_text
from archsearch.report.html_document import NO_TRIALS, Heading, render
from archsearch.report.importance_findings import verdicts
from archsearch.report.importance_tables import importance_table, marginals_table
from archsearch.report.layout import Layout, Panel, load_layout
from archsearch.report.number_format import plural
from archsearch.report.panels import definitions, environment_rows
from archsearch.report.table_panel import panel_of
from archsearch.run import RunImportance


def write_importance(
    found: RunImportance, path: str | Path, layout: str | Path = "importance"
) -> Path:
    """Write the page; the file appears whole or not at all.

    Args:
        found: what mattered.
        path: file to write; its folder is made.
        layout: name of a shipped dashboard, or the path of one.

    Raises:
        InputError: the layout does not exist or defines none.
    """
    return write_text(path, render_importance(found, load_layout(layout)))


def render_importance(found: RunImportance, layout: Layout) -> str:
    """Return the page as text; see `write_importance`."""
    facts: tuple[str, ...] = (
        found.environment.device,
        f"{plural(found.num_accuracy, 'trial')} trained to the end",
        f"{found.num_latency:,} measured",
    )
    facts += tuple(each.rstrip(".") for each in found.remarks)
    heading = Heading(found.name, importance_headline(found), facts)
    data = {"name": found.name, **NO_TRIALS}
    scripts = ("data.js", "figures.js", "tables.js")
    return render(found, layout, heading, found.environment, data, scripts)


def importance_headline(found: RunImportance) -> str:
    """Return which choices can be distinguished, with intervals; or that none can."""
    return " ".join(verdicts(found.marginals))


def importance_panel(found: RunImportance) -> Panel:
    """Return the table of parameters."""
    return panel_of("importance", importance_table(found))


def marginals_panel(found: RunImportance) -> Panel | None:
    """Return the table of choices; None when none occurs often enough."""
    return panel_of("choices", marginals_table(found)) if found.marginals else None


def importance_environment_panel(found: RunImportance) -> Panel:
    """Return the machine and the software that the latencies belong to."""
    return Panel("environment", "Environment", definitions(environment_rows(found.environment)))

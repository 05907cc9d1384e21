"""One self-contained HTML page: why one network of a run is better than another."""

from html import escape
from pathlib import Path

from archsearch.files import write_text
from archsearch.report.explanation_findings import explanation_headline, explanation_sentences
from archsearch.report.explanation_tables import choice_interactions_table, explanation_table
from archsearch.report.html_document import NO_TRIALS, Heading, render
from archsearch.report.layout import Layout, Panel, load_layout
from archsearch.report.number_format import plural
from archsearch.report.panels import definitions, environment_rows
from archsearch.report.path_findings import path_sentences, path_table
from archsearch.report.table_panel import panel_of
from archsearch.run import Explanation


def write_explanation(
    found: Explanation, path: str | Path, layout: str | Path = "explanation"
) -> Path:
    """Write the page; the file appears whole or not at all.

    Args:
        found: the explanation.
        path: file to write; its folder is made.
        layout: name of a shipped dashboard, or the path of one.

    Raises:
        InputError: the layout does not exist or defines none.
    """
    return write_text(path, render_explanation(found, load_layout(layout)))


def render_explanation(found: Explanation, layout: Layout) -> str:
    """Return the page as text; see `write_explanation`."""
    facts = (
        f"trial {found.target} against {found.baseline}",
        found.environment.device,
        f"{plural(len(found.choices), 'choice')} differ",
        plural(found.accuracy.num_used, "trial"),
    )
    heading = Heading(found.name, explanation_headline(found), facts)
    data = {"name": found.name, **NO_TRIALS}
    scripts = ("data.js", "figures.js", "tables.js")
    return render(found, layout, heading, found.environment, data, scripts)


def explanation_summary_panel(found: Explanation) -> Panel:
    """Return the sentences that follow the headline."""
    sentences = [*explanation_sentences(found)[1:], *path_sentences(found)]
    lines = "".join(f"<p>{escape(line)}</p>" for line in sentences)
    return Panel("summary", "", f'<div class="prose">{lines}</div>')


def explained_choices_panel(found: Explanation) -> Panel:
    """Return the table of choices."""
    # a page has room to wrap the changes, where a terminal lists them below
    return panel_of("choices", explanation_table(found)._replace(code=()))


def explained_path_panel(found: Explanation) -> Panel | None:
    """Return the steps of the trained path; None without one."""
    table = path_table(found)
    return None if table is None else panel_of("path", table._replace(code=()))


def explained_interactions_panel(found: Explanation) -> Panel:
    """Return the table of interactions."""
    return panel_of("interactions", choice_interactions_table(found))


def explanation_method_panel(found: Explanation) -> Panel:
    """Return how the values and their intervals were computed."""
    split = found.accuracy
    beyond = 100 * split.attribution.beyond
    rows = [
        ("Model", "Bayesian linear regression on choices: main effects, interactions of 2 to 6"),
        ("Trials", f"{split.num_used:,} of {split.num_trials:,} trained to the end"),
        ("Beyond effects", f"standard deviation {beyond:.2f} points of one training"),
        ("Values", "Shapley values and interaction indices, exact under the model"),
        ("Intervals", "95 %, from the posterior of effects and their variances; Student's t"),
    ]
    return Panel("method", "Method", definitions(rows))


def explanation_environment_panel(found: Explanation) -> Panel:
    """Return the machine and the software that the latencies belong to."""
    return Panel("environment", "Environment", definitions(environment_rows(found.environment)))

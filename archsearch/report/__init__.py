"""Output for people: tables, text, figures, and the pages of runs and ablations.

``write_report``, ``write_ablation`` and the figures need plotly; the rest is ready without it.
"""

import importlib
from typing import Any

from archsearch.report.baseline_columns import baseline_table
from archsearch.report.empty_front import empty_front_lines
from archsearch.report.explanation_tables import choice_interactions_table, explanation_table
from archsearch.report.family_columns import family_table
from archsearch.report.front_certainty import correlation_line, seed_lines
from archsearch.report.front_columns import FRONT_COLUMNS
from archsearch.report.front_json import front_points
from archsearch.report.importance_tables import importance_table, marginals_table
from archsearch.report.plain_table import PlainTable, written
from archsearch.report.run_sentences import headline, sentences
from archsearch.report.run_tables import front_table
from archsearch.report.shell_commands import export_command
from archsearch.report.text_plot import front_text
from archsearch.report.variant_tables import (
    ablation_table,
    ablation_tables,
    effects_table,
    interactions_table,
)

__all__ = [
    "FRONT_COLUMNS",
    "PlainTable",
    "ablation_table",
    "ablation_tables",
    "baseline_table",
    "choice_interactions_table",
    "correlation_line",
    "effects_table",
    "empty_front_lines",
    "explanation_table",
    "export_command",
    "family_table",
    "front_points",
    "front_table",
    "front_text",
    "headline",
    "importance_table",
    "interactions_table",
    "marginals_table",
    "seed_lines",
    "sentences",
    "write_ablation",
    "write_explanation",
    "write_importance",
    "write_report",
    "written",
]


_PAGES = {
    "write_ablation": "ablation_page",
    "write_explanation": "explanation_page",
    "write_importance": "importance_page",
    "write_report": "run_page",
}


def __getattr__(name: str) -> Any:
    """Load a page, and plotly with it, when it is first asked for (PEP 562)."""
    if name in _PAGES:
        return getattr(importlib.import_module(f"archsearch.report.{_PAGES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

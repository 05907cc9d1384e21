"""What people look at: tables, text, figures and the page of a run.

``write_report`` and the figures need plotly; the rest is ready without it.
"""

import importlib
from typing import Any

from archsearch.report.baseline_table import baseline_points, baseline_table
from archsearch.report.commands import export_command
from archsearch.report.points import front_points
from archsearch.report.sentences import headline, sentences
from archsearch.report.tables import FrontTable, front_table
from archsearch.report.text_plot import front_text

__all__ = [
    "FrontTable",
    "baseline_points",
    "baseline_table",
    "export_command",
    "front_points",
    "front_table",
    "front_text",
    "headline",
    "sentences",
    "write_report",
]


def __getattr__(name: str) -> Any:
    """Load the page, and plotly with it, when it is first asked for (PEP 562)."""
    if name == "write_report":
        return importlib.import_module("archsearch.report.page").write_report
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The page of what mattered in a search: what can be told apart first, then shares."""

from archsearch.report.figures.importance import draw_found_choices, draw_importance
from archsearch.report.importance_page import (
    importance_environment_panel,
    importance_panel,
    marginals_panel,
)
from archsearch.report.layout import Layout, Section

LAYOUT = Layout(
    kind="Importance",
    sections=(
        Section("Choices at equal latency", (draw_found_choices, marginals_panel)),
        Section("The parameters", (draw_importance, importance_panel)),
        Section("Where it was measured", (importance_environment_panel,)),
    ),
)

"""The page of why one network is better than another: waterfalls first, then tables."""

from archsearch.report.explanation_page import (
    explained_choices_panel,
    explained_interactions_panel,
    explained_path_panel,
    explanation_environment_panel,
    explanation_method_panel,
    explanation_summary_panel,
)
from archsearch.report.figures.waterfall import draw_accuracy, draw_latency, draw_path
from archsearch.report.layout import Layout, Section

LAYOUT = Layout(
    kind="Explanation",
    sections=(
        Section("", (explanation_summary_panel,)),
        Section("One choice after the other", (draw_accuracy, draw_latency), columns=2),
        Section("Trained, one choice after the other", (draw_path, explained_path_panel)),
        Section("The choices", (explained_choices_panel,)),
        Section("Interactions", (explained_interactions_panel,)),
        Section(
            "How it was computed",
            (explanation_method_panel, explanation_environment_panel),
            columns=2,
        ),
    ),
)

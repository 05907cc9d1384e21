"""The page of one search: the front first, then how sure it is and how it came about."""

from archsearch.report.figures import (
    draw_choices,
    draw_correlation,
    draw_curves,
    draw_front,
    draw_latency_check,
    draw_latency_model,
    draw_parallel,
    draw_progress_over_epochs,
    draw_progress_over_time,
    draw_time,
)
from archsearch.report.layout import Layout, Section
from archsearch.report.panels import (
    baseline_panel,
    budget_panel,
    card_panel,
    configuration_panel,
    environment_panel,
    family_panel,
    front_table_panel,
    notes_panel,
    protocol_panel,
    summary_panel,
    trials_panel,
    verdict_panel,
)

LAYOUT = Layout(
    kind="Search report",
    sections=(
        Section("", (verdict_panel, draw_front, budget_panel, card_panel)),
        Section("In words", (summary_panel, notes_panel)),
        Section("The front", (front_table_panel,)),
        Section("Baselines", (family_panel, baseline_panel)),
        Section(
            "How the search went", (draw_progress_over_time, draw_progress_over_epochs), columns=2
        ),
        Section("What the choices tell", (draw_parallel, draw_choices)),
        Section("Training", (draw_curves, draw_correlation), columns=2),
        Section("Latency", (draw_latency_model, draw_latency_check), columns=2),
        Section("Where the time went", (draw_time,)),
        Section("All trials", (trials_panel,)),
        Section(
            "How it was measured",
            (protocol_panel, environment_panel, configuration_panel),
            columns=2,
        ),
    ),
)

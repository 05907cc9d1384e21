"""The page of one ablation: the differences first, then what they cost and how sure they are."""

from archsearch.report.ablation_panels import (
    ablation_environment_panel,
    ablation_method_panel,
    ablation_notes_panel,
    ablation_summary_panel,
    changes_panel,
    interactions_panel,
    main_effects_panel,
    published_panel,
    recipe_panel,
    variants_panel,
)
from archsearch.report.figures.effects import draw_effects, draw_main_effects
from archsearch.report.figures.interactions import draw_interactions
from archsearch.report.figures.variant_costs import draw_costs
from archsearch.report.figures.variant_curves import draw_mean_curves
from archsearch.report.layout import Layout, Section

LAYOUT = Layout(
    kind="Ablation",
    sections=(
        Section("", (draw_main_effects, draw_effects)),
        Section("In words", (ablation_summary_panel, ablation_notes_panel)),
        Section("The variants", (variants_panel,)),
        Section(
            "The factors",
            (draw_interactions, main_effects_panel, interactions_panel),
        ),
        Section("Gain and cost", (draw_costs,)),
        Section("Training", (draw_mean_curves,)),
        Section("What was changed", (changes_panel, published_panel), columns=2),
        Section(
            "How it was measured",
            (ablation_method_panel, ablation_environment_panel, recipe_panel),
            columns=2,
        ),
    ),
)

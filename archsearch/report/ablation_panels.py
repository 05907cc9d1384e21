"""The parts of an ablation's page that are not figures, as HTML; everything is escaped."""

from html import escape

from archsearch.image_size import size_text
from archsearch.report.ablation_view import AblationView, ablation_sentences
from archsearch.report.layout import Panel
from archsearch.report.panels import definitions, environment_rows
from archsearch.report.table_panel import panel_of
from archsearch.report.variant_tables import ablation_table, effects_table, interactions_table
from archsearch.yaml_source import dump_yaml


def ablation_summary_panel(view: AblationView) -> Panel:
    """Return the ablation in sentences."""
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in ablation_sentences(view))
    return Panel("summary", "", f'<div class="prose">{paragraphs}</div>')


def ablation_notes_panel(view: AblationView) -> Panel | None:
    """Return the open questions and the failures."""
    effects = view.answers.effects
    lines = [*view.answers.notes, *view.record.notes, *(effects.unclear if effects else ())]
    if not lines:
        return None
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return Panel("notes", "Notes", f'<ul class="notes">{items}</ul>')


def published_panel(view: AblationView) -> Panel | None:
    """Return the published results, as far as they are known."""
    record = view.record
    lines = [
        (variant.name, variant.published.text)
        for variant in record.variants
        if variant.published is not None and variant.published.text
    ]
    if not record.published and not lines:
        return None
    text = f'<div class="prose"><p>{escape(record.published)}</p></div>' if record.published else ""
    return Panel("published", "Published", text + (definitions(lines) if lines else ""))


def variants_panel(view: AblationView) -> Panel:
    """Return the table of variants, to read and to copy."""
    return panel_of("variants", ablation_table(view.record, view.answers))


def main_effects_panel(view: AblationView) -> Panel | None:
    """Return the table of main effects; None for designs without factors."""
    table = effects_table(view.record, view.answers)
    return panel_of("main-effects", table) if table else None


def interactions_panel(view: AblationView) -> Panel | None:
    """Return the table of interactions, folded; None for designs without factors."""
    table = interactions_table(view.record, view.answers)
    if table is None:
        return None
    panel = panel_of("interactions", table)
    folded = f"<details><summary>All interactions</summary>{panel.html}</details>"
    return panel._replace(html=folded)


def changes_panel(view: AblationView) -> Panel:
    """Return what each variant changes."""
    rows = [
        (
            variant.name,
            "; ".join(filter(None, (variant.description, _overrides(variant.overrides)))),
        )
        for variant in view.record.variants
    ]
    return Panel("changes", "What each variant changes", definitions(rows))


def ablation_method_panel(view: AblationView) -> Panel:
    """Return how accuracies, intervals and latencies were computed."""
    record, found = view.record, view.answers.comparison
    rows = [("Comparison", found.method if found else "none yet")]
    if found is not None and found.noise is not None:
        rows.append(("Noise", f"standard deviation {100 * found.noise:.2f} points between seeds"))
    if view.answers.effects is not None:
        rows.append(("Factors", view.answers.effects.method))
    rows += [
        ("Accuracy", f"last epoch, {record.num_images:,} validation images"),
        (
            "Training",
            f"{record.num_train:,} images of {record.data} at {size_text(record.image_size)} px",
        ),
        ("Seeds", ", ".join(map(str, record.seeds))),
        ("Pairing", "all networks share data order and initial seed"),
        ("Scale", record.scale),
        ("Cost", record.cost),
    ]
    return Panel("method", "Method", definitions(rows))


def ablation_environment_panel(view: AblationView) -> Panel:
    """Return the machine and the software that the numbers belong to."""
    rows = environment_rows(view.record.environment)
    return Panel("environment", "Environment", definitions(rows))


def recipe_panel(view: AblationView) -> Panel:
    """Return recipe and latency protocol as they were used."""
    plain = {"recipe": view.record.recipe, "latency": view.record.protocol}
    text = escape(dump_yaml(plain))
    return Panel(
        "configuration",
        "",
        f"<details><summary>Recipe and latency protocol</summary><pre>{text}</pre></details>",
    )


def _overrides(overrides: dict[str, object]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in overrides.items())

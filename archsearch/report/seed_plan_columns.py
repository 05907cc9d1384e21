"""The seeds that an ablation needs, as a table."""

from archsearch.analysis.seed_planning import MOST_SEEDS, POWER, SURE, PlannedSeeds, SeedPlan
from archsearch.report.number_format import duration_text, points_text
from archsearch.report.plain_table import PlainTable
from archsearch.report.table_column import Column, tabulate


def _count(seeds: int | None) -> str:
    return f"more than {MOST_SEEDS}" if seeds is None else str(seeds)


_COLUMNS: tuple[Column[PlannedSeeds], ...] = (
    Column(
        "difference",
        lambda row: row.difference,
        "difference, points",
        lambda row: f"{100 * row.difference:g}",
        about="true difference in accuracy between a variant and the base",
    ),
    Column("seeds", lambda row: row.seeds, "seeds", lambda row: _count(row.seeds)),
    Column(
        "safe_seeds",
        lambda row: row.safe_seeds,
        "seeds, to be safe",
        lambda row: _count(row.safe_seeds),
        about=f"with the spread that the true one is below with {100 * SURE:.0f} %",
    ),
    Column(
        "hours",
        lambda row: row.hours,
        "training time",
        lambda row: "-" if row.hours is None else duration_text(3600 * row.hours),
        about="of these seeds of every network, one after the other",
    ),
)


def seed_plan_table(name: str, plan: SeedPlan) -> PlainTable:
    """Return the plan as a table."""
    half = points_text(plan.image_half, 1).lstrip("+")
    notes = [
        f"Found with {100 * POWER:.0f} % power, by intervals for all {plan.networks} networks.",
        f"Spread of one accuracy between seeds: {100 * plan.noise:.2f} points ({plan.df:g} degrees "
        "of freedom).",
        f"Other validation images would change a difference by up to {half} points (95 %), which "
        "seeds do not shrink: an answer is about these images.",
    ]
    if not plan.equal:
        notes.append("The networks' spreads differ, so some need more seeds than this.")
    return tabulate(f"{name}: seeds for a difference", _COLUMNS, plan.rows, notes)

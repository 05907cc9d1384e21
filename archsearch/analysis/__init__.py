"""What the records say: fronts, hypervolume, knee, progress, rank correlation, significance."""

from archsearch.analysis.choice import best, choose, front_trials
from archsearch.analysis.front import eligible, nondominated, objectives, pareto_front
from archsearch.analysis.hypervolume import Reference, hypervolume, reference_point
from archsearch.analysis.knee import knee, knee_index
from archsearch.analysis.progress import Progress, progress
from archsearch.analysis.rank_correlation import (
    RankCorrelation,
    correlation_of,
    epoch_correlations,
    kendall_interval,
    kendall_tau,
    rank_correlation,
)
from archsearch.analysis.significance import (
    accuracy_interval,
    difference_interval,
    num_images,
    ties_with,
)

__all__ = [
    "Progress",
    "RankCorrelation",
    "Reference",
    "accuracy_interval",
    "best",
    "choose",
    "correlation_of",
    "difference_interval",
    "eligible",
    "epoch_correlations",
    "front_trials",
    "hypervolume",
    "kendall_interval",
    "kendall_tau",
    "knee",
    "knee_index",
    "nondominated",
    "num_images",
    "objectives",
    "pareto_front",
    "progress",
    "rank_correlation",
    "reference_point",
    "ties_with",
]

"""What the records say: fronts, progress, rank correlation, significance, ablation effects."""

from archsearch.analysis.answers import Answers, CostChange, answers, seeds_wanted
from archsearch.analysis.choice import best, choose, front_trials
from archsearch.analysis.comparison import Compared, Comparison, compare
from archsearch.analysis.factorial import Effect, Effects, factorial_effects
from archsearch.analysis.front import eligible, nondominated, objectives, pareto_front
from archsearch.analysis.hypervolume import Reference, hypervolume, reference_point
from archsearch.analysis.knee import knee, knee_index
from archsearch.analysis.marginals import Marginal, choice_marginals
from archsearch.analysis.progress import Progress, progress
from archsearch.analysis.rank_correlation import (
    RankCorrelation,
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
    "Answers",
    "Compared",
    "Comparison",
    "CostChange",
    "Effect",
    "Effects",
    "Marginal",
    "Progress",
    "RankCorrelation",
    "Reference",
    "accuracy_interval",
    "answers",
    "best",
    "choice_marginals",
    "choose",
    "compare",
    "difference_interval",
    "eligible",
    "epoch_correlations",
    "factorial_effects",
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
    "seeds_wanted",
    "ties_with",
]

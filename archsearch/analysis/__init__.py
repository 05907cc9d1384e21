"""What the records say: fronts, progress, correlations, comparisons, ablation effects."""

from archsearch.analysis.ablation_answers import Answers, CostChange, answers, seeds_wanted
from archsearch.analysis.baseline_gain import Versus, versus
from archsearch.analysis.factorial import Effect, Effects, factorial_effects, holm
from archsearch.analysis.family_gain import FamilyGain, family_gains
from archsearch.analysis.front import (
    best_guesses,
    dominated_by,
    eligible,
    exceeds,
    keeping,
    may_exceed,
    nondominated,
    objectives,
    pareto_front,
)
from archsearch.analysis.front_judgement import (
    Difference,
    FrontJudgement,
    judge_front,
    run_judgement,
)
from archsearch.analysis.front_knee import knee, knee_index
from archsearch.analysis.front_seeds import FrontSeeds, SeedMean, compare_seeds
from archsearch.analysis.front_volume import Reference, hypervolume, reference_point
from archsearch.analysis.latency_ties import LatencyNeighbour, latency_neighbours
from archsearch.analysis.marginals import Marginal, choice_marginals
from archsearch.analysis.rank_agreement import (
    RankCorrelation,
    correlation_of,
    epoch_correlations,
    kendall_interval,
    kendall_tau,
    rank_correlation,
    rung_correlations,
)
from archsearch.analysis.reported_accuracy import (
    Reported,
    baseline_accuracies,
    decided_by_others,
    deciding_accuracies,
    interval_of_difference,
    reported_accuracies,
    run_accuracies,
)
from archsearch.analysis.ridge import leave_one_out, one_hot
from archsearch.analysis.run_comparison import (
    Dominated,
    Estimate,
    Ground,
    by_other_seeds,
    common_reference,
    comparable,
    dominated_points,
    ground,
    hypervolume_difference,
    hypervolume_draws,
    hypervolume_estimate,
    on_one_scale,
)
from archsearch.analysis.search_progress import Progress, progress
from archsearch.analysis.significance import (
    accuracy_interval,
    difference_interval,
    num_images,
)
from archsearch.analysis.trial_choice import best, choose, front_trials
from archsearch.analysis.variant_comparison import Compared, Comparison, compare

__all__ = [
    "Answers",
    "Compared",
    "Comparison",
    "CostChange",
    "Difference",
    "Dominated",
    "Effect",
    "Effects",
    "Estimate",
    "FamilyGain",
    "FrontJudgement",
    "FrontSeeds",
    "Ground",
    "LatencyNeighbour",
    "Marginal",
    "Progress",
    "RankCorrelation",
    "Reference",
    "Reported",
    "SeedMean",
    "Versus",
    "accuracy_interval",
    "answers",
    "baseline_accuracies",
    "best",
    "best_guesses",
    "by_other_seeds",
    "choice_marginals",
    "choose",
    "common_reference",
    "comparable",
    "compare",
    "compare_seeds",
    "correlation_of",
    "decided_by_others",
    "deciding_accuracies",
    "difference_interval",
    "dominated_by",
    "dominated_points",
    "eligible",
    "epoch_correlations",
    "exceeds",
    "factorial_effects",
    "family_gains",
    "front_trials",
    "ground",
    "holm",
    "hypervolume",
    "hypervolume_difference",
    "hypervolume_draws",
    "hypervolume_estimate",
    "interval_of_difference",
    "judge_front",
    "keeping",
    "kendall_interval",
    "kendall_tau",
    "knee",
    "knee_index",
    "latency_neighbours",
    "leave_one_out",
    "may_exceed",
    "nondominated",
    "num_images",
    "objectives",
    "on_one_scale",
    "one_hot",
    "pareto_front",
    "progress",
    "rank_correlation",
    "reference_point",
    "reported_accuracies",
    "run_accuracies",
    "run_judgement",
    "rung_correlations",
    "seeds_wanted",
    "versus",
]

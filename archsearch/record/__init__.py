"""Records of runs and trials: architectures, accuracies, latencies, environments."""

from archsearch.record.aims import FIRST_TARGET, Aims
from archsearch.record.environment import Environment
from archsearch.record.latency import (
    EVEN_CHANCE,
    LatencyPrediction,
    LatencyRatio,
    LatencyResult,
    Verdict,
    better_known,
)
from archsearch.record.run import RunRecord
from archsearch.record.trial import BaselineRecord, EpochMetrics, SeedResult, State, TrialRecord

__all__ = [
    "EVEN_CHANCE",
    "FIRST_TARGET",
    "Aims",
    "BaselineRecord",
    "Environment",
    "EpochMetrics",
    "LatencyPrediction",
    "LatencyRatio",
    "LatencyResult",
    "RunRecord",
    "SeedResult",
    "State",
    "TrialRecord",
    "Verdict",
    "better_known",
]

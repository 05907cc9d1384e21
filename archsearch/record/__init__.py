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
from archsearch.record.quantization import MAX_DROP, Quantization
from archsearch.record.run import RunRecord
from archsearch.record.trial import (
    BaselineRecord,
    EpochMetrics,
    Inherited,
    SeedResult,
    State,
    TrialRecord,
)

__all__ = [
    "EVEN_CHANCE",
    "FIRST_TARGET",
    "MAX_DROP",
    "Aims",
    "BaselineRecord",
    "Environment",
    "EpochMetrics",
    "Inherited",
    "LatencyPrediction",
    "LatencyRatio",
    "LatencyResult",
    "Quantization",
    "RunRecord",
    "SeedResult",
    "State",
    "TrialRecord",
    "Verdict",
    "better_known",
]

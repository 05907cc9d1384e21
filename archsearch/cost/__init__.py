"""What an architecture costs: parameters, multiply-adds, memory and measured latency."""

from archsearch.cost.calibration import Coverage, calibrate_table
from archsearch.cost.counts import ArchCounts, MacCount, count_arch, count_macs, count_params
from archsearch.cost.environment import current_environment
from archsearch.cost.fvcore_counts import count_macs_fvcore
from archsearch.cost.latency_table import LatencyTable, Prediction, TableKey, table_path
from archsearch.cost.measured_network import BuiltTarget, Target, build_target
from archsearch.cost.measurer import Measurer
from archsearch.cost.memory import ActivationMemory, activation_memory, weight_bytes
from archsearch.cost.probe import Comparison, Probe, Ratio
from archsearch.cost.profile import Profile, UnitProfile, profile_target
from archsearch.cost.protocol import FINAL, GATE, LatencyProtocol

__all__ = [
    "FINAL",
    "GATE",
    "ActivationMemory",
    "ArchCounts",
    "BuiltTarget",
    "Comparison",
    "Coverage",
    "LatencyProtocol",
    "LatencyTable",
    "MacCount",
    "Measurer",
    "Prediction",
    "Probe",
    "Profile",
    "Ratio",
    "TableKey",
    "Target",
    "UnitProfile",
    "activation_memory",
    "build_target",
    "calibrate_table",
    "count_arch",
    "count_macs",
    "count_macs_fvcore",
    "count_params",
    "current_environment",
    "profile_target",
    "table_path",
    "weight_bytes",
]

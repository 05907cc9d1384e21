"""What an architecture costs: parameters, multiply-adds, memory and measured latency."""

from archsearch.cost.calibration import Coverage, calibrate_table
from archsearch.cost.comparison import Comparison, joined
from archsearch.cost.counts import ArchCounts, MacCount, count_arch, count_macs, count_params
from archsearch.cost.environment import current_environment
from archsearch.cost.fvcore_counts import count_macs_fvcore
from archsearch.cost.latency_table import LatencyTable, Prediction, TableKey, table_path
from archsearch.cost.measured_network import BuiltTarget, Target, build_target
from archsearch.cost.measurer import Measurer
from archsearch.cost.memory import ActivationMemory, activation_memory, weight_bytes
from archsearch.cost.probe import Probe
from archsearch.cost.profile import Profile, UnitProfile, profile_target
from archsearch.cost.protocol import COMPARE, FINAL, GATE, LatencyProtocol
from archsearch.cost.ratios import PASSES, Levels
from archsearch.cost.repeated import compare_repeatedly

__all__ = [
    "COMPARE",
    "FINAL",
    "GATE",
    "PASSES",
    "ActivationMemory",
    "ArchCounts",
    "BuiltTarget",
    "Comparison",
    "Coverage",
    "LatencyProtocol",
    "LatencyTable",
    "Levels",
    "MacCount",
    "Measurer",
    "Prediction",
    "Probe",
    "Profile",
    "TableKey",
    "Target",
    "UnitProfile",
    "activation_memory",
    "build_target",
    "calibrate_table",
    "compare_repeatedly",
    "count_arch",
    "count_macs",
    "count_macs_fvcore",
    "count_params",
    "current_environment",
    "joined",
    "profile_target",
    "table_path",
    "weight_bytes",
]

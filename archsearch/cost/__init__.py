"""What an architecture costs: parameters, multiply-adds, memory and measured latency."""

from archsearch.cost.counts import MacCount, count_macs, count_params
from archsearch.cost.environment import current_environment
from archsearch.cost.memory import ActivationMemory, activation_memory, weight_bytes

__all__ = [
    "ActivationMemory",
    "MacCount",
    "activation_memory",
    "count_macs",
    "count_params",
    "current_environment",
    "weight_bytes",
]

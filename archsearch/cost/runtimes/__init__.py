"""Inference runtimes: small adapters that turn a module and an input into one inference."""

from archsearch.cost.runtimes.registry import RUNTIMES, WAITING, check_runtime, prepare

__all__ = ["RUNTIMES", "WAITING", "check_runtime", "prepare"]

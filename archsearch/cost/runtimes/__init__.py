"""Inference runtimes: small adapters that turn a module and an input into one inference."""

from archsearch.cost.runtimes.registry import (
    INT8_RUNTIMES,
    RUNTIMES,
    WAITING,
    check_runtime,
    load_graph,
    prepare,
    prepare_int8,
)

__all__ = [
    "INT8_RUNTIMES",
    "RUNTIMES",
    "WAITING",
    "check_runtime",
    "load_graph",
    "prepare",
    "prepare_int8",
]

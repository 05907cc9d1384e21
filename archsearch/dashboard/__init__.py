"""Optuna's dashboard on a run, while it is going on or later: home of optuna-dashboard."""

from archsearch.dashboard.server import LiveServer, open_dashboard

__all__ = ["LiveServer", "open_dashboard"]

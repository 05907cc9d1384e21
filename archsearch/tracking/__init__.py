"""Logs results to experiment trackers; off by default."""

from archsearch.tracking.entry import Entry, Point, Table
from archsearch.tracking.registry import SINKS, Sink, check_sinks
from archsearch.tracking.tracker import Tracker, open_tracker

__all__ = [
    "SINKS",
    "Entry",
    "Point",
    "Sink",
    "Table",
    "Tracker",
    "check_sinks",
    "open_tracker",
]

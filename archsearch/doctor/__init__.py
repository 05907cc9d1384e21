"""Checks of a machine and an installation: what would make a run fail, or its numbers doubtful."""

from archsearch.doctor.checks import CHECKS, LIMIT_S, examine
from archsearch.doctor.finding import Finding, Level

__all__ = ["CHECKS", "LIMIT_S", "Finding", "Level", "examine"]

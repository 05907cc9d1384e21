"""Data sets by name, in three splits: in memory where they fit, from their files where not."""

from archsearch.data.load import DATA_NAMES, load_data
from archsearch.data.request import Progress
from archsearch.data.splits import ArraySplit, DataSplits, FileSplit, Split

__all__ = [
    "DATA_NAMES",
    "ArraySplit",
    "DataSplits",
    "FileSplit",
    "Progress",
    "Split",
    "load_data",
]

"""Data sets by name, in three splits: in memory where they fit, from their files where not."""

from archsearch.data.data_description import describe_data
from archsearch.data.data_sets import DATA_NAMES, load_data
from archsearch.data.request import Progress
from archsearch.data.splits import ArraySplit, DataSplits, FileSplit, Split
from archsearch.data.teacher_outputs import TeacherOutputs
from archsearch.data.value_scale import ValueRange, ValueScale

__all__ = [
    "DATA_NAMES",
    "ArraySplit",
    "DataSplits",
    "FileSplit",
    "Progress",
    "Split",
    "TeacherOutputs",
    "ValueRange",
    "ValueScale",
    "describe_data",
    "load_data",
]

"""How many marks the plot of a front shows, whatever groups they are in."""

from archsearch.report.front_data import FrontInfo, Marks, NamedMarks


def drawn_marks(info: FrontInfo) -> int:
    """Return the number of marks of trials and of known networks."""
    trials = sum(len(group.numbers) for group in info if isinstance(group, Marks))
    known = sum(len(group.names) for group in info if isinstance(group, NamedMarks))
    return trials + known

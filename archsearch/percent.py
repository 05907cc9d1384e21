"""Shares in percent, with one decimal."""


def percent_text(share: float | None, digits: int = 1) -> str:
    """Return a share of 0 to 1 in percent, without the sign; ``-`` for unknown."""
    return "-" if share is None else f"{100 * share:.{digits}f}"


def percent_interval_text(low: float, high: float, digits: int = 1) -> str:
    """Return the two ends of an interval of shares, in percent, without the sign."""
    return f"{percent_text(low, digits)} to {percent_text(high, digits)}"

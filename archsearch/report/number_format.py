"""Formats numbers for people: rounded to their precision, with their unit."""

import math
from typing import TYPE_CHECKING

from archsearch.percent import percent_interval_text, percent_text

if TYPE_CHECKING:
    from archsearch.analysis import Reported

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count_text(value: float | None) -> str:
    """Return ``1.23 M`` for 1,234,567; three significant digits, ``-`` for unknown."""
    if value is None:
        return "-"
    for step, prefix in _STEPS:
        # 999,950 and more would round to "1000 k"
        if value >= step * 0.9995:
            return f"{_three(value / step)} {prefix}"
    return f"{value:.0f}"


def ms_text(value: float | None) -> str:
    """Return milliseconds with three significant digits and without unit; ``-`` for unknown."""
    return "-" if value is None else _three(value)


def ms_interval_text(ends: tuple[float, float] | None) -> str:
    """Return the two ends of a latency interval, with enough digits to tell them apart."""
    if ends is None:
        return "spread unknown"
    low, high = ends
    digits = _digits(low)
    while digits < 5 and high > low and f"{low:.{digits}f}" == f"{high:.{digits}f}":
        digits += 1
    return f"{low:.{digits}f} to {high:.{digits}f}"


def reported_text(reported: "Reported | None") -> str:
    """Return the accuracy that leads, in percent, with its interval and the seeds behind it.

    E.g. ``96.3 (95.1 to 97.2, 2 seeds)``, or ``97.1 (96.0 to 98.0, selected)`` for the seed that
    chose; ``-`` for unknown.
    """
    if reported is None:
        return "-"
    within = [percent_interval_text(*reported.interval)] if reported.interval else []
    within.append(plural(reported.num_seeds, "seed") if reported.num_seeds else "selected")
    return f"{percent_text(reported.value)} ({', '.join(within)})"


def points_text(share: float | None, digits: int = 2) -> str:
    """Return a difference of shares in percentage points, with its sign; ``-`` for unknown."""
    if share is None:
        return "-"
    # no "-0.00"
    return f"{round(100 * share, digits) + 0.0:+.{digits}f}"


def change_text(value: float, base: float) -> str:
    """Return a change against a base in percent of it, e.g. ``-12 %``; ``0 %`` for none."""
    if base == 0:
        return "-"
    share = 100 * value / base
    if value == 0:
        return "0 %"
    return f"{share:+.0f} %" if abs(share) >= 9.5 else f"{share:+.1f} %"


def factor_text(log: float) -> str:
    """Return the logarithm of a factor as a change in percent, e.g. ``-12 %``."""
    change = 100 * math.expm1(min(log, 20.0))
    # no "-0 %"
    return f"{round(change) + 0.0:+.0f} %" if change < 1e5 else "huge"


def p_text(p: float) -> str:
    """Return a p-value with three decimals; small ones as a bound."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def duration_text(seconds: float) -> str:
    """Return ``4 min 52 s``; hours and minutes above an hour."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def bytes_text(value: int) -> str:
    """Return memory in GiB."""
    return f"{value / 2**30:.1f} GiB"


def plural(count: int, noun: str) -> str:
    """Return ``1 trial`` or ``2 trials``; a thousands comma in large counts."""
    if count != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun}"


def _digits(value: float) -> int:
    """Return the decimals that show three significant digits of ``value``."""
    if not math.isfinite(value) or value == 0:
        return 2
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 5)


def _three(value: float) -> str:
    # 9.996 has two decimals by its size, but rounds to 10.00: ask again after rounding
    return f"{value:.{_digits(float(f'{value:.2e}'))}f}"

"""Sizes that may differ along the two sides of a map."""

#: one number for both sides, or one for the rows and one for the columns
Sides = int | tuple[int, int]


def both(size: Sides) -> tuple[int, int]:
    """Return ``(rows, columns)``."""
    return (size, size) if isinstance(size, int) else size

"""Name data sets as pages and cards do."""


def data_label(data: str) -> str:
    """Return the name of a data set; of a folder only its last part, in one line."""
    kind, _, path = data.partition(":")
    return last_part(path) if path else kind


def last_part(path: str) -> str:
    """Return the last part of a path of any system, in one line."""
    return " ".join(path.replace("\\", "/").rstrip("/").rpartition("/")[2].split())

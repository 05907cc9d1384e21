"""Names of files as text that can be printed, written and compared."""

import os
import unicodedata


def readable(name: str) -> str:
    """Return ``name`` with a mark in place of bytes that are no UTF-8, which cannot be printed."""
    return os.fsencode(name).decode("utf-8", "replace") if not name.isascii() else name


def composed(name: str) -> str:
    """Return ``name`` as text in which equal looks equal: macOS writes accents apart."""
    return unicodedata.normalize("NFC", readable(name))

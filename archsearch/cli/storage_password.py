"""Remove the password of ``--storage`` from the command line, which every user can read."""

import os
import sys
from collections.abc import Sequence

from archsearch.secrets import split_secrets

_OPTION = "--storage"
_VARIABLE = "ARCHSEARCH_STORAGE"


def hide_password() -> None:
    """Start this program again with a password in the environment in place of the command line.

    ``ps`` shows the words of a command to everybody, and Ray writes them into its logs;
    the environment is readable by its owner only. Returns where there is no password, and where a
    program cannot replace itself.
    """
    words, url = without_password(sys.orig_argv)
    if url and os.name == "posix":
        os.environ[_VARIABLE] = url
        os.execve(sys.executable, words, os.environ)


def without_password(words: Sequence[str]) -> tuple[list[str], str]:
    """Return a command without the password of its storage, and the URL that held it.

    The URL is empty where there is none.
    """
    kept, found = list(words), ""
    for place, word in enumerate(words):
        if word == _OPTION and place + 1 < len(words):
            at, start = place + 1, ""
        elif word.startswith(f"{_OPTION}="):
            at, start = place, f"{_OPTION}="
        else:
            continue
        url = words[at].removeprefix(start)
        shown, secrets = split_secrets(url)
        if secrets:
            kept[at], found = start + shown, url
    return kept, found

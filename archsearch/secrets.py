"""Passwords inside storage URLs: found, taken out, and kept out of messages."""

import re
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode

_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?$|pwd|secret|token|api_?key|credential", re.I)
#: an ODBC connection string in one value
_SECRET_VALUE = re.compile(r"(pwd|password|secret|token)\s*=", re.I)
_SHORT = 6


def split_secrets(url: str) -> tuple[str, tuple[str, ...]]:
    """Return a URL without its password and other secrets, and these, as the user meant them.

    A password that was not quoted as it should be, such as one with ``@``, is found too.
    """
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url, ()
    secrets = []
    head, _, query = rest.partition("?")
    if "@" not in head:
        # a question mark in the password, or none at all
        before, at, _ = rest.rpartition("@")
        if at and ":" in before and "=" not in before:
            head, query = rest, ""
    account, at, place = head.rpartition("@")
    user, colon, password = account.partition(":")
    if colon and password:
        secrets.append(unquote(password))
    kept = []
    for key, value in parse_qsl(query, keep_blank_values=True):
        if value and (_SECRET_KEY.search(key) or _SECRET_VALUE.search(value)):
            secrets.append(value)
        else:
            kept.append((key, value))
    if not secrets:
        return url, ()
    shown = f"{scheme}://{user}{at if user else ''}{place}"
    if kept:
        shown += f"?{urlencode(kept)}"
    return shown, tuple(secrets)


def hidden(text: str, url: str) -> str:
    """Return ``text`` with every secret of ``url`` replaced by stars."""
    shown, secrets = split_secrets(url)
    text = text.replace(url, shown)
    forms = {form for each in secrets for form in _forms(each)}
    for form in sorted(forms, key=len, reverse=True):
        pattern = re.escape(form)
        if len(form) < _SHORT:
            # a password such as "a" must not blacken every word
            pattern = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"
        text = re.sub(pattern, "***", text)
    return text


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written in a message: as it is, quoted, or as Python writes it."""
    written = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
    return written | {repr(secret)[1:-1]}

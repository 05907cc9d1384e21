"""Finds passwords in storage URLs, removes them, and hides them in messages."""

import re
from urllib.parse import parse_qsl, unquote, urlencode

_SECRET_KEY = re.compile(r"pass(word|wd|phrase)?$|pwd|secret|token|api_?key|credential", re.I)
#: an ODBC connection string in one value
_SECRET_VALUE = re.compile(r"(pwd|password|secret|token)\s*=", re.I)
#: shorter ones are hidden as whole words only
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
    for secret in sorted(secrets, key=len, reverse=True):
        pattern = "".join(map(_any_form, secret))
        if len(secret) < _SHORT:
            # a password such as "a" must not blacken every word
            pattern = rf"(?<![A-Za-z0-9]){pattern}(?![A-Za-z0-9])"
        text = re.sub(pattern, "***", text)
    return text


def _any_form(char: str) -> str:
    """Return a pattern of a character as it is, as a URL quotes it, or as Python escapes it."""
    quoted = "".join(f"%{byte:02X}" for byte in char.encode(errors="surrogatepass"))
    escaped = char.encode("unicode_escape", errors="surrogatepass").decode()
    forms = {char, quoted, quoted.lower(), escaped, *("+" if char == " " else "")}
    if char in "'\"":
        forms.add(f"\\{char}")
    return f"(?:{'|'.join(map(re.escape, sorted(forms, key=len, reverse=True)))})"

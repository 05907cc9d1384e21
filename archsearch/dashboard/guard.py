"""Protects the dashboard from other machines and other pages of the browser."""

import json
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

_READING = ("GET", "HEAD", "OPTIONS")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def guarded(application: Application, *, editable: bool) -> Application:
    """Wrap a WSGI application that has no authentication.

    Answers 403 to requests that would change something, unless ``editable``; to requests under
    another name than the loopback's, which a page of another site can make by pointing a name of
    its own here; and, where changes are allowed, to changes that pages of other sites ask for.
    """

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        reason = _refusal(environ, editable)
        if not reason:
            return application(environ, start)
        body = json.dumps({"reason": reason}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start("403 Forbidden", headers)
        return [body]

    return answer


def _refusal(environ: dict[str, Any], editable: bool) -> str:
    host = str(environ.get("HTTP_HOST", ""))
    if _name(host) not in _LOOPBACK:
        return "the dashboard answers to localhost only"
    if environ.get("REQUEST_METHOD", "GET") in _READING:
        return ""
    if not editable:
        return "this dashboard is read-only; start it with --allow-edit to change the study"
    origin = str(environ.get("HTTP_ORIGIN", ""))
    if origin and urlsplit(origin).netloc != host:
        return "changes are taken from the dashboard's own pages only"
    return ""


def _name(host: str) -> str:
    """Return a Host header without its port."""
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host

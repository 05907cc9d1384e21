"""A real browser: the installed Chromium, driven by Playwright; skipped where either is missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import CHROMIUM, MISSING


@dataclass
class Watched:
    """A page, and everything that must not happen on it."""

    page: Any
    errors: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def clean(self) -> bool:
        assert self.errors == []
        assert self.failed == []
        assert self.outside == []
        return True


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip(MISSING)
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Return a function that opens a page of some size and colour scheme, and watches it."""
    contexts = []

    def opened(address: str | Path, width: int = 1440, dark: bool = False) -> Watched:
        context = chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        watched = Watched(context.new_page())
        page = watched.page
        page.on("console", lambda m: m.type == "error" and watched.errors.append(m.text))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("requestfailed", lambda request: watched.failed.append(request.url))
        own = ("file:", "data:", "blob:", "http://127.0.0.1:")
        page.on(
            "request",
            lambda r: None if r.url.startswith(own) else watched.outside.append(r.url),
        )
        page.goto(address.as_uri() if isinstance(address, Path) else address)
        return watched

    yield opened
    for context in contexts:
        context.close()

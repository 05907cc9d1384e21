"""What all tests share: one thread each, a cache folder that is removed, a time limit."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

_CACHE = "ARCHSEARCH_CACHE"
#: packages whose slow tests come first: what only whole processes show, then what users take away
_FIRST = ("run", "browser", "ablation", "cluster", "docs", "report", "cli", "tune", "export")
_made = pytest.StashKey[str]()
_ends = pytest.StashKey[float]()

# Tiny tensors gain nothing from a second thread, and tests run beside each other. Libraries read
# this when they are loaded, which the conftest of a package may do; what tests start inherits it.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


@event.listens_for(Engine, "connect")
def no_sync(connection: Any, _: object) -> None:
    """Do not wait for the disk after each commit: no test cuts the power.

    A search in a test commits a thousand times. A process that is killed loses nothing by this.
    """
    if isinstance(connection, sqlite3.Connection):
        with contextlib.suppress(sqlite3.Error):  # a broken or locked file: the test's own business
            connection.execute("PRAGMA synchronous = OFF")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the time limit of CI."""
    parser.addoption(
        "--begin-within",
        type=float,
        default=float("inf"),
        metavar="SECONDS",
        help="skip the tests that have not begun so long after the start",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow tests in the order of what they are worth: time may run out."""

    def place(item: pytest.Item) -> int:
        package = item.path.parent.name
        slow = item.get_closest_marker("slow")
        return _FIRST.index(package) if slow and package in _FIRST else len(_FIRST)

    items.sort(key=place)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test for which no time is left."""
    if time.monotonic() > item.config.stash[_ends]:
        pytest.skip("no time left (--begin-within)")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder before workers are started: they take it over."""
    config.stash[_ends] = time.monotonic() + config.getoption("--begin-within")
    if _CACHE not in os.environ:
        config.stash[_made] = os.environ[_CACHE] = tempfile.mkdtemp(prefix="archsearch-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if folder := config.stash.get(_made, None):
        del os.environ[_CACHE]
        shutil.rmtree(folder, ignore_errors=True)

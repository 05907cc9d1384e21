"""What all tests share: a cache folder of their own, removed at the end."""

import os
import shutil
import tempfile

import pytest

_CACHE = "ARCHSEARCH_CACHE"
_made = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder before workers are started: they take it over."""
    if _CACHE not in os.environ:
        config.stash[_made] = os.environ[_CACHE] = tempfile.mkdtemp(prefix="archsearch-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if folder := config.stash.get(_made, None):
        del os.environ[_CACHE]
        shutil.rmtree(folder, ignore_errors=True)

"""What all tests share: one thread each, and a cache folder of their own, removed at the end."""

import os
import shutil
import tempfile

import pytest

_CACHE = "ARCHSEARCH_CACHE"
_made = pytest.StashKey[str]()

# Tiny tensors gain nothing from a second thread, and tests run beside each other. Libraries read
# this when they are loaded, which the conftest of a package may do; what tests start inherits it.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder before workers are started: they take it over."""
    if _CACHE not in os.environ:
        config.stash[_made] = os.environ[_CACHE] = tempfile.mkdtemp(prefix="archsearch-cache-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder."""
    if folder := config.stash.get(_made, None):
        del os.environ[_CACHE]
        shutil.rmtree(folder, ignore_errors=True)

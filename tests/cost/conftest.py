import pytest

from archsearch.cost import Probe


@pytest.fixture(scope="package")
def probe():
    """One probe process for all tests that do not harm it."""
    with Probe() as each:
        yield each

"""A small data set in grey."""

import pytest

from archsearch.data import DataSplits, load_data


@pytest.fixture(scope="session")
def digits() -> DataSplits:
    return load_data("digits", image_size=16, limit=50)

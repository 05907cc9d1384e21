import pytest
import torch

from archsearch.cost import Probe


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Several threads on tiny tensors wait for one another longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def probe():
    """One probe process for all tests that do not harm it."""
    with Probe() as each:
        yield each

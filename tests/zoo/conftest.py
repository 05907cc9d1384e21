import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Networks of one image gain nothing from more threads, and other tests run beside these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

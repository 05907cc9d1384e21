import pytest
import torch


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Several threads on tiny tensors wait for one another longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

import pytest
import torch

from tests.export.export_archs import ARCHS, random_archs, written


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def sources():
    """Every small architecture and a few of the main space, each with its exported file."""
    archs = {**ARCHS}
    for index, arch in enumerate(random_archs("lightweight", 3, seed=1)):
        archs[f"random_{index}"] = arch
    return {name: (arch, written(arch)) for name, arch in archs.items()}

import platform

import pytest
import torch

from archsearch.cost import current_environment
from archsearch.errors import InputError


def test_this_machine():
    environment = current_environment()
    assert environment.device == environment.cpu != ""
    assert environment.device_kind == "cpu"
    assert environment.cores >= 1
    assert environment.memory_bytes > 2**20
    assert environment.python == platform.python_version()
    assert environment.torch == torch.__version__
    assert environment.cuda == ""
    assert environment.fingerprint == current_environment("cpu").fingerprint


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:0", "", "tpu"])
def test_unknown_device(device):
    with pytest.raises(InputError, match=r"device: must be cpu, cuda or cuda:N"):
        current_environment(device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_no_cuda_device():
    with pytest.raises(InputError, match=r"no CUDA device can be used here.*use device: cpu"):
        current_environment("cuda")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_device():
    environment = current_environment("cuda")
    assert environment.device == torch.cuda.get_device_name()
    assert "runtime" in environment.cuda
    with pytest.raises(InputError, match="must be a CUDA device that this process sees"):
        current_environment("cuda:99")

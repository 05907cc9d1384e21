"""Names of devices: ``cpu``, ``cuda`` and ``cuda:N``; which there are, and which one is used."""

import re
import sys

import psutil
import torch

from archsearch.errors import InputError, Problem, nearest

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

#: kinds of devices
DEVICE_KINDS = ("cpu", "cuda")
_NAME = re.compile(r"cpu|cuda(:(0|[1-9]\d*))?")


def is_cuda(device: str) -> bool:
    """Tell whether a valid device name is that of a CUDA device."""
    return device.startswith("cuda")


def cuda_devices() -> list[str]:
    """Return the product names of the CUDA devices that this process sees, by their number."""
    if not torch.cuda.is_available():
        return []
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def name_problem(device: str, key: str = "device", *, auto: bool = False) -> Problem | None:
    """Return what is wrong with the spelling of a device name, None for a good one.

    Args:
        device: what was written.
        key: flag, key or argument that it was written for.
        auto: whether ``auto`` is a name too.
    """
    if _NAME.fullmatch(device) or (auto and device == "auto"):
        return None
    names = ("auto", *DEVICE_KINDS) if auto else DEVICE_KINDS
    rule = f"must be {', '.join(names)} or cuda:N"
    remedy = nearest(device.partition(":")[0], names)
    return Problem(key, rule, device, remedy if remedy.startswith("did") else "e.g. cuda:0")


def device_problem(device: str, key: str = "device") -> Problem | None:
    """Return why a device cannot be used here, None where it can."""
    wrong = name_problem(device, key)
    if wrong is not None or not is_cuda(device):
        return wrong
    known = cuda_devices()
    instead = f"use {key} cpu" if key.startswith("-") else f"use {key}: cpu"
    if not known:
        return Problem(key, "no CUDA device can be used here", device, instead)
    index = device.partition(":")[2]
    if index and int(index) >= len(known):
        there = ", ".join(f"cuda:{number} ({name})" for number, name in enumerate(known))
        rule = "must be a CUDA device that this process sees"
        return Problem(key, rule, device, f"there is {there}")
    return None


def device_kind(device: str, key: str = "device") -> str:
    """Return ``cpu`` or ``cuda`` for a device name.

    Raises:
        InputError: the name is unknown, or no such device can be used here.
    """
    if problem := device_problem(device, key):
        raise InputError(problem)
    return "cuda" if is_cuda(device) else "cpu"


def choose_device(wanted: str, key: str = "device") -> str:
    """Return the device to use: ``wanted``, or for ``auto`` CUDA where there is one.

    Raises:
        InputError: there is no such device.
    """
    if wanted == "auto":
        return "cuda" if cuda_devices() else "cpu"
    device_kind(wanted, key)
    return wanted


def is_device_lost(error: BaseException) -> bool:
    """Tell whether an error has ended all use of the CUDA device by this process.

    After a failed kernel every later call fails too, whatever it computes. Running out of memory
    is none of these.
    """
    if isinstance(error, torch.cuda.OutOfMemoryError):
        return False
    kinds = {kind.__name__ for kind in type(error).__mro__}
    is_cuda_error = isinstance(error, RuntimeError) and "CUDA error:" in str(error)
    return "AcceleratorError" in kinds or is_cuda_error


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that main memory, or that of a device, did not suffice."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def peak_memory_bytes(device: str) -> int:
    """Return the most memory that this process has had: on a CUDA device, else in all."""
    if is_cuda(device):
        return int(torch.cuda.max_memory_allocated())
    if resource is None:
        return int(psutil.Process().memory_info().peak_wset)
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def use_device(device: str) -> None:
    """Make a CUDA device the current one of this process.

    Streams, graphs, events and compiled kernels that name no device then belong to it.
    """
    if is_cuda(device) and ":" in device:
        torch.cuda.set_device(device)

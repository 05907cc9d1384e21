"""The machine and software that a measurement belongs to."""

import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

import archsearch
from archsearch.cost.device import device_kind
from archsearch.machine import own_limits
from archsearch.record import Environment


def current_environment(device: str = "cpu") -> Environment:
    """Describe this machine as the home of measurements on ``device``.

    Args:
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        InputError: there is no such device.
    """
    kind = device_kind(device)
    limits, cpu_name = own_limits(), _cpu_name()
    on_cuda = kind == "cuda"
    return Environment(
        device=torch.cuda.get_device_name(torch.device(device)) if on_cuda else cpu_name,
        device_kind="cuda" if on_cuda else "cpu",
        cpu=cpu_name,
        cores=limits.whole_cores,
        cpu_quota=limits.quota,
        memory_bytes=limits.memory_bytes,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        torch=torch.__version__,
        timm=_version("timm"),
        archsearch=archsearch.__version__,
        cuda=_cuda_versions(device) if on_cuda else "",
    )


def _cpu_name() -> str:
    """Return the processor's name, with family and model where the name alone is generic.

    Virtual machines often report a bare ``AMD EPYC``, which spans five generations.
    """
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name") or fields.get("Hardware") or platform.machine()
    family, model = fields.get("cpu family"), fields.get("model")
    if re.search(r"\d", name) is None and family and model:
        return f"{name} (family {family} model {model})"
    return name


def _cuda_versions(device: str) -> str:
    capability = ".".join(str(part) for part in torch.cuda.get_device_capability(device))
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return f"runtime {torch.version.cuda}, cuDNN {cudnn}, sm {capability}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

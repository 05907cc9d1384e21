"""Packages: their versions, whether they can be imported, and which extras are missing."""

import platform
import re
import sys
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from archsearch import __version__
from archsearch.doctor.finding import Finding
from archsearch.doctor.import_check import Answer

#: what every run needs, and whether a run can do without
PACKAGES = {
    "torch": "every command needs it",
    "torchvision": "data sets need it",
    "timm": "training needs it",
    "optuna": "searches need it",
    "numpy": "every command needs it",
    "scipy": "searches need it",
    "pydantic": "every command needs it",
    "plotly": "pages need it",
    "ray": "the executor ray needs it; --executor inline does without",
}
_GPUS = Path("/proc/driver/nvidia/gpus")

#: what another process says about torch
TORCH = """
import json, torch
cuda = torch.cuda.is_available()
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else []
bf16 = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_device_supported", lambda: False)
print(json.dumps({
    "cpu": torch.backends.cpu.get_cpu_capability(), "bf16": bool(bf16()), "cuda": names,
    "built": torch.version.cuda, "threads": torch.get_num_threads(),
}))
"""
#: packages of inference runtimes, and what another process says about each
RUNTIMES = {
    "onnxruntime": "import json, onnxruntime as o; print(json.dumps(o.get_available_providers()))",
    "openvino": "import json, openvino as o; print(json.dumps(o.Core().available_devices))",
    "ai_edge_litert": "import ai_edge_litert.interpreter; print('[\"CPU\"]')",
}
#: runtimes that are not called as their packages are
_RUNTIME_OF = {"ai_edge_litert": "litert"}


def versions() -> list[Finding]:
    """Return Python, archsearch and what it depends on."""
    found = [
        Finding("python", f"{platform.python_version()} ({sys.executable})"),
        Finding("archsearch", __version__),
    ]
    for package, use in PACKAGES.items():
        known = _version(package)
        if known:
            found.append(Finding(package, known))
        else:
            level = "note" if package == "ray" else "problem"
            remedy = f"pip install {package}"
            found.append(Finding(package, "not installed", level, use, remedy))  # type: ignore[arg-type]
    return found


def torch_findings(answer: Answer, gpus: Path = _GPUS) -> list[Finding]:
    """Return what torch can do here.

    Args:
        answer: of `TORCH`.
        gpus: folder with an entry for each GPU that the system's driver knows.
    """
    if answer.is_late:
        means = "the machine is very busy, or the disk slow; a run starts as slowly"
        return [Finding("torch", "was not imported in time", "note", means)]
    if answer.data is None:
        remedy = "pip install --force-reinstall torch torchvision"
        return [Finding("torch", answer.error, "problem", "no command can run", remedy)]
    found = answer.data
    simd = found["cpu"]
    findings = [Finding("torch's kernels", f"{simd}{', bfloat16' if found['bf16'] else ''}")]
    if simd in ("DEFAULT", "NO AVX"):
        means = "networks run several times slower than on a processor with AVX2"
        findings = [Finding("torch's kernels", simd, "note", means)]
    names = ", ".join(f"cuda:{index} {name}" for index, name in enumerate(found["cuda"]))
    driver = len(list(gpus.iterdir())) if gpus.is_dir() else 0
    if names:
        findings.append(Finding("CUDA", f"{names} (runtime {found['built']})"))
    elif driver and not found["built"]:
        remedy = "install a torch that was built for CUDA"
        means = "the GPU is not used"
        value = f"{driver} GPU in this machine, but this torch knows the CPU alone"
        findings.append(Finding("CUDA", value, "note", means, remedy))
    elif driver:
        remedy = "look at nvidia-smi; in a container, start it with --gpus all"
        value = f"{driver} GPU in this machine, but torch cannot use it"
        findings.append(Finding("CUDA", value, "note", "the GPU is not used", remedy))
    else:
        findings.append(Finding("CUDA", "no GPU; everything runs on the CPU"))
    return findings


def runtime_findings(name: str, answer: Answer) -> list[Finding]:
    """Return whether an inference runtime that is installed can be used."""
    if answer.data is not None:
        return [Finding(name, f"{_version(name)}, {', '.join(map(str, answer.data))}")]
    value = "was not imported in time" if answer.is_late else answer.error
    means = f"--runtime {_RUNTIME_OF.get(name, name)} and what is exported for it cannot be used"
    return [Finding(name, value, "note", means, f"pip install --force-reinstall {name}")]


def extras() -> list[Finding]:
    """Return which optional parts are there, and how to get the others."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for line in requires("archsearch") or ():
        package = re.match(r"[\w.-]+", line)
        part = re.search(r"extra == ['\"]([\w-]+)", line)
        if package and part and part[1] not in ("dev", "docs") and package[0] != "archsearch":
            wanted[part[1]].append(package[0])
    missing = {
        extra: [package for package in packages if not _version(package)]
        for extra, packages in wanted.items()
    }
    there = [extra for extra, packages in missing.items() if not packages]
    found = [Finding("extras", ", ".join(there) or "none")]
    for extra, packages in missing.items():
        if packages:
            remedy = f"pip install 'archsearch[{extra}]'"
            value = f"not installed ({', '.join(packages)})"
            found.append(Finding(f"extra {extra}", value, "ok", "", remedy))
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""

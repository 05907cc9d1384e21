"""The machine: limits, instruction set, clock, allocator, and who else uses it."""

import os
import platform
import re
import time
from pathlib import Path

import psutil

from archsearch.doctor.finding import Finding
from archsearch.machine import MachineLimits, machine_limits

_GIB = 2**30
#: what a search with one worker needs: torch, its data, the driver and the probe
_LEAST_MEMORY = 2 * _GIB
#: smallest object store that Ray is started with
_LEAST_SHARED = 256 * 2**20
_WATCH_S = 1.0
_STEAL_SHARE = 0.02
#: processor time of others from which the machine counts as busy, in cores
_BUSY_CORES = 0.3
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")


def limits(found: MachineLimits | None = None) -> list[Finding]:
    """Return cores, memory and shared memory that this process may use."""
    found = found or machine_limits()
    cores = Finding("cores", f"{found.cores:g} ({found.cores_from})")
    if found.cores < 1:
        means = "training and measuring stop each other; latencies are noisy"
        cores = Finding("cores", cores.value, "note", means, "give the container at least 2 cores")
    elif found.cores < 2:
        means = "training rests while latency is measured"
        cores = Finding("cores", cores.value, "note", means)
    memory = Finding("memory", f"{found.memory_bytes / _GIB:.1f} GiB ({found.memory_from})")
    if found.memory_bytes < _LEAST_MEMORY:
        means = "a search needs about 2 GiB; the system may end its processes"
        remedy = "raise the memory limit, or --executor inline"
        memory = Finding("memory", memory.value, "problem", means, remedy)
    findings = [cores, memory]
    if found.shared_memory_bytes is not None:
        value = f"{found.shared_memory_bytes / 2**20:.0f} MiB free"
        if found.shared_memory_bytes < _LEAST_SHARED:
            means = "Ray keeps its objects on the disk, or does not start"
            remedy = "docker run --shm-size=1g, or --executor inline"
            findings.append(Finding("/dev/shm", value, "note", means, remedy))
        else:
            findings.append(Finding("/dev/shm", value))
    return findings


def instructions(root: Path = Path("/")) -> list[Finding]:
    """Return the vector instructions of the processor."""
    text = _read(root / "proc/cpuinfo")
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    if line is None:
        return [Finding("instructions", platform.machine() or "unknown")]
    has = [flag for flag in _FLAGS if flag in line[1].split()]
    name = re.search(r"^model name\s*:\s*(.*)$", text, re.MULTILINE)
    value = f"{name[1] if name else platform.machine()}: {', '.join(has) or 'none of note'}"
    if not {"avx2", "asimd"} & set(has):
        return [Finding("instructions", value, "note", "networks run several times slower")]
    return [Finding("instructions", value)]


def clock(root: Path = Path("/")) -> list[Finding]:
    """Return how the processor's frequency is scaled, where that can be read."""
    cpu = root / "sys/devices/system/cpu"
    governor = _read(cpu / "cpu0/cpufreq/scaling_governor").strip()
    boost, no_turbo = _read(cpu / "cpufreq/boost"), _read(cpu / "intel_pstate/no_turbo")
    turbo = {"1": "on", "0": "off"}.get(boost.strip()) or {"0": "on", "1": "off"}.get(
        no_turbo.strip(), ""
    )
    value = ", ".join([f"governor {governor}"] * bool(governor) + [f"turbo {turbo}"] * bool(turbo))
    if not value:
        return [Finding("clock", "scaling is not shown here, as on most virtual machines")]
    if governor and governor != "performance":
        means = "first inferences run at a lower clock, and latencies vary with the load"
        remedy = "sudo cpupower frequency-set -g performance"
        return [Finding("clock", value, "note", means, remedy)]
    return [Finding("clock", value)]


def allocator(root: Path = Path("/"), libc: str | None = None) -> list[Finding]:
    """Return what hands out memory: the probe sets that of glibc to keep what is freed."""
    maps = _read(root / "proc/self/maps")
    other = re.search(r"lib(jemalloc|tcmalloc|mimalloc)", maps)
    if other:
        means = "latencies are those of this allocator: measure where it is used too"
        return [Finding("allocator", other[1], "note", means, "unset LD_PRELOAD otherwise")]
    kind = platform.libc_ver()[0] if libc is None else libc
    if kind == "glibc":
        own = [name for name in os.environ if name.startswith("MALLOC_")]
        kept = f"; {', '.join(own)} of the environment" if own else ""
        return [Finding("allocator", f"glibc, set by the probe itself{kept}")]
    means = "page faults take a share of each inference; latencies vary more"
    return [Finding("allocator", kind or platform.system(), "note", means)]


def neighbours(
    root: Path = Path("/"), watch_s: float = _WATCH_S, cores: int | None = None
) -> list[Finding]:
    """Watch for a second: time that a hypervisor took away, and processor time of others.

    The load average is of a minute, and holds the processes of the other checks: it says nothing.
    """
    own = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
    watched = {each.pid: each for each in psutil.process_iter(["name"]) if each.pid not in own}
    for each in watched.values():
        _percent(each)
    before = _ticks(root)
    time.sleep(watch_s)
    after = _ticks(root)
    busy = sorted(((_percent(each), each) for each in watched.values()), key=lambda x: -x[0])
    findings = []
    if before and after and sum(after) > sum(before):
        share = (after[7] - before[7]) / (sum(after) - sum(before))
        value = f"{100 * share:.1f} % over {watch_s:g} s"
        if share > _STEAL_SHARE:
            means = "other virtual machines take this one's time: latencies are noisy"
            remedy = "measure when it is quieter, or on dedicated cores"
            findings.append(Finding("steal time", value, "note", means, remedy))
        else:
            findings.append(Finding("steal time", value))
    count = cores or os.cpu_count() or 1
    others = sum(used for used, _ in busy) / 100
    top = [f"{each.info['name']} ({each.pid}) {used:.0f} %" for used, each in busy[:3] if used > 20]
    value = f"others keep {others:.1f} of {count} cores busy"
    value += f"; busiest: {', '.join(top)}" if top else ""
    if others > _BUSY_CORES:
        means = "latency is measured beside others: runs wait for quiet, and verdicts are noisy"
        findings.append(Finding("load", value, "note", means, "stop what need not run"))
    else:
        findings.append(Finding("load", value))
    return findings


def _percent(process: psutil.Process) -> float:
    try:
        return float(process.cpu_percent(None))
    except psutil.Error:
        return 0.0


def _ticks(root: Path) -> list[int]:
    """Return user, nice, system, idle, iowait, irq, softirq and steal of all cores."""
    line = _read(root / "proc/stat").partition("\n")[0].split()
    return [int(each) for each in line[1:9]] if len(line) > 8 else []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

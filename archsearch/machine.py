"""The limits of this process: cores, memory, and shared memory.

A container or a batch system gives a process less than the machine has: an affinity mask, a CPU
quota of a control group (which may be a fraction of a core), a memory limit, a small ``/dev/shm``.
Code that starts workers, threads or an object store asks here. Torch, Ray and psutil look at part
of this only: none of them knows a quota of a parent group.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import psutil

#: version 1 reports "no limit" as a number near 2**63
_UNLIMITED_BYTES = 2**60
_SHARED_MEMORY = "dev/shm"


@dataclass(frozen=True)
class MachineLimits:
    """The limits of a process, each with its source.

    Attributes:
        cores: cores, a fraction where a quota allows one.
        cores_from: ``all of the machine``, ``affinity``, or the control group's file.
        memory_bytes: main memory.
        memory_from: ``all of the machine``, or the control group's file.
        shared_memory_bytes: free bytes in ``/dev/shm``; None where there is none.
        shared_memory_from: ``/dev/shm``; empty where there is none.
        quota: cores that the tightest CPU quota allows; None without a quota.
    """

    cores: float
    cores_from: str
    memory_bytes: int
    memory_from: str
    shared_memory_bytes: int | None
    shared_memory_from: str
    quota: float | None = None

    @property
    def whole_cores(self) -> int:
        """Cores that can be kept busy in full, at least 1.

        Two processes under a quota of 1.5 cores stop each other for a quarter of the time: one is
        as much as runs undisturbed.
        """
        return max(1, int(self.cores))

    def workers(self, threads: int) -> int:
        """Return how many workers of ``threads`` threads run beside each other, at least 1."""
        return max(1, self.whole_cores // threads)


def machine_limits(
    root: Path = Path("/"),
    usable: int | None = None,
    free_bytes: Callable[[Path], int] | None = None,
) -> MachineLimits:
    """Return what this process may use.

    Args:
        root: folder that ``proc``, ``sys`` and ``dev`` are in.
        usable: cores of the affinity mask; None asks the system.
        free_bytes: free bytes of the file system of a folder; None asks the system.
    """
    own = usable if usable is not None else usable_cores()
    machine = _machine_cores(root)
    cores = float(own)
    cores_from = "affinity" if machine is not None and own < machine else "all of the machine"
    quota, quota_from = min(_quotas(root), default=(None, ""))
    if quota is not None and quota < cores:
        cores, cores_from = quota, quota_from
    memory, memory_from = _machine_bytes(root), "all of the machine"
    limit, limit_from = min(_memory_limits(root), default=(None, ""))
    if limit is not None and limit < memory:
        memory, memory_from = limit, limit_from
    shared = root / _SHARED_MEMORY
    measure = free_bytes or _free_bytes
    try:
        free: int | None = measure(shared) if shared.is_dir() else None
    except OSError:
        free = None
    return MachineLimits(
        cores=cores,
        cores_from=cores_from,
        memory_bytes=memory,
        memory_from=memory_from,
        shared_memory_bytes=free,
        shared_memory_from="" if free is None else "/dev/shm",
        quota=quota,
    )


@lru_cache(maxsize=1)
def own_limits() -> MachineLimits:
    """Return what this process may use, as found when it was first asked."""
    return machine_limits()


def usable_cores() -> int:
    """Return the number of cores that this process may run on; a quota is not looked at."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _machine_cores(root: Path) -> int | None:
    """Return the cores of the machine by ``/proc/cpuinfo``; where there is none, by the system."""
    text = _read(root / "proc/cpuinfo")
    found = sum(line.startswith("processor") for line in text.splitlines())
    return found or os.cpu_count()


def _machine_bytes(root: Path) -> int:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return int(psutil.virtual_memory().total)


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _quotas(root: Path) -> Iterator[tuple[float, str]]:
    """Yield every CPU quota above this process in cores, and the file that sets it."""
    for folder in _groups(root, "cpu"):
        words = _read(folder / "cpu.max").split()
        if len(words) == 2:
            quota, period, name = words[0], words[1], "cpu.max"
        else:
            quota = _read(folder / "cpu.cfs_quota_us").strip()
            period = _read(folder / "cpu.cfs_period_us").strip()
            name = "cpu.cfs_quota_us"
        if quota.isdigit() and period.isdigit() and int(quota) > 0 and int(period) > 0:
            yield int(quota) / int(period), _shown(root, folder / name)


def _memory_limits(root: Path) -> Iterator[tuple[int, str]]:
    """Yield every memory limit above this process in bytes, and the file that sets it."""
    for folder in _groups(root, "memory"):
        # memory.high slows a group down long before memory.max ends it
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            text = _read(folder / name).strip()
            if text.isdigit() and 0 < int(text) < _UNLIMITED_BYTES:
                yield int(text), _shown(root, folder / name)


def _shown(root: Path, path: Path) -> str:
    return f"/{path.relative_to(root).as_posix()}"


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups of this process, from its own up to the mount.

    A limit of any of them binds. Both versions are looked at: on a hybrid system a controller is
    in one of them.
    """
    for is_v2, group in _own_groups(root, controller):
        for mount_root, mount_point in _mounts(root, controller, is_v2):
            inside = _below(group, mount_root)
            folder = root / mount_point.lstrip("/")
            for steps in range(len(inside), -1, -1):
                yield folder.joinpath(*inside[:steps])


def _own_groups(root: Path, controller: str) -> Iterator[tuple[bool, str]]:
    """Yield whether it is version 2, and the path of the group, from ``/proc/self/cgroup``."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" and not names:
            yield True, path
        elif controller in names.split(","):
            yield False, path


def _mounts(root: Path, controller: str, is_v2: bool) -> Iterator[tuple[str, str]]:
    """Yield the group at the top of each mount, and where it is mounted."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == ("cgroup2" if is_v2 else "cgroup") and (
            is_v2 or controller in kind[2].split(",")
        ):
            yield _unescaped(fields[3]), _unescaped(fields[4])


def _below(group: str, mount_root: str) -> tuple[str, ...]:
    """Return the parts of ``group`` below the top of a mount.

    In a container the two may not match: the group is named as the host sees it, and the mount
    shows the container's own at its top.
    """
    path, top = PurePosixPath(group), PurePosixPath(mount_root)
    if ".." in path.parts or not path.is_relative_to(top):
        return ()
    return path.relative_to(top).parts


def _unescaped(text: str) -> str:
    """Return a path of ``mountinfo``, which writes blanks and tabs in octal."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text


def _read(path: Path) -> str:
    """Return a file's text; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

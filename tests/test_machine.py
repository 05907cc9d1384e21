"""Limits of the machine, read from trees of files as kernels and containers write them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from archsearch.machine import MachineLimits, machine_limits, usable_cores

MIB = 2**20
GIB = 2**30
V2_MOUNT = "31 23 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"


def v1_mounts(top: str = "/") -> str:
    return (
        f"32 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        f"35 31 0:32 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    )


def tree(root: Path, files: dict[str, str], cores: int = 8, memory: int = 16 * GIB) -> Path:
    """Write a machine of ``cores`` and ``memory``, and what else it holds."""
    written = {
        "proc/cpuinfo": "".join(f"processor\t: {n}\nmodel name\t: x\n\n" for n in range(cores)),
        "proc/meminfo": f"MemTotal:       {memory // 1024} kB\nMemFree: 1 kB\n",
        **files,
    }
    for name, text in written.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def limits_of(root: Path, files: dict[str, str], usable: int = 8) -> MachineLimits:
    return machine_limits(tree(root, files), usable, free_bytes=lambda folder: 64 * MIB)


def v2(group: str, **values: str) -> dict[str, str]:
    """Return the files of one group of version 2; ``cpu_max`` stands for ``cpu.max``."""
    return {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": V2_MOUNT,
        **{
            f"sys/fs/cgroup{group.rstrip('/')}/{name.replace('_', '.', 1)}": text
            for name, text in values.items()
        },
    }


CPU = {
    "no control groups": ({}, 8.0),
    "v2, in a namespace": (v2("/", cpu_max="150000 100000\n"), 1.5),
    "v2, half a core": (v2("/box", cpu_max="50000 100000\n"), 0.5),
    "v2, another period": (v2("/box", cpu_max="25000 10000\n"), 2.5),
    "v2, no limit": (v2("/box", cpu_max="max 100000\n"), 8.0),
    "v2, more than there is": (v2("/box", cpu_max="6400000 100000\n"), 8.0),
    "v2, the parent is tighter": (
        v2("/a/b/c", cpu_max="400000 100000\n")
        | {
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "200000 100000\n",
        },
        2.0,
    ),
    "v2, the child is tighter": (
        v2("/a/b", cpu_max="100000 100000\n") | {"sys/fs/cgroup/a/cpu.max": "300000 100000\n"},
        1.0,
    ),
    "v2, the group is named as the host sees it": (
        v2("/", cpu_max="70000 100000\n") | {"proc/self/cgroup": "0::/../../docker/4f5e\n"},
        0.7,
    ),
    "v2, empty file": (v2("/box", cpu_max=""), 8.0),
    "v1": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/box\n3:memory:/box\n",
            "proc/self/mountinfo": v1_mounts(),
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
        1.5,
    ),
    "v1, no limit": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/\n",
            "proc/self/mountinfo": v1_mounts(),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
        8.0,
    ),
    "v1, a container without a namespace": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/4f5e\n3:memory:/docker/4f5e\n",
            "proc/self/mountinfo": v1_mounts("/docker/4f5e"),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "25000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        },
        0.25,
    ),
    "hybrid, the controller is in v1": (
        {
            "proc/self/cgroup": "4:cpu:/box\n0::/\n",
            "proc/self/mountinfo": "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
            "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
        },
        3.0,
    ),
    "a mount point with a blank": (
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": "31 23 0:28 / /sys/fs/my\\040groups rw - cgroup2 cgroup2 rw\n",
            "sys/fs/my groups/cpu.max": "90000 100000\n",
        },
        0.9,
    ),
    "lines that no kernel writes": (
        {"proc/self/cgroup": "nonsense\n\n", "proc/self/mountinfo": "1 2\n - \n"},
        8.0,
    ),
}


@pytest.mark.parametrize(("files", "expected"), CPU.values(), ids=CPU.keys())
def test_a_cpu_quota_of_any_group_above_binds(
    tmp_path: Path, files: dict[str, str], expected: float
) -> None:
    found = limits_of(tmp_path, files)
    assert found.cores == expected
    assert found.whole_cores == max(1, int(expected))
    is_quota = expected < 8
    assert found.cores_from.startswith("/sys/fs/") if is_quota else "machine" in found.cores_from


@pytest.mark.parametrize(
    ("usable", "quota", "cores", "origin"),
    [
        (1, "max 100000", 1.0, "affinity"),
        (2, "50000 100000", 0.5, "/sys/fs/cgroup/cpu.max"),
        (1, "400000 100000", 1.0, "affinity"),
        (8, "max 100000", 8.0, "all of the machine"),
    ],
)
def test_the_tighter_of_affinity_and_quota_binds(
    tmp_path: Path, usable: int, quota: str, cores: float, origin: str
) -> None:
    found = limits_of(tmp_path, v2("/", cpu_max=quota), usable)
    assert (found.cores, found.cores_from) == (cores, origin)


MEMORY = {
    "none": ({}, 16 * GIB),
    "v2": (v2("/box", memory_max=f"{2 * GIB}\n"), 2 * GIB),
    "v2, no limit": (v2("/box", memory_max="max\n"), 16 * GIB),
    "v2, throttled before": (
        v2("/box", memory_max=f"{2 * GIB}\n", memory_high=f"{GIB}\n"),
        GIB,
    ),
    "v2, of the parent": (
        v2("/a/b", memory_max="max\n") | {"sys/fs/cgroup/a/memory.max": f"{3 * GIB}\n"},
        3 * GIB,
    ),
    "v1": (
        {
            "proc/self/cgroup": "4:memory:/box\n",
            "proc/self/mountinfo": v1_mounts(),
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{512 * MIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
        512 * MIB,
    ),
    "v1, no limit": (
        {
            "proc/self/cgroup": "4:memory:/\n",
            "proc/self/mountinfo": v1_mounts(),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
        16 * GIB,
    ),
}


@pytest.mark.parametrize(("files", "expected"), MEMORY.values(), ids=MEMORY.keys())
def test_a_memory_limit_of_any_group_above_binds(
    tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    found = limits_of(tmp_path, files)
    assert found.memory_bytes == expected
    assert ("machine" in found.memory_from) == (expected == 16 * GIB)


def test_shared_memory_is_what_is_free_of_it(tmp_path: Path) -> None:
    (tmp_path / "dev/shm").mkdir(parents=True)
    found = limits_of(tmp_path, {})
    assert (found.shared_memory_bytes, found.shared_memory_from) == (64 * MIB, "/dev/shm")


def test_a_system_without_shared_memory_has_none(tmp_path: Path) -> None:
    found = limits_of(tmp_path, {})
    assert (found.shared_memory_bytes, found.shared_memory_from) == (None, "")


@pytest.mark.parametrize(
    ("cores", "threads", "workers"),
    [(0.5, 1, 1), (1.0, 1, 1), (1.5, 1, 1), (2.0, 1, 2), (7.9, 2, 3), (2.0, 4, 1)],
)
def test_workers_fit_into_the_whole_cores(
    tmp_path: Path, cores: float, threads: int, workers: int
) -> None:
    found = limits_of(tmp_path, v2("/", cpu_max=f"{int(cores * 100_000)} 100000"))
    assert found.workers(threads) == workers


def test_this_machine_has_some_of_everything() -> None:
    found = machine_limits()
    assert 0 < found.cores <= usable_cores() <= (os.cpu_count() or 1)
    assert found.memory_bytes > 100 * MIB


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
def test_a_process_pinned_to_one_core_has_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from archsearch.machine import machine_limits\n"
        "print(machine_limits().whole_cores)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "1"

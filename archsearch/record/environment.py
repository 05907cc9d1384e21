"""The machine and software that a number belongs to."""

import hashlib
from typing import Literal

from archsearch.arch import Spec


class Environment(Spec):
    """The machine and software that a number belongs to.

    Attributes:
        device: the device that ran it, by its product name.
        device_kind: ``cpu`` or ``cuda``.
        cpu: processor name.
        cores: whole cores that the process may keep busy.
        memory_bytes: main memory that the process may use.
        system: operating system and its release.
        python: version.
        torch: version.
        timm: version.
        archsearch: version.
        cuda: CUDA runtime and driver version; empty on a CPU.
        cpu_quota: cores that the quota of a control group allows; None without a quota.
    """

    device: str
    device_kind: Literal["cpu", "cuda"]
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    torch: str
    timm: str
    archsearch: str
    cuda: str = ""
    cpu_quota: float | None = None

    @property
    def fingerprint(self) -> str:
        """Short id of what a latency depends on; results of two fingerprints are not compared."""
        quota = () if self.cpu_quota is None else (f"{self.cpu_quota:g} cores",)
        parts = (self.device, self.cpu, str(self.cores), self.system, self.torch, self.cuda, *quota)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

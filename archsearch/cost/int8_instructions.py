"""Whether the processor multiplies 8-bit numbers faster than floats."""

import platform
import re
from functools import cache
from pathlib import Path

_X86 = ("x86_64", "amd64")
#: of x86: VNNI in its two forms, and AMX; of ARM: dot products of bytes
_X86_FLAGS = ("avx512_vnni", "avx_vnni", "amx_int8")
_ARM_FLAGS = ("asimddp", "i8mm")


def has_int8_instructions() -> bool | None:
    """Return whether the processor has instructions for int8; None where that is unknown."""
    machine = platform.machine().lower()
    flags = _flags()
    if machine in _X86 and flags:
        return any(flag in flags for flag in _X86_FLAGS)
    if machine in ("arm64", "aarch64"):
        # every Apple processor has them
        return platform.system() == "Darwin" or any(flag in flags for flag in _ARM_FLAGS)
    return None


def may_overflow() -> bool:
    """Return whether sums of int8 products saturate at 16 bits: x86 without VNNI."""
    return platform.machine().lower() in _X86 and has_int8_instructions() is False


def slow_int8_note(dtype: str) -> str:
    """Return what to know of int8 on this processor; empty for nothing."""
    if dtype != "int8" or has_int8_instructions() is not False:
        return ""
    return (
        "this processor has no instructions for int8 (VNNI or AMX on x86, dot products on ARM): "
        "int8 is measured all the same, and may be slower than float32"
    )


@cache
def _flags() -> frozenset[str]:
    """Return the features that Linux names; empty on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()

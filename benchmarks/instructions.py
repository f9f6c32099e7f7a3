"""Counts the instructions that process trees retire, in user space and in the kernel.

The steadiest figure on a machine that others use too. Needs hardware counters, which
many virtual machines lack, and `kernel.perf_event_paranoid` at 1 or less, or root.
"""

import ctypes
import errno
import os
import platform
import struct
from collections.abc import Sequence
from pathlib import Path

from benchmarks import processes

_SYSTEM_CALL = {"x86_64": 298, "aarch64": 241}.get(platform.machine())
_HARDWARE, _INSTRUCTIONS, _ATTRIBUTE_BYTES = 0, 1, 112
_INHERIT = 1 << 1
"""Threads and children that begin later are counted too."""
# struct perf_event_attr: type, size, config, sample_period, sample_type, read_format,
# flags; the rest is zero.
_ATTRIBUTES = struct.pack(
    "<IIQQQQQ", _HARDWARE, _ATTRIBUTE_BYTES, _INSTRUCTIONS, 0, 0, 0, _INHERIT
).ljust(_ATTRIBUTE_BYTES, b"\0")


def why_unavailable() -> str:
    """Empty: this kernel counts for us."""
    if _SYSTEM_CALL is None:
        return f"unknown machine {platform.machine()}"
    descriptor, error = _open(0)
    if descriptor >= 0:
        os.close(descriptor)
        return ""
    if error in (errno.EACCES, errno.EPERM):
        level = Path("/proc/sys/kernel/perf_event_paranoid").read_text().strip()
        return f"forbidden: kernel.perf_event_paranoid is {level}"
    return f"the machine has no hardware counters ({os.strerror(error)})"


def _open(thread: int) -> tuple[int, int]:
    """The descriptor, or -1 and the error number."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(_SYSTEM_CALL, _ATTRIBUTES, thread, -1, -1, 0)
    return descriptor, ctypes.get_errno()


class InstructionCounter:
    """Counts from its making until `read`, which may be called once."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._descriptors = [
            descriptor
            for root in (pids if _SYSTEM_CALL is not None else ())
            for member in processes.tree(root)
            for thread in processes.threads(member)
            if (descriptor := _open(thread)[0]) >= 0
        ]

    def read(self) -> int | None:
        """None: the kernel does not count for us."""
        total = 0
        for descriptor in self._descriptors:
            total += struct.unpack("<Q", os.read(descriptor, 8))[0]
            os.close(descriptor)
        return total if self._descriptors else None

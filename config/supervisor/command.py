"""What the supervisor needs to know to start one program."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Command:
    argv: tuple[str, ...]
    popen: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments for `subprocess.Popen` and `asyncio.create_subprocess_exec`."""

    def close(self) -> None:
        """Closes our copies of descriptors that the started program has inherited."""
        for descriptor in self.popen.get("pass_fds", ()):
            os.close(descriptor)


def dies_with_parent(signal_name: str) -> tuple[str, ...]:
    """An argv prefix: the kernel sends the signal when the starting thread dies.

    A supervisor killed with SIGKILL cannot stop its children; this does. Elsewhere
    than on Linux the next start finds and stops what was left behind.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", signal_name, "--") if setpriv else ()


def is_root() -> bool:
    return os.geteuid() == 0

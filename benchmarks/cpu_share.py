"""A share of a CPU for each of several processes, enforced by the kernel.

Two proxies with 0.4 CPU each show how two of them scale on a machine that has no third
CPU for the load. Needs root and a writable CPU controller of cgroups, version 1 or 2.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

_PERIOD_US = 10_000
_ROOT_V1 = Path("/sys/fs/cgroup/cpu")
_ROOT_V2 = Path("/sys/fs/cgroup")


def why_unavailable() -> str:
    """Empty: shares can be set."""
    if _is_version_1():
        return "" if os.access(_ROOT_V1, os.W_OK) else f"{_ROOT_V1} is not writable"
    control = _ROOT_V2 / "cgroup.subtree_control"
    if not control.exists() or "cpu" not in control.read_text().split():
        return "there is no CPU controller of cgroups"
    return "" if os.access(control, os.W_OK) else f"{_ROOT_V2} is not writable"


def _is_version_1() -> bool:
    return (_ROOT_V1 / "cpu.cfs_quota_us").exists() or _ROOT_V1.is_mount()


@contextlib.contextmanager
def of_one_cpu(share: float, *, pids: Sequence[int]) -> Iterator[None]:
    """Each process of `pids`, its threads included, gets `share` of a CPU at most."""
    root = _ROOT_V1 if _is_version_1() else _ROOT_V2
    with contextlib.ExitStack() as stack:
        for pid in pids:
            group = root / f"tokenfab-bench-{pid}"
            group.mkdir()
            stack.callback(group.rmdir)
            _set_time(group, time_us=int(share * _PERIOD_US))
            (group / "cgroup.procs").write_text(str(pid))
            stack.callback(_release, root, pid)
        yield


def _set_time(group: Path, *, time_us: int) -> None:
    if _is_version_1():
        (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(time_us))
    else:
        (group / "cpu.max").write_text(f"{time_us} {_PERIOD_US}")


def _release(root: Path, pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        (root / "cgroup.procs").write_text(str(pid))

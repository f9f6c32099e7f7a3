"""Runs a module and notes where its main thread is, so many times a second of that
thread's CPU time: `python -m benchmarks.sampler RATE FILE MODULE`.

A timer of the kernel on that one thread's clock sends SIGPROF, so waiting and other
threads are not counted, and a sample costs one signal and one walk up the stack.
Python runs the handler when the C function it is in returns: a system call counts for
the line that made it. What the event loop does between two callbacks is seen at the
next callback's first instruction, and is noted as `event_loop` below it.

SIGUSR1 forgets what was noted so far. At the end, FILE gets one line for each stack,
outermost first, `;` between and the number of samples behind, as for flame graphs.
"""

import atexit
import collections
import ctypes
import runpy
import signal
import sys
import threading
from pathlib import Path
from types import CodeType, FrameType

_THREAD_CPU_CLOCK = 3
_TO_ONE_THREAD = 4
_DEPTH_MAX = 60
LOOP = "event_loop"


class _SignalEvent(ctypes.Structure):
    """struct sigevent of Linux."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("thread", ctypes.c_int),
        ("padding", ctypes.c_char * 44),
    )


class _Times(ctypes.Structure):
    """struct itimerspec: interval and first."""

    _fields_ = tuple(
        (name, ctypes.c_long)
        for name in ("seconds", "nanoseconds", "first_seconds", "first_nanoseconds")
    )


class Sampler:
    def __init__(self) -> None:
        self.stacks: collections.Counter[tuple[str, ...]] = collections.Counter()

    def start(self, rate: int) -> None:
        """Of the thread that calls this, which must be the main one."""
        signal.signal(signal.SIGPROF, self._note)
        signal.siginterrupt(signal.SIGPROF, False)
        signal.signal(signal.SIGUSR1, self._forget)
        libc = ctypes.CDLL(None, use_errno=True)
        timer = ctypes.c_void_p()
        event = _SignalEvent(
            signal=signal.SIGPROF,
            notify=_TO_ONE_THREAD,
            thread=threading.get_native_id(),
        )
        if libc.timer_create(
            _THREAD_CPU_CLOCK, ctypes.byref(event), ctypes.byref(timer)
        ):
            raise OSError(ctypes.get_errno(), "timer_create")
        pause = 1_000_000_000 // rate
        times = _Times(nanoseconds=pause, first_nanoseconds=pause)
        if libc.timer_settime(timer, 0, ctypes.byref(times), None):
            raise OSError(ctypes.get_errno(), "timer_settime")

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number
        names = []
        if frame is not None and _is_between_callbacks(frame):
            names.append(LOOP)
        while frame is not None and len(names) < _DEPTH_MAX:
            names.append(_name(frame.f_code, frame.f_lineno))
            frame = frame.f_back
        self.stacks[tuple(names)] += 1

    def _forget(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stacks.clear()

    def write(self, path: Path) -> None:
        path.write_text(
            "".join(
                f"{';'.join(reversed(stack))} {count}\n"
                for stack, count in self.stacks.most_common()
            )
        )


def _is_between_callbacks(frame: FrameType) -> bool:
    """The loop itself, or a callback of it that has not done anything yet."""
    caller = frame.f_back
    return _is_loop(frame) or (
        caller is not None
        and _is_loop(caller)
        and frame.f_lineno == frame.f_code.co_firstlineno
    )


def _is_loop(frame: FrameType) -> bool:
    """All of uvloop looks like this one frame."""
    return frame.f_code.co_qualname == "Runner.run"


def _name(code: CodeType, line: int) -> str:
    folders = Path(code.co_filename).parts
    return f"{'/'.join(folders[-2:])}:{code.co_qualname}:{line}".replace(" ", "_")


def main() -> None:
    rate, path, module = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    sampler = Sampler()
    atexit.register(sampler.write, path)
    sampler.start(rate)
    runpy.run_module(module, run_name="__main__")


if __name__ == "__main__":
    main()

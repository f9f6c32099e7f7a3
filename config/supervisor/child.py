"""One process of the table: started, watched, started again, stopped."""

import asyncio
import contextlib
import enum
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable

from config.supervisor import backoff
from config.supervisor.probes import NOT_READY
from config.supervisor.processes import Output, Process

PROBE_SECONDS = 0.1
ALIVE_SECONDS = 1.0
LAST_LINES = 20
LINE_BYTES_MAX = 16_384
STEP_FAILURES_MAX = 2


class State(enum.StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    GIVEN_UP = "given up"
    STOPPED = "stopped"


class Child:
    def __init__(
        self,
        process: Process,
        *,
        say: Callable[[str, str], None],
        log: Callable[[str, str], None],
        changed: Callable[[], None],
    ) -> None:
        self.process = process
        self.state = State.WAITING
        self.pid: int | None = None
        self.restarts = 0
        self.ready = asyncio.Event()
        """Set while the process does its work; for a step, once it has succeeded."""
        self.given_up = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._say = say
        self._log = log
        self._changed = changed
        self._stopping = asyncio.Event()
        self._has_worked = False
        """Its probe succeeded once, or it lived for long."""
        self._handle: asyncio.subprocess.Process | None = None

    async def keep_running(self, needs: list["Child"]) -> None:
        """Until it is stopped, has done its step, or has failed too often in a row and
        never worked before. What has worked may do so again: its database comes back.
        """
        failures = 0
        while not self._stopping.is_set():
            for need in needs:
                await need.ready.wait()
            if self._stopping.is_set():
                return
            began = time.monotonic()
            code = await self._live_once()
            if self._stopping.is_set() or (self.process.is_step and code == 0):
                return
            lived = time.monotonic() - began
            self._has_worked |= lived >= backoff.HEALTHY_SECONDS
            failures = backoff.failures_after(failures, lived_seconds=lived)
            if failures >= self._failures_max() and not self._has_worked:
                self._give_up(code)
                return
            if failures == backoff.FAILURES_MAX:
                self._say_last_lines(f"failed {failures} times in a row.")
            await self._pause(code, backoff.delay_seconds(failures))

    def retire(self) -> None:
        """From now on it is not started again."""
        self._stopping.set()

    async def stop(self) -> None:
        """Asks, waits for as long as the table allows, then kills what is left."""
        self.retire()
        handle = self._handle
        if handle is not None and handle.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                handle.send_signal(self.process.stop_signal)
            try:
                await asyncio.wait_for(handle.wait(), self.process.stop_seconds_max)
            except TimeoutError:
                seconds = self.process.stop_seconds_max
                self._say(self.process.name, f"did not stop in {seconds:g} s: killed")
                self.kill()
                await handle.wait()
        if self.state not in {State.DONE, State.GIVEN_UP}:
            self._become(State.STOPPED)

    def kill(self) -> None:
        """The whole session of the child, its own children included."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    async def _live_once(self) -> int:
        """Exit status of one life; negative for a signal, 127 if it cannot start."""
        reader, writer = os.pipe()
        try:
            handle = await self._start(writer)
        except OSError as error:
            os.close(reader)
            self._hear(f"cannot start: {error}")
            return 127
        finally:
            os.close(writer)
        pump = asyncio.create_task(self._pump(reader))
        watch = asyncio.create_task(self._watch())
        code = await handle.wait()
        watch.cancel()
        self.kill()
        self.ready.clear()
        await asyncio.wait([pump], timeout=1.0)
        pump.cancel()
        self.pid = None
        if self.process.is_step and code == 0:
            self._become(State.DONE)
            self.ready.set()
        return code

    async def _start(self, output: int) -> asyncio.subprocess.Process:
        command = self.process.command()
        self._become(State.STARTING)
        try:
            self._handle = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=dict(self.process.environment),
                **command.popen,
            )
        finally:
            command.close()
        self.pid = self._handle.pid
        self._changed()
        if self._stopping.is_set():  # asked while it was being started
            self._handle.send_signal(self.process.stop_signal)
        return self._handle

    async def _watch(self) -> None:
        """Sets `ready`, or ends a life that does not become ready in time."""
        try:
            await asyncio.wait_for(self._probe(), self.process.ready_seconds_max)
        except TimeoutError:
            self._hear(f"not ready in {self.process.ready_seconds_max:g} s")
            self.kill()
            return
        if not self.process.is_step:
            self._become(State.READY)
            # Without a probe `ready` says only that it has begun.
            self._has_worked |= self.process.probe is not None
            self.ready.set()

    async def _probe(self) -> None:
        if self.process.is_step:
            await asyncio.Event().wait()
        if self.process.probe is None:
            await asyncio.sleep(ALIVE_SECONDS)
            return None
        while True:
            try:
                return await asyncio.to_thread(self.process.probe)
            except NOT_READY:
                await asyncio.sleep(PROBE_SECONDS)

    async def _pump(self, descriptor: int) -> None:
        """Reads until every holder of the other end is gone; lines are bounded."""
        stream = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb")
        )
        rest = b""
        try:
            while data := await stream.read(LINE_BYTES_MAX):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._hear(line.decode(errors="replace").rstrip())
                if len(rest) >= LINE_BYTES_MAX:
                    self._hear(rest.decode(errors="replace"))
                    rest = b""
            if rest:
                self._hear(rest.decode(errors="replace"))
        finally:
            transport.close()

    def _hear(self, line: str) -> None:
        self.last_lines.append(line)
        if self.process.output is Output.SHOWN:
            self._say(self.process.name, line)
        elif self.process.output is Output.LOGGED:
            self._log(self.process.name, line)

    async def _pause(self, code: int, seconds: float) -> None:
        self.restarts += 1
        self._become(State.RESTARTING)
        self._say(self.process.name, f"{_ending(code)}; again in {seconds:g} s")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _give_up(self, code: int) -> None:
        self._say_last_lines(f"{_ending(code)}; giving up.")
        self._become(State.GIVEN_UP)
        self.given_up.set()

    def _say_last_lines(self, text: str) -> None:
        self._say(self.process.name, f"{text} Its last lines:")
        for line in self.last_lines:
            self._say(self.process.name, f"  {line}")

    def _failures_max(self) -> int:
        return STEP_FAILURES_MAX if self.process.is_step else backoff.FAILURES_MAX

    def _become(self, state: State) -> None:
        self.state = state
        self._changed()


def _ending(code: int) -> str:
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exited with status {code}"

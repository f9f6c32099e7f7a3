"""Starts the table, keeps it running, and stops it in order."""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Coroutine
from itertools import groupby
from pathlib import Path
from typing import Any

from config.supervisor import leftovers, progress, state_files
from config.supervisor.announcement import announcement, endpoints
from config.supervisor.child import Child
from config.supervisor.console import Console
from config.supervisor.plan import Plan
from config.supervisor.processes import Process, table

PROGRESS_SECONDS = 0.5
SWEEP_SECONDS_MAX = 1.0
NAME = "tokenfab"


class Supervisor:
    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._console = console
        self._children: dict[str, Child] = {}
        self._stop_asked = asyncio.Event()
        self._is_announced = False
        self._exit_status = 0

    async def run(self) -> int:
        """Exit status: 0 after an ordered stop, 1 when the start failed."""
        self._listen_to_signals()  # before the first spawn, or a signal leaves orphans
        processes = table(self._plan)
        self._children = {p.name: self._child(p) for p in processes}
        keepers = [self._task(self._keep(c)) for c in self._children.values()]
        others = [
            self._task(self._announce()),
            self._task(self._show_progress()),
            *(self._task(self._fail(c)) for c in self._children.values()),
        ]
        await self._stop_asked.wait()
        for task in others:
            task.cancel()
        await self._stop_all()
        _, unfinished = await asyncio.wait(keepers, timeout=1.0)
        for task in unfinished:
            task.cancel()
        return self._exit_status

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._expect_no_error)
        return task

    def _expect_no_error(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours ends everything in order instead of half of it."""
        if not task.cancelled() and (error := task.exception()):
            self._say(NAME, f"internal error: {error!r}")
            self._exit_status = 1
            self._stop_asked.set()

    def _child(self, process: Process) -> Child:
        return Child(
            process,
            say=self._console.line,
            log=self._console.log,
            changed=self._write_processes,
        )

    async def _keep(self, child: Child) -> None:
        await child.keep_running([self._children[n] for n in child.process.needs])

    async def _fail(self, child: Child) -> None:
        await child.given_up.wait()
        if child.process.is_essential and not self._is_announced:
            self._say(NAME, f"cannot start without {child.process.name}")
            self._exit_status = 1
            self._stop_asked.set()

    async def _announce(self) -> None:
        """Writes endpoints.json and prints where everything is, once both doors open.

        The login link may fail (no such user can be made); the rest counts more.
        """
        login = self._children["operator_login"]
        doors = [self._children["web"], self._children["proxy-0"]]
        await self._children["web"].ready.wait()
        await _first(login.ready.wait(), login.given_up.wait())
        path = login.last_lines[-1] if login.ready.is_set() else ""
        self._write_endpoints(path)
        await _first(doors[1].ready.wait(), doors[1].given_up.wait())
        self._is_announced = True
        for line in announcement(self._plan, path):
            self._console.plain(line)

    def _write_endpoints(self, login_path: str) -> None:
        pids = {c.process.name: c.pid for c in self._children.values() if c.pid}
        content = endpoints(self._plan, login_path) | {
            "pids": {"supervisor": os.getpid(), **pids}
        }
        state_files.write_private(self._plan.run / state_files.ENDPOINTS, content)

    def _write_processes(self) -> None:
        processes = {
            child.process.name: {
                "state": child.state,
                "pid": child.pid,
                "restarts": child.restarts,
            }
            for child in self._children.values()
        }
        # What runs must go on when the disk is full; the next change writes it again.
        with contextlib.suppress(OSError):
            state_files.write_private(
                self._plan.run / state_files.PROCESSES, {"processes": processes}
            )
            self._refresh_pids(processes)

    def _refresh_pids(self, processes: dict[str, dict[str, Any]]) -> None:
        """A child that was started again has another pid."""
        path = self._plan.run / state_files.ENDPOINTS
        if content := state_files.read(path):
            pids = {n: p["pid"] for n, p in processes.items() if p["pid"]}
            content["pids"] = {"supervisor": os.getpid(), **pids}
            state_files.write_private(path, content)

    async def _show_progress(self) -> None:
        """On a terminal a moving bar; elsewhere a line whenever the step changes."""
        path = self._plan.run / state_files.PROGRESS
        said: tuple[Any, Any] = (None, None)
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            if not (content := state_files.read(path)):
                continue
            is_moving = content.get("state") not in {"ready", "failed"}
            self._console.status(progress.bar(content) if is_moving else "")
            step = (content.get("state"), content.get("step"))
            if step != said and not (is_moving and self._console.is_terminal):
                self._say("engine", progress.sentence(content))
            said = step

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._ask_to_stop, number)

    def _ask_to_stop(self, number: signal.Signals) -> None:
        """The second request in a row does not wait for anybody."""
        if self._stop_asked.is_set():
            for child in self._children.values():
                child.kill()
            return
        self._console.status("")
        self._say(NAME, f"{number.name}: stopping everything in order")
        self._stop_asked.set()

    async def _stop_all(self) -> None:
        began = time.monotonic()
        children = sorted(self._children.values(), key=_stage)
        for child in children:
            child.retire()
        for _, stage in groupby(children, key=_stage):
            await asyncio.gather(*(child.stop() for child in stage))
        await _sweep(self._plan.home)
        self._say(NAME, f"stopped in {time.monotonic() - began:.1f} s")

    def _say(self, name: str, text: str) -> None:
        self._console.line(name, text)


def run(plan: Plan, console: Console) -> int:
    """The whole life of one supervisor, from the first spawn to the last exit."""
    state_files.write_private(plan.run / state_files.SERVICES, plan.services())
    try:
        return asyncio.run(_run(plan, console))
    finally:
        state_files.forget(plan.run)
        _remove_socket_folder(plan.engine_socket, plan.run)


async def _run(plan: Plan, console: Console) -> int:
    return await Supervisor(plan, console).run()


def _stage(child: Child) -> int:
    return child.process.stop_stage


async def _sweep(home: Path) -> None:
    """Kills what children of children are left and waits until they are gone."""
    deadline = time.monotonic() + SWEEP_SECONDS_MAX
    while (found := leftovers.find(home)) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.02)


def _remove_socket_folder(socket: Path, run_folder: Path) -> None:
    if socket.parent == run_folder:
        socket.unlink(missing_ok=True)
    else:
        shutil.rmtree(socket.parent, ignore_errors=True)


async def _first(*waits: Awaitable[bool]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()

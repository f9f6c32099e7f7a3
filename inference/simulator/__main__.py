"""Run one simulated engine until SIGTERM: `python -m inference.simulator`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop

from inference.simulator.progress import Beacon
from inference.simulator.routes import Engine
from inference.simulator.server import Server
from inference.simulator.settings import Settings, read_settings

_DRAIN_SECONDS = 1.0
_BACKLOG = 2048


def main() -> int:
    try:
        settings = read_settings()
    except ValueError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        begins_anew = runner.run(_serve(settings))
    if begins_anew:
        # Another engine epoch, and the same process for whoever supervises it.
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line
    return 0


async def _serve(settings: Settings) -> bool:
    """Until a signal; or, and then true, until a fault makes it begin anew."""
    loop = asyncio.get_running_loop()
    stop, anew = asyncio.Event(), asyncio.Event()

    def restart() -> None:
        anew.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(
        Engine(settings, restart=restart).handle,
        keep_alive_seconds=settings.keep_alive_seconds,
    )
    listener = await _listen(server, settings)
    beacon = None
    if settings.progress_file:
        beacon = Beacon(Path(settings.progress_file), settings.model)
        beacon.light()
    await stop.wait()
    listener.close()
    if beacon is not None:
        beacon.put_out()
    await server.drain(0 if anew.is_set() else _DRAIN_SECONDS)
    _forget(settings.socket)
    return anew.is_set()


async def _listen(server: Server, settings: Settings) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if not settings.socket:
        return await loop.create_server(
            server.connect, "127.0.0.1", settings.port, backlog=_BACKLOG
        )
    _forget(settings.socket)
    # Only our own user may connect, from the first moment on.
    mask = os.umask(0o177)
    try:
        return await loop.create_unix_server(
            server.connect, settings.socket, backlog=_BACKLOG
        )
    finally:
        os.umask(mask)


def _forget(socket: str) -> None:
    if socket:
        Path(socket).unlink(missing_ok=True)


sys.exit(main())

"""One proxy process: `python -m metering.proxy.main`. Several share a port, one a core
(SO_REUSEPORT); each has a journal folder of its own.
"""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Coroutine

import uvloop

from metering.proxy import deadlines
from metering.proxy import settings as proxy_settings
from metering.proxy.admission import Admitter
from metering.proxy.cached_prompts import CachedPrompts
from metering.proxy.call_texts import CallTexts
from metering.proxy.control_plane import ControlPlane
from metering.proxy.counting import Counting
from metering.proxy.deadlines import Deadlines
from metering.proxy.journal import Journal
from metering.proxy.kept_answers import KeptAnswers
from metering.proxy.last_callers import LastCallers
from metering.proxy.lease_turn import Leases
from metering.proxy.limits import Limits
from metering.proxy.observe import Observer
from metering.proxy.plane import Plane
from metering.proxy.recorder import Recorders
from metering.proxy.routing import Router
from metering.proxy.server import ClientConnection
from metering.proxy.settings import ProxySettings
from metering.proxy.snapshots import Snapshots
from metering.proxy.stored_responses import StoredResponses
from metering.proxy.valkey import Valkey

_log = logging.getLogger(__name__)
_SNAPSHOT_DEADLINE_SECONDS = 5.0
_ROOM_CHECK_SECONDS = 1.0
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_THRESHOLD_BYTES = 1024 * 1024


def _fail(error: OSError) -> None:
    """The journal is lost: answers that wait for it must never look complete."""
    _log.critical("stopping: %s", error)
    os._exit(1)


async def _keep_checking_room(plane: Plane) -> None:
    """Runs for ever."""
    while True:
        plane.has_journal_room = plane.journal.has_room()
        await asyncio.sleep(_ROOM_CHECK_SECONDS)


async def _drain(plane: Plane, server: asyncio.Server) -> None:
    """Ends what can be ended in time, stops the rest, and empties the journal."""
    plane.is_draining = True
    server.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plane.settings.drain_seconds):
            await plane.wait_until_idle()
    for one in (*plane.calls, *plane.attempts):
        one.cut_short()
    with contextlib.suppress(TimeoutError):  # what has an idempotency key asks Valkey
        async with asyncio.timeout(plane.settings.idempotency_seconds):
            await plane.wait_until_idle()
    plane.last_callers.write()
    plane.limits.close()
    plane.counting.close()
    plane.journal.close()
    await asyncio.sleep(0)  # the confirmations of the last batch
    await asyncio.sleep(0.05)  # the last bytes leave the transports


def _make_plane(
    settings: ProxySettings,
) -> tuple[Plane, list[Coroutine[None, None, object]]]:
    """The plane, and what is to run for ever beside its calls."""
    observer = Observer()
    limits_valkey = Valkey(settings.valkey_url, deadline_seconds=settings.hold_seconds)
    snapshots_valkey = Valkey(
        settings.valkey_url, deadline_seconds=_SNAPSHOT_DEADLINE_SECONDS
    )
    answers_valkey = Valkey(
        settings.valkey_url, deadline_seconds=settings.idempotency_seconds
    )
    snapshots = Snapshots(
        snapshots_valkey, secret=settings.snapshot_key, folder=settings.snapshot_folder
    )
    snapshots.load_copies()
    router = Router(snapshots, settings, observer)
    plane = Plane(
        settings=settings,
        snapshots=snapshots,
        admitter=Admitter(snapshots),
        leases=Leases(answers_valkey, engine_key=settings.engine_key),
        prompts=CachedPrompts(snapshots, answers_valkey),
        limits=Limits(
            limits_valkey, counts=observer.limits, processes=settings.proxy_processes
        ),
        counting=Counting(
            routes=lambda: list(snapshots.routes.values()),
            pick_engine=router.pick,
            engine_key=settings.engine_key,
            counted=observer.prompts_counted,
        ),
        router=router,
        journal=Journal(
            settings.journal_folder,
            segment_bytes=settings.journal_segment_bytes,
            on_failure=_fail,
        ),
        recorders=Recorders(
            KeptAnswers(
                answers_valkey, lease_seconds=settings.idempotency_lease_seconds
            ),
            held=observer.answers_held,
        ),
        responses=StoredResponses(answers_valkey),
        texts=CallTexts(answers_valkey, observer),
        last_callers=LastCallers(snapshots_valkey, snapshots, settings.fronts),
        control=ControlPlane(
            settings.control_url,
            host=settings.portal_host,
            connect_seconds=settings.connect_seconds,
        ),
        observer=observer,
        deadlines=Deadlines(),
        calls=set(),
        attempts=set(),
        idle=asyncio.Event(),
    )
    return plane, [
        limits_valkey.keep_connected(),
        plane.limits.keep_working(),
        plane.counting.keep_loading(),
        plane.last_callers.keep_writing(),
        snapshots_valkey.keep_connected(),
        answers_valkey.keep_connected(),
        snapshots.keep_polling(),
        router.keep_probing(),
        plane.deadlines.keep_turning(),
        _keep_checking_room(plane),
    ]


async def _run(settings: ProxySettings) -> None:
    plane, work = _make_plane(settings)
    background: list[asyncio.Task[object]] = [asyncio.create_task(one) for one in work]
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = await loop.create_server(
        lambda: ClientConnection(plane),
        settings.host,
        settings.port,
        backlog=2048,
        reuse_port=True,
    )
    how = "interpreted" if deadlines.__file__.endswith(".py") else "compiled"
    _log.info("listening on %s:%d, %s", settings.host, settings.port, how)
    gc.freeze()  # what lives as long as the process need not be walked again
    gc.set_threshold(50_000, 20, 100)  # calls leave no cycles; a walk delays all others
    stopped: asyncio.Task[object] = asyncio.create_task(stopping.wait())
    done, _ = await asyncio.wait(
        [stopped, *background], return_when=asyncio.FIRST_COMPLETED
    )
    await _drain(plane, server)
    for task in background:
        task.cancel()
    for task in done - {stopped}:
        task.result()  # a background task never ends but by a bug: end loudly


def _allow_many_files() -> None:
    """A connection is a file, and the usual soft limit is 1,024 of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_memory_small() -> None:
    """A snapshot of many keys is 10 MB. Freed, it must go back to the system: by itself
    glibc takes the next one from its heap, and what is kept behind it holds the hole.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc's alone
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        libc.mallopt(_M_ARENA_MAX, 1)


def main() -> None:
    logging.basicConfig(
        level=logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    settings = proxy_settings.load()
    _allow_many_files()
    _keep_memory_small()
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_run(settings))


if __name__ == "__main__":
    main()

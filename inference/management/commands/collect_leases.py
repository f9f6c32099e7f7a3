"""`manage.py collect_leases`: the lease collector process, which keeps cached prompts
too: it hears first of an engine that began anew.
"""

import asyncio
import signal
import threading

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from inference.services.collect_until_stopped import collect_until_stopped
from inference.services.keep_until_stopped import keep_until_stopped


class Command(BaseCommand):
    help = "Copies lease receipts to PostgreSQL and keeps cached prompts until stopped."

    def handle(self, **_: object) -> None:
        # One connection is all we need, and a pool would make a stop wait for its
        # time-out while PostgreSQL is away.
        connection.settings_dict["OPTIONS"].pop("pool", None)
        stop_keeping = threading.Event()
        keep_until_stopped(stop_keeping)
        asyncio.run(_collect())
        stop_keeping.set()


async def _collect() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    await collect_until_stopped(stop, engine_key=settings.ENGINE_KEY)

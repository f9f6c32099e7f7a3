"""The lease collector as a process."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from django.db import connection


def database_url():
    database = connection.settings_dict
    return (
        f"postgres://{database['USER']}:{database['PASSWORD']}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )


@contextlib.contextmanager
def collector():
    """Must stop well when asked to."""
    running = subprocess.Popen(
        [sys.executable, "manage.py", "collect_leases"],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "ENGINE_KEY": "engine-key",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
    )
    try:
        yield running
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0
        assert time.monotonic() - began < 3
    finally:
        running.kill()
        running.wait()

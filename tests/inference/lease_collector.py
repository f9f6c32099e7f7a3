"""The lease collector as a process."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from django.db import connection

from inference.services.lease_client import WAIT_SECONDS


def url_of_test_database():
    database = connection.settings_dict
    return (
        f"postgres://{database['USER']}:{database['PASSWORD']}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )


@contextlib.contextmanager
def collector(*, database_url=None, engine_key="engine-key", **environment):
    """Must stop well when asked to. Without a URL its books are the test's."""
    running = subprocess.Popen(
        [sys.executable, "manage.py", "collect_leases"],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "DATABASE_URL": database_url or url_of_test_database(),
            "ENGINE_KEY": engine_key,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            **environment,
        },
    )
    try:
        yield running
        running.send_signal(signal.SIGTERM)
        # Sooner than an engine answers a question that waits.
        assert running.wait(WAIT_SECONDS - 2) == 0
    finally:
        running.kill()
        running.wait()

"""A database of its own, for tests that migrate one forward and back."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg

from tests.architecture.sources import REPOSITORY


@contextmanager
def fresh_database() -> Iterator[str]:
    """The URL of an empty database, gone afterwards."""
    url = urlsplit(os.environ["DATABASE_URL"])
    name = f"tokenfab_migrations_{os.getpid()}"
    with psycopg.connect(url.geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield url._replace(path=f"/{name}").geturl()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def migrate(url: str, *arguments: str) -> None:
    """As `manage.py migrate` does it, in a process of its own."""
    result = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--no-input", *arguments],
        cwd=REPOSITORY,
        env=os.environ
        | {"DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr

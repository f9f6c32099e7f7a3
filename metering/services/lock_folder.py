"""One shipper at a time in a journal folder."""

from pathlib import Path

from django.db import connection

_LOCK_CLASS = 0x70C
"""First half of the advisory locks' names; the second is the folder name's hash."""


def lock_folder(folder: Path) -> None:
    """Until the transaction ends, no other shipper touches the folder.

    Also bounds the transaction's waits: raises django.db.OperationalError after them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL lock_timeout = '10s'; SET LOCAL statement_timeout = '60s'"
        )
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_CLASS, folder.name]
        )

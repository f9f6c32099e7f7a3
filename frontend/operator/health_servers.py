"""Valkey and PostgreSQL, as they answer, and what the proxies were told last."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from redis import RedisError

from frontend.formatting import short_bytes, short_count
from frontend.operator.health import Check, Part, State, age, by_bounds
from tenants.domain.snapshot import valkey_version_key
from tenants.services.valkey import open_valkey
from tenants.wire import SNAPSHOT_KIND

_TIMEOUT_SECONDS = 0.5
_SLOW_MS, _STUCK_MS = 20, 200
_PERCENT_WAIT, _PERCENT_BAD = 80, 95
_OPEN_WAIT, _OPEN_BAD = timedelta(minutes=5), timedelta(hours=1)
_TOLD_WAIT, _TOLD_BAD = timedelta(minutes=3), timedelta(hours=1)
TABLES_SHOWN = 8
_CONNECTIONS = """
SELECT count(*), current_setting('max_connections')::int,
    coalesce(extract(epoch FROM max(now() - xact_start)), 0)::float
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
_TABLES = """
SELECT relname, pg_total_relation_size(relid), n_live_tup, n_dead_tup,
    greatest(last_vacuum, last_autovacuum)
FROM pg_stat_user_tables
ORDER BY 2 DESC, 1 LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Table:
    name: str
    size: int
    rows: int
    dead_rows: int
    """Versions that nobody sees any more and no vacuum has taken yet."""
    vacuumed_at: datetime | None


def read_valkey(*, now: datetime) -> Part:
    title = _("Valkey")
    try:
        with open_valkey(timeout_seconds=_TIMEOUT_SECONDS) as valkey:
            began = time.monotonic()
            valkey.ping()
            took_ms = 1000 * (time.monotonic() - began)
            info: dict[str, Any] = valkey.info()
            version: Any = valkey.get(valkey_version_key(SNAPSHOT_KIND))
    except RedisError:
        away = Check(
            title=_("Answer"),
            state=State.BAD,
            says=_("It does not answer within half a second."),
            todo=_("make logs NAME=valkey; its disk and memory."),
            chapter="When something is wrong",
        )
        return Part(title=title, checks=[away])
    return Part(
        title=title,
        checks=[_answer(took_ms, info), _memory(info), _told(version, now)],
    )


def _answer(took_ms: float, info: dict[str, Any]) -> Check:
    state = by_bounds(took_ms, _SLOW_MS, _STUCK_MS)
    return Check(
        title=_("Answer"),
        state=state,
        says=_("In %(ms)s ms, to %(clients)s clients, up for %(up)s.")
        % {
            "ms": f"{took_ms:.1f}",
            "clients": info["connected_clients"],
            "up": age(info["uptime_in_seconds"]),
        },
        todo=_("It decides over each call's limits: is its machine busy?"),
        chapter="What to watch",
    )


def _memory(info: dict[str, Any]) -> Check:
    used, most = int(info["used_memory"]), int(info["maxmemory"])
    state = by_bounds(100 * used // most if most else 0, _PERCENT_WAIT, _PERCENT_BAD)
    says = _("%(used)s in use.") % {"used": short_bytes(used)}
    if most:
        says = _("%(used)s of %(most)s in use.") % {
            "used": short_bytes(used),
            "most": short_bytes(most),
        }
    return Check(
        title=_("Memory"),
        state=state,
        says=says,
        todo=_("Give it more: full, it refuses idempotency keys and stored responses."),
        chapter="What to watch",
    )


def _told(version: str | None, now: datetime) -> Check:
    """A snapshot's version is never below the clock in milliseconds."""
    title, todo = _("Snapshots"), _("make logs NAME=tasks; they live for a day.")
    if version is None:
        return Check(
            title=title,
            state=State.BAD,
            says=_("Nothing was published: proxies live on the copy on their disk."),
            todo=todo,
            chapter="When something is wrong",
        )
    seconds = max(now.timestamp() - int(version) / 1000, 0.0)
    state = by_bounds(seconds, _TOLD_WAIT.total_seconds(), _TOLD_BAD.total_seconds())
    return Check(
        title=title,
        state=state,
        says=_("Keys were published to the proxies %(age)s ago.")
        % {"age": age(seconds)},
        todo=todo,
        chapter="When something is wrong",
    )


def read_postgres() -> tuple[Part, list[Table]]:
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        used, most, open_seconds = cursor.fetchone() or (0, 1, 0.0)
        cursor.execute("SELECT pg_database_size(current_database()), version()")
        size, version = cursor.fetchone() or (0, "")
        cursor.execute(_TABLES, [TABLES_SHOWN])
        tables = [
            Table(name=name, size=total, rows=rows, dead_rows=dead, vacuumed_at=at)
            for name, total, rows, dead, at in cursor.fetchall()
        ]
    said = Check(
        title=_("Database"),
        state=State.GOOD,
        says=_("%(size)s, %(version)s.")
        % {"size": short_bytes(size), "version": " ".join(version.split()[:2])},
        chapter="Backup and restore",
    )
    checks = [said, _connections(used, most), _open(open_seconds), _dead(tables)]
    return Part(title=_("PostgreSQL"), checks=checks), tables


def _connections(used: int, most: int) -> Check:
    state = by_bounds(100 * used // most, _PERCENT_WAIT, _PERCENT_BAD)
    return Check(
        title=_("Connections"),
        state=state,
        says=_("%(used)s of %(most)s.") % {"used": used, "most": most},
        todo=_("Raise max_connections, or find out who holds them."),
        chapter="Settings",
    )


def _open(seconds: float) -> Check:
    state = by_bounds(seconds, _OPEN_WAIT.total_seconds(), _OPEN_BAD.total_seconds())
    return Check(
        title=_("Oldest transaction"),
        state=state,
        says=_("Open for %(age)s.") % {"age": age(seconds)},
        todo=_("A dump or a forgotten session holds vacuum back: end it."),
        chapter="Backup and restore",
    )


def _dead(tables: list[Table]) -> Check:
    dead = sum(table.dead_rows for table in tables)
    rows = max(sum(table.rows for table in tables), 1)
    state = by_bounds(100 * dead // rows, 50, 200) if dead > 100_000 else State.GOOD  # noqa: PLR2004  fewer are nothing
    return Check(
        title=_("Dead rows"),
        state=state,
        says=_("%(dead)s of %(rows)s in the largest tables.")
        % {"dead": short_count(dead), "rows": short_count(rows)},
        todo=_("Vacuum does not keep up: is a transaction open for long?"),
        chapter="Backup and restore",
    )

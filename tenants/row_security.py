"""The second wall between tenants: PostgreSQL itself hides other tenants' rows.

Pages and answers that only read do so as the role `tokenfab_reader`. It may select from
tables that say whose their rows are, and sees those of one tenant; from the few tables
without a tenant that `settings.SHARED_TABLES` names; and from nothing else. It writes
nothing. Work across tenants (tasks, staff, the acts behind forms) goes on as the owner
of the tables, whom policies do not bind.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection
from psycopg.pq import TransactionStatus

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Of HTTP: what asks by one of these is only looked at, by a reader."""
_BEGIN = """
SELECT set_config('role', 'tokenfab_reader', false),
    set_config('app.tenant_id', %s, false)
"""
_END = (
    "SELECT set_config('role', 'none', false), set_config('app.tenant_id', '', false)"
)


_reading: ContextVar[int | None] = ContextVar("reading", default=None)


@contextmanager
def reading_as(tenant_id: int) -> Iterator[None]:
    """Whatever this thread asks the database meanwhile, it asks as that tenant.

    Not to be nested. `ProgrammingError` says that a table is none of a reader's, or
    that something was to be written.
    """
    before = _reading.set(tenant_id)
    try:
        _become_reader(tenant_id)
        yield
    finally:
        _reading.reset(before)
        _become_owner()


@contextmanager
def across_tenants() -> Iterator[None]:
    """For what `reading_as` must not narrow: a number about all tenants, such as what
    is free, that shows no row of any; or an act to which a link leads, since it comes
    from another site, of a row that was looked up before.
    """
    tenant_id = _reading.get()
    if tenant_id is None:
        yield
        return
    before = _reading.set(None)
    _become_owner()
    try:
        yield
    finally:
        _reading.reset(before)
        if not _has_failed():
            _become_reader(tenant_id)


def _become_reader(tenant_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [str(tenant_id)])


def _become_owner() -> None:
    if connection.connection is None or _has_failed():
        return
    with connection.cursor() as cursor:
        cursor.execute(_END)


def _has_failed() -> bool:
    """A transaction that has failed takes its settings back when it is rolled back."""
    raw = connection.connection
    return raw is not None and raw.info.transaction_status == TransactionStatus.INERROR


# Table, and what holds for the rows that a reader sees of it; partitions are read
# through their parent. Rows of nobody are for everybody. The setting is in no subquery:
# so the planner looks it up, and knows a tenant with many rows from one with few.
_POLICIES = """
SELECT * FROM (
    SELECT c.relname,
        CASE WHEN a.attnotnull THEN '' ELSE 'tenant_id IS NULL OR ' END
            || 'tenant_id = '
            || $$nullif(current_setting('app.tenant_id', true), '')::$$
            || format_type(a.atttypid, NULL)
    FROM pg_class c JOIN pg_attribute a
        ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relnamespace = current_schema()::regnamespace
    UNION ALL SELECT 'tenants_tenant',
        $$id = nullif(current_setting('app.tenant_id', true), '')::bigint$$
    UNION ALL SELECT 'tenants_user',
        'EXISTS (SELECT FROM tenants_member WHERE user_id = tenants_user.id)'
) AS wanted (table_name, condition)
WHERE to_regclass(table_name) IS NOT NULL AND NOT EXISTS (
    SELECT FROM pg_policies WHERE schemaname = current_schema()
        AND tablename = table_name AND policyname = 'reader_sees_own'
)
"""
_MAKE_READER = """
DO $$
BEGIN
    CREATE ROLE tokenfab_reader NOLOGIN;
    GRANT tokenfab_reader TO CURRENT_USER;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- of another database of the server, perhaps at this moment
END $$
"""
_SECURE = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY reader_sees_own ON {table} FOR SELECT TO tokenfab_reader
    USING ({condition});
GRANT SELECT ON {table} TO tokenfab_reader
"""
_SHARE = """
SELECT relname FROM pg_class
WHERE relname = ANY(%s) AND relnamespace = current_schema()::regnamespace
    AND NOT has_table_privilege('tokenfab_reader', oid, 'SELECT')
"""


def secure_rows(shared_tables: Sequence[str]) -> None:
    """Gives the reader what it may see; changes nothing where that stands already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = 'tokenfab_reader'")
        if cursor.fetchone() is None:
            cursor.execute(_MAKE_READER)
        cursor.execute(_POLICIES)
        for table, condition in cursor.fetchall():
            cursor.execute(_SECURE.format(table=table, condition=condition))
        cursor.execute(_SHARE, [list(shared_tables)])
        for (table,) in cursor.fetchall():
            cursor.execute(f"GRANT SELECT ON {table} TO tokenfab_reader")

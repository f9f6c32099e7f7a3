"""Bring the cache of balances up to the present."""

from django.db import connection

ENTRIES_MIN = 50
"""After the last one in the cache; fewer are as quickly added up."""
# Another one who refreshes may be further already: what he wrote then stays.
_REFRESH = """
    INSERT INTO billing_ledgerbalance (tenant_id, account_id, up_to, amount_nanos)
    SELECT a.tenant_id, a.id, later.up_to, coalesce(b.amount_nanos, 0) + later.amount
    FROM billing_ledgeraccount a
    LEFT JOIN billing_ledgerbalance b ON b.account_id = a.id
    CROSS JOIN LATERAL (
        SELECT max(e.id) AS up_to, sum(e.amount_nanos) AS amount, count(*) AS entries
        FROM billing_ledgerentry e
        WHERE e.account_id = a.id AND e.id > coalesce(b.up_to, 0)
    ) later
    WHERE later.entries >= %s
    ON CONFLICT (account_id) DO UPDATE
        SET up_to = excluded.up_to, amount_nanos = excluded.amount_nanos
        WHERE billing_ledgerbalance.up_to < excluded.up_to
"""


def refresh_balances(*, entries_min: int = ENTRIES_MIN) -> int:
    """How many accounts were refreshed: those with at least so many entries since.

    Safe twice and at the same time, since it writes sums up to an entry and no changes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_REFRESH, [entries_min])
        return int(cursor.rowcount)

"""History is kept by the database itself: the guards are there, on and before the row.

What each guard says is tried in tests/metering/test_models.py and
tests/billing/test_guards.py; here no table of the kind can be forgotten.
"""

import pytest
from django.db import connection

# Bits of pg_trigger.tgtype.
_ROW, _BEFORE, _DELETE, _UPDATE, _TRUNCATE = 1, 2, 8, 16, 32
_GUARDS = """
SELECT c.relname, t.tgtype, pg_get_functiondef(t.tgfoid)
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
"""
_TABLES = """
SELECT relname FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
"""

KEPT_ROW_BY_ROW = (
    "receipt",
    "receipt_seal",
    "receipt_key",
    "billing_billedreceipts",
    "billing_billedhour",
    "billing_receiptblock",
    "usage_event",
    "lease_receipt",
    "lease_interval",
    "cached_prompt_event",
    "billing_ledgeraccount",
    "billing_ledgertransaction",
    "billing_ledgerentry",
    "billing_invoice",
    "billing_invoiceend",
    "billing_lineitem",
    "billing_pricebook",
    "billing_priceversion",
    "billing_creditgrant",
    "billing_creditdraw",
    "billing_creditexpiry",
    "billing_creditwithdrawal",
    "billing_webhookattempt",
    "tenants_auditentry",
    "tenants_staffentry",
    "engine_cost",
    "tenants_sentmail",
)
KEPT_FAMILIES = (
    "receipt",
    "usage_event",
    "lease_receipt",
    "lease_interval",
    "cached_prompt_event",
    "billing_ledger",
    "billing_invoice_",
    "billing_lineitem",
)
CACHES = ("billing_ledgerbalance",)


@pytest.fixture
def guards(db):
    """Table -> types of its triggers that refuse something."""
    del db  # migrated
    with connection.cursor() as cursor:
        cursor.execute(_GUARDS)
        rows = cursor.fetchall()
    found: dict[str, list[int]] = {}
    for table, kind, source in rows:
        if "RAISE EXCEPTION" in source:
            found.setdefault(table, []).append(kind)
    return found


@pytest.fixture
def tables(db):
    del db  # migrated
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return [table for (table,) in cursor.fetchall()]


def _is_guarded(kinds: list[int], event: int, *, level: int) -> bool:
    return any(
        kind & event and kind & _BEFORE and (kind & _ROW) == level for kind in kinds
    )


@pytest.mark.parametrize("table", KEPT_ROW_BY_ROW)
@pytest.mark.parametrize("event", [_UPDATE, _DELETE])
def test_a_row_is_neither_changed_nor_taken_away(guards, table, event):
    assert _is_guarded(guards[table], event, level=_ROW)


@pytest.mark.parametrize("table", KEPT_ROW_BY_ROW)
def test_a_table_is_not_emptied(guards, table):
    assert _is_guarded(guards[table], _TRUNCATE, level=0)


def test_no_table_of_these_kinds_is_forgotten(guards, tables):
    kept = [
        table
        for table in tables
        if table.startswith(KEPT_FAMILIES) and table not in CACHES
    ]
    unguarded = [
        table
        for table in kept
        if not _is_guarded(guards.get(table, []), _UPDATE, level=_ROW)
        or not _is_guarded(guards.get(table, []), _TRUNCATE, level=0)
    ]
    assert unguarded == []
    assert "usage_event_default" in kept  # partitions are asked too

"""The database is asked which tables do not say whose their rows are."""

import pytest
from django.db import connection

WITHOUT_TENANT = {
    "tenants_tenant": "it is the tenant",
    "tenants_user": "a person may be a member of several tenants",
    "tenants_user_groups": "rights of staff in the admin",
    "tenants_user_user_permissions": "rights of staff in the admin",
    "tenants_staffentry": "what staff did to what all tenants share",
    "tenants_switches": "switches are for all tenants",
    "inference_servedmodel": "the catalogue is the same for all tenants",
    "inference_engine": "engines serve all tenants",
    "billing_stripeevent": "a webhook names no tenant until it is applied",
    "billing_priceversion": "its book says whose price it is",
    "billing_plan": "plans are offered to all tenants",
    "billing_planallowance": "it is part of a plan",
    "billing_planbookchange": "it is about a plan",
    "billing_coupon": "coupons are for any tenant; redemptions are of one",
    "billing_legalentity": "it is who sells, to all tenants",
    "billing_documentnumber": "numbers run through all tenants' documents of a year",
    "billing_taxrate": "a country's tax is the same for all tenants",
    "billing_leaseeventcursor": "an engine holds leases of all tenants",
    "billing_stafftoken": "staff act for all tenants",
    "billing_keptanswer": "of a caller, who may be staff; kept for a day",
    "journal_cursor": "a segment holds events of all tenants",
    "engine_capacity": "an engine's memory is sold to all tenants",
    "lease_cursor": "an engine holds leases of all tenants",
    "quarantined_segment": "a segment holds events of all tenants",
    "component_day": "components serve all tenants",
    "incident": "staff tell everybody of it",
    "incident_update": "it is part of an incident",
    "engine_cost": "engines serve all tenants",
    "open_engine_hour": "engines serve all tenants",
    "engine_usage_hour": "what an engine did for all tenants together",
    "engine_load_hour": "engines serve all tenants",
    "engine_epoch": "engines serve all tenants",
    "engine_reading": "an engine counts for all tenants together",
    "reconciliation_statement": "it is about an engine, which serves all tenants",
    "reconciliation_line": "it is part of a statement",
    "statement_acceptance": "it is about a statement",
    "receipt_key": "we sign for all tenants with one key",
    "reconciled_day": "a day is judged for all engines together",
}
OPTIONAL_TENANT = {
    "billing_pricebook": "a book without a tenant is for anybody; who pays by a book of"
    " another tenant is asked by books_of alone",
    "tenants_sentmail": "a mail to a person, or to staff, is no tenant's matter",
}
FRAMEWORKS = (
    "account_",  # allauth: addresses of users
    "auth_",
    "django_",
    "mfa_",  # allauth: second factors of users
    "usersessions_",  # allauth: where users are signed in
    "pgtrigger_",
)
# Partitions are left out: they have the columns of their parent.
_TABLES = """
SELECT c.relname, a.attnotnull FROM pg_class c
LEFT JOIN pg_attribute a
    ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relnamespace = current_schema()::regnamespace
"""


@pytest.fixture
def tenant_columns(db):
    """Table -> whether `tenant_id` is NOT NULL, or None where there is none."""
    del db  # migrated
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return {
            table: is_required
            for table, is_required in cursor.fetchall()
            if not table.startswith(FRAMEWORKS)
        }


def test_every_table_has_a_tenant_or_a_reason(tenant_columns):
    without = {table for table, found in tenant_columns.items() if found is None}
    assert without == set(WITHOUT_TENANT)


def test_a_tenant_is_never_null(tenant_columns):
    optional = [table for table, found in tenant_columns.items() if found is False]
    assert set(optional) == set(OPTIONAL_TENANT)
    assert sum(found is True for found in tenant_columns.values()) >= 10

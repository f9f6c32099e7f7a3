from django.db import migrations

# A row and what it belongs to are of the same tenant: Django cannot declare such a key.
OF_ONE_TENANT = (
    ("billing_billedhour", "invoice_id", "billing_invoice"),
    ("billing_billedreceipts", "invoice_id", "billing_invoice"),
    ("billing_creditalert", "grant_id", "billing_creditgrant"),
    ("billing_creditdraw", "grant_id", "billing_creditgrant"),
    ("billing_creditdraw", "invoice_id", "billing_invoice"),
    ("billing_creditexpiry", "grant_id", "billing_creditgrant"),
    ("billing_creditgrant", "transaction_id", "billing_ledgertransaction"),
    ("billing_creditnote", "invoice_id", "billing_invoice"),
    ("billing_creditnoteline", "credit_note_id", "billing_creditnote"),
    ("billing_creditnoteline", "line_id", "billing_lineitem"),
    ("billing_creditwithdrawal", "grant_id", "billing_creditgrant"),
    ("billing_invoiceend", "invoice_id", "billing_invoice"),
    ("billing_invoicetax", "invoice_id", "billing_invoice"),
    ("billing_ledgerbalance", "account_id", "billing_ledgeraccount"),
    ("billing_ledgerentry", "account_id", "billing_ledgeraccount"),
    ("billing_ledgerentry", "transaction_id", "billing_ledgertransaction"),
    ("billing_linedispute", "line_id", "billing_lineitem"),
    ("billing_lineitem", "invoice_id", "billing_invoice"),
    ("billing_ratedcharge", "period_id", "billing_billingperiod"),
    ("billing_receiptblock", "invoice_id", "billing_invoice"),
    ("billing_webhookattempt", "message_id", "billing_webhookmessage"),
    ("billing_webhookmessage", "endpoint_id", "billing_webhookendpoint"),
)

# What a row is in is what its tenant, plan or book is in. So a tenant that has any such
# row keeps its currency: an update of the key it refers to is refused.
OF_ONE_CURRENCY = (
    ("billing_pricebook", "tenant_id", "tenants_tenant"),
    ("billing_ledgeraccount", "tenant_id", "tenants_tenant"),
    ("billing_invoice", "tenant_id", "tenants_tenant"),
    ("billing_creditnote", "tenant_id", "tenants_tenant"),
    ("billing_payment", "tenant_id", "tenants_tenant"),
    ("billing_subscription", "tenant_id", "tenants_tenant"),
    ("billing_subscription", "plan_id", "billing_plan"),
    ("billing_plan", "price_book_id", "billing_pricebook"),
)
SAME = """
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({column}, {shared}) REFERENCES {parent} (id, {shared})
    DEFERRABLE INITIALLY DEFERRED
"""

# Metering knows nothing of billing; billing hears of every change of its rollups, in
# the same transaction and whoever makes it. The two triggers for UPDATE see the rows
# before and after: one that moves to another month changes both.
MARK_CHANGED_MONTHS = """
CREATE FUNCTION billing_mark_changed_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO billing_billingperiod (tenant_id, starts_at)
        SELECT DISTINCT tenant_id, date_trunc('month', hour_at, 'UTC')
        FROM changed_rollups ORDER BY 1, 2
    ON CONFLICT (tenant_id, starts_at)
        DO UPDATE SET generation = billing_billingperiod.generation + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER billing_usage_inserted AFTER INSERT ON usage_rollup
    REFERENCING NEW TABLE AS changed_rollups
    FOR EACH STATEMENT EXECUTE FUNCTION billing_mark_changed_months();
CREATE TRIGGER billing_usage_updated_from AFTER UPDATE ON usage_rollup
    REFERENCING OLD TABLE AS changed_rollups
    FOR EACH STATEMENT EXECUTE FUNCTION billing_mark_changed_months();
CREATE TRIGGER billing_usage_updated_to AFTER UPDATE ON usage_rollup
    REFERENCING NEW TABLE AS changed_rollups
    FOR EACH STATEMENT EXECUTE FUNCTION billing_mark_changed_months();
CREATE TRIGGER billing_usage_deleted AFTER DELETE ON usage_rollup
    REFERENCING OLD TABLE AS changed_rollups
    FOR EACH STATEMENT EXECUTE FUNCTION billing_mark_changed_months();
"""
FORGET_CHANGED_MONTHS = """
DROP TRIGGER billing_usage_inserted ON usage_rollup;
DROP TRIGGER billing_usage_updated_from ON usage_rollup;
DROP TRIGGER billing_usage_updated_to ON usage_rollup;
DROP TRIGGER billing_usage_deleted ON usage_rollup;
DROP FUNCTION billing_mark_changed_months();
"""


def _same(shared: str, name: str, key: tuple[str, str, str]) -> migrations.RunSQL:
    table, column, parent = key
    return migrations.RunSQL(
        SAME.format(
            table=table,
            name=f"{table}_{column}_{name}",
            column=column,
            shared=shared,
            parent=parent,
        ),
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_{name}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_triggers"),
        ("metering", "0003_guards"),
        ("tenants", "0003_guards"),
    ]

    operations = [
        *(_same("tenant_id", "tenant", key) for key in OF_ONE_TENANT),
        *(_same("currency", "currency", key) for key in OF_ONE_CURRENCY),
        migrations.RunSQL(MARK_CHANGED_MONTHS, FORGET_CHANGED_MONTHS),
    ]

from django.db import migrations

# A row and what it belongs to are of the same tenant: Django cannot declare such a key.
SAME_TENANT = """
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({column}, tenant_id) REFERENCES {parent} (id, tenant_id)
    DEFERRABLE INITIALLY DEFERRED
"""
KEYS = (
    ("billing_ledgerentry", "transaction_id", "billing_ledgertransaction"),
    ("billing_ledgerentry", "account_id", "billing_ledgeraccount"),
    ("billing_lineitem", "invoice_id", "billing_invoice"),
    ("billing_ratedusage", "period_id", "billing_billingperiod"),
)

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


def _same_tenant(table: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{table}_{column}_tenant"
    return migrations.RunSQL(
        SAME_TENANT.format(table=table, name=name, column=column, parent=parent),
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("metering", "0001_initial")]

    operations = [
        *(_same_tenant(*key) for key in KEYS),
        migrations.RunSQL(MARK_CHANGED_MONTHS, FORGET_CHANGED_MONTHS),
    ]

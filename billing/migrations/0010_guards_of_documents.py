from django.db import migrations

# As in 0002: a row and what it belongs to are of the same tenant.
SAME_TENANT = """
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({column}, tenant_id) REFERENCES {parent} (id, tenant_id)
    DEFERRABLE INITIALLY DEFERRED
"""
KEYS = (
    ("billing_creditnote", "invoice_id", "billing_invoice"),
    ("billing_creditnoteline", "credit_note_id", "billing_creditnote"),
    ("billing_creditnoteline", "line_id", "billing_lineitem"),
    ("billing_invoicetax", "invoice_id", "billing_invoice"),
    ("billing_ratedcharge", "period_id", "billing_billingperiod"),
)


def _same_tenant(table: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{table}_{column}_tenant"
    return migrations.RunSQL(
        SAME_TENANT.format(table=table, name=name, column=column, parent=parent),
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0009_documents_checked")]

    operations = [_same_tenant(*key) for key in KEYS]

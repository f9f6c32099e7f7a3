from django.db import migrations

# As in 0010: a row and the invoice it belongs to are of the same tenant.
SAME_TENANT = """
ALTER TABLE {table} ADD CONSTRAINT {table}_invoice_id_tenant
    FOREIGN KEY (invoice_id, tenant_id) REFERENCES billing_invoice (id, tenant_id)
    DEFERRABLE INITIALLY DEFERRED
"""
TABLES = ("billing_billedreceipts", "billing_receiptblock", "billing_billedhour")


class Migration(migrations.Migration):
    dependencies = [("billing", "0023_receipts")]

    operations = [
        migrations.RunSQL(
            SAME_TENANT.format(table=table),
            f"ALTER TABLE {table} DROP CONSTRAINT {table}_invoice_id_tenant",
        )
        for table in TABLES
    ]

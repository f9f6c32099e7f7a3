from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_images_credit_and_alerts")]

    operations = [
        migrations.RunSQL(
            """
            ALTER TABLE billing_creditgrant
                ADD CONSTRAINT billing_creditgrant_transaction_id_tenant
                FOREIGN KEY (transaction_id, tenant_id)
                REFERENCES billing_ledgertransaction (id, tenant_id)
                DEFERRABLE INITIALLY DEFERRED
            """,
            "ALTER TABLE billing_creditgrant"
            " DROP CONSTRAINT billing_creditgrant_transaction_id_tenant",
        )
    ]

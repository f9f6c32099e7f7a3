import django.db.models.deletion
from django.db import migrations, models

# A row and what it belongs to are of the same tenant: Django cannot declare such a key.
SAME_TENANT = """
ALTER TABLE billing_ledgerbalance
    ADD CONSTRAINT billing_ledgerbalance_account_id_tenant
    FOREIGN KEY (account_id, tenant_id) REFERENCES billing_ledgeraccount (id, tenant_id)
    DEFERRABLE INITIALLY DEFERRED
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0019_credit_kinds_and_draws"),
        ("tenants", "0005_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="LedgerBalance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("up_to", models.BigIntegerField()),
                ("amount_nano_usd", models.BigIntegerField()),
            ],
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                fields=["account", "id"], name="ledger_entry_of_account"
            ),
        ),
        migrations.AddField(
            model_name="ledgerbalance",
            name="account",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="balance",
                to="billing.ledgeraccount",
            ),
        ),
        migrations.AddField(
            model_name="ledgerbalance",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="ledger_balances",
                to="tenants.tenant",
            ),
        ),
        migrations.RunSQL(
            SAME_TENANT,
            "ALTER TABLE billing_ledgerbalance"
            " DROP CONSTRAINT billing_ledgerbalance_account_id_tenant",
        ),
    ]

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

# A row and what it belongs to are of the same tenant: Django cannot declare such a key.
SAME_TENANT = """
ALTER TABLE {table} ADD CONSTRAINT {name}
    FOREIGN KEY ({column}, tenant_id) REFERENCES {parent} (id, tenant_id)
    DEFERRABLE INITIALLY DEFERRED
"""
KEYS = (
    ("billing_creditdraw", "grant_id", "billing_creditgrant"),
    ("billing_creditdraw", "invoice_id", "billing_invoice"),
    ("billing_creditexpiry", "grant_id", "billing_creditgrant"),
    ("billing_creditwithdrawal", "grant_id", "billing_creditgrant"),
)
NO_MORE_THAN_GRANTED = """
PERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;
IF EXISTS (
    SELECT 1 FROM billing_creditgrant g,
        LATERAL (SELECT coalesce(sum(amount_nano_usd), 0) AS amount
            FROM billing_creditdraw WHERE grant_id = g.id) d,
        LATERAL (SELECT coalesce(sum(amount_nano_usd), 0) AS amount
            FROM billing_creditexpiry WHERE grant_id = g.id) e,
        LATERAL (SELECT coalesce(sum(amount_nano_usd), 0) AS amount
            FROM billing_creditwithdrawal WHERE grant_id = g.id) w
    WHERE g.id = NEW.grant_id
        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nano_usd))
THEN
    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NULL;
"""


def _same_tenant(table: str, column: str, parent: str) -> migrations.RunSQL:
    name = f"{table}_{column}_tenant"
    return migrations.RunSQL(
        SAME_TENANT.format(table=table, name=name, column=column, parent=parent),
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0018_plan_price_book"),
        ("tenants", "0005_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="CreditDraw",
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
                ("amount_nano_usd", models.BigIntegerField()),
                ("drawn_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="CreditExpiry",
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
                ("amount_nano_usd", models.BigIntegerField()),
                ("expired_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="CreditWithdrawal",
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
                ("amount_nano_usd", models.BigIntegerField()),
                ("reason", models.CharField(max_length=200)),
                ("idempotency_key", models.CharField(max_length=70)),
                ("withdrawn_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="ledgeraccount",
            name="ledger_account_kind_known",
        ),
        migrations.RemoveConstraint(
            model_name="ledgertransaction",
            name="ledger_transaction_kind_known",
        ),
        migrations.AddField(
            model_name="creditgrant",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="creditgrant",
            name="kind",
            field=models.CharField(
                choices=[("purchased", "purchased"), ("promotional", "promotional")],
                default="purchased",
                max_length=16,
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="creditgrant",
            name="priority",
            field=models.PositiveSmallIntegerField(default=20),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="ledgeraccount",
            name="kind",
            field=models.CharField(
                choices=[
                    ("unbilled", "unbilled"),
                    ("receivable", "receivable"),
                    ("revenue", "revenue"),
                    ("rounding", "rounding"),
                    ("credit", "credit"),
                    ("funds", "funds"),
                    ("tax", "tax"),
                    ("adjustments", "adjustments"),
                    ("uncollectible", "uncollectible"),
                    ("promotions", "promotions"),
                    ("breakage", "breakage"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="ledgertransaction",
            name="kind",
            field=models.CharField(
                choices=[
                    ("usage_rated", "usage_rated"),
                    ("invoice_issued", "invoice_issued"),
                    ("invoice_voided", "invoice_voided"),
                    ("invoice_written_off", "invoice_written_off"),
                    ("credit_note_issued", "credit_note_issued"),
                    ("credit_granted", "credit_granted"),
                    ("credit_drawn", "credit_drawn"),
                    ("credit_returned", "credit_returned"),
                    ("credit_expired", "credit_expired"),
                    ("credit_withdrawn", "credit_withdrawn"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddIndex(
            model_name="creditgrant",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False)),
                fields=["expires_at"],
                name="credit_grant_by_expiry",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.UniqueConstraint(
                fields=("id", "tenant"), name="credit_grant_of_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["purchased", "promotional"])),
                name="credit_grant_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(("priority__lte", 100)),
                name="credit_grant_priority_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("expires_at", None),
                    ("expires_at__gt", models.F("granted_at")),
                    _connector="OR",
                ),
                name="credit_grant_expires_after_it_began",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgeraccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "unbilled",
                            "receivable",
                            "revenue",
                            "rounding",
                            "credit",
                            "funds",
                            "tax",
                            "adjustments",
                            "uncollectible",
                            "promotions",
                            "breakage",
                        ],
                    )
                ),
                name="ledger_account_kind_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgertransaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "usage_rated",
                            "invoice_issued",
                            "invoice_voided",
                            "invoice_written_off",
                            "credit_note_issued",
                            "credit_granted",
                            "credit_drawn",
                            "credit_returned",
                            "credit_expired",
                            "credit_withdrawn",
                        ],
                    )
                ),
                name="ledger_transaction_kind_known",
            ),
        ),
        migrations.AddField(
            model_name="creditdraw",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="draws",
                to="billing.creditgrant",
            ),
        ),
        migrations.AddField(
            model_name="creditdraw",
            name="invoice",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_draws",
                to="billing.invoice",
            ),
        ),
        migrations.AddField(
            model_name="creditdraw",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_draws",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="creditexpiry",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="expiries",
                to="billing.creditgrant",
            ),
        ),
        migrations.AddField(
            model_name="creditexpiry",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_expiries",
                to="tenants.tenant",
            ),
        ),
        migrations.AddField(
            model_name="creditwithdrawal",
            name="grant",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="withdrawals",
                to="billing.creditgrant",
            ),
        ),
        migrations.AddField(
            model_name="creditwithdrawal",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credit_withdrawals",
                to="tenants.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditdraw",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nano_usd", 0), _negated=True),
                name="credit_draw_not_zero",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditdraw",
            constraint=models.UniqueConstraint(
                condition=models.Q(("amount_nano_usd__gt", 0)),
                fields=("grant", "invoice"),
                name="credit_draw_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditdraw",
            constraint=models.UniqueConstraint(
                condition=models.Q(("amount_nano_usd__lt", 0)),
                fields=("grant", "invoice"),
                name="credit_draw_returned_once",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="8cf934ee2d297aedff8d5bc444463165bf0d4e04",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_85805",
                    table="billing_creditdraw",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="cc5cc9f41ae3f1677b5c369c1b01d4179b701757",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_3bd13",
                    table="billing_creditdraw",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=NO_MORE_THAN_GRANTED,
                    hash="6f0f14d544a214c177a766420a66f92114b42412",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_8adf9",
                    table="billing_creditdraw",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="creditexpiry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nano_usd__gt", 0)),
                name="credit_expiry_positive",
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="6dcbcec827197b04e3bb6893f6105a7c5da0662e",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_d74ce",
                    table="billing_creditexpiry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="8c241f2f590d329f192e790e8993be10a83a28c7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_13799",
                    table="billing_creditexpiry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=NO_MORE_THAN_GRANTED,
                    hash="6a387a00e7f073e8528b300e28698edc8a9d9c9f",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_771e6",
                    table="billing_creditexpiry",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="creditwithdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nano_usd__gt", 0)),
                name="credit_withdrawal_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditwithdrawal",
            constraint=models.UniqueConstraint(
                fields=("tenant", "idempotency_key"), name="credit_withdrawal_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'append-only: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="f3c39a4d58700dd5a9433780f24c8865eb562804",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_454ad",
                    table="billing_creditwithdrawal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'history is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="6a4b0b0d1847c2acfa55e350bd48d421dcdb0f48",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_9b241",
                    table="billing_creditwithdrawal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func=NO_MORE_THAN_GRANTED,
                    hash="03a458632e573d849a0500bfcd412ef8f6f432cb",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_8b90c",
                    table="billing_creditwithdrawal",
                    when="AFTER",
                ),
            ),
        ),
        *(_same_tenant(*key) for key in KEYS),
    ]

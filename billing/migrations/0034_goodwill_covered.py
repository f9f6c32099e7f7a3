from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0033_mails_of_refunds")]

    operations = [
        migrations.RemoveConstraint(
            model_name="ledgertransaction",
            name="ledger_transaction_kind_known",
        ),
        migrations.AddField(
            model_name="billingperiod",
            name="goodwill_covered_nanos",
            field=models.BigIntegerField(db_default=0, default=0),
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
                    ("goodwill_covered", "goodwill_covered"),
                    ("credit_granted", "credit_granted"),
                    ("credit_drawn", "credit_drawn"),
                    ("credit_returned", "credit_returned"),
                    ("credit_expired", "credit_expired"),
                    ("credit_withdrawn", "credit_withdrawn"),
                    ("payment_received", "payment_received"),
                    ("payment_reversed", "payment_reversed"),
                    ("refund_paid", "refund_paid"),
                    ("refund_failed", "refund_failed"),
                ],
                max_length=32,
            ),
        ),
        migrations.AddConstraint(
            model_name="billingperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(("goodwill_covered_nanos__gte", 0)),
                name="billing_period_covered_not_negative",
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
                            "goodwill_covered",
                            "credit_granted",
                            "credit_drawn",
                            "credit_returned",
                            "credit_expired",
                            "credit_withdrawn",
                            "payment_received",
                            "payment_reversed",
                            "refund_paid",
                            "refund_failed",
                        ],
                    )
                ),
                name="ledger_transaction_kind_known",
            ),
        ),
    ]

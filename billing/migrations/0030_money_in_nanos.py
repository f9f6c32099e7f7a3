import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0029_line_disputes"),
        ("inference", "0006_cached_prompts_on_disk"),
        ("tenants", "0007_money_in_nanos"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="creditdraw",
            name="no_more_than_granted",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="creditexpiry",
            name="no_more_than_granted",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="creditnote",
            name="totals_are_the_lines",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="creditnoteline",
            name="no_more_than_billed",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="creditwithdrawal",
            name="no_more_than_granted",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="invoice",
            name="totals_are_the_lines",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="ledgerentry",
            name="sums_to_zero",
        ),
        migrations.RemoveConstraint(
            model_name="autorecharge",
            name="auto_recharge_amounts_make_sense",
        ),
        migrations.RemoveConstraint(
            model_name="budgetalert",
            name="budget_alert_once",
        ),
        migrations.RemoveConstraint(
            model_name="creditalert",
            name="credit_alert_once",
        ),
        migrations.RemoveConstraint(
            model_name="creditdraw",
            name="credit_draw_not_zero",
        ),
        migrations.RemoveConstraint(
            model_name="creditdraw",
            name="credit_draw_once",
        ),
        migrations.RemoveConstraint(
            model_name="creditdraw",
            name="credit_draw_returned_once",
        ),
        migrations.RemoveConstraint(
            model_name="creditexpiry",
            name="credit_expiry_positive",
        ),
        migrations.RemoveConstraint(
            model_name="creditgrant",
            name="credit_grant_amount_in_range",
        ),
        migrations.RemoveConstraint(
            model_name="creditnote",
            name="credit_note_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="creditnoteline",
            name="credit_note_line_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="creditthreshold",
            name="credit_threshold_positive",
        ),
        migrations.RemoveConstraint(
            model_name="creditwithdrawal",
            name="credit_withdrawal_positive",
        ),
        migrations.RemoveConstraint(
            model_name="invoice",
            name="invoice_totals_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="ledger_entry_not_zero",
        ),
        migrations.RemoveConstraint(
            model_name="lineitem",
            name="line_item_rounded_half_up",
        ),
        migrations.RemoveConstraint(
            model_name="lineitem",
            name="line_item_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="lineitem",
            name="line_item_adds_up",
        ),
        migrations.RemoveConstraint(
            model_name="priceversion",
            name="price_rates_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="priceversion",
            name="price_image_rate_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="priceversion",
            name="price_lease_rates_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="ratedcharge",
            name="rated_charge_not_negative",
        ),
        migrations.RenameField(
            model_name="autorecharge",
            old_name="threshold_nano_usd",
            new_name="threshold_nanos",
        ),
        migrations.RenameField(
            model_name="budgetalert",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="creditalert",
            old_name="threshold_nano_usd",
            new_name="threshold_nanos",
        ),
        migrations.RenameField(
            model_name="creditdraw",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="creditexpiry",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="creditgrant",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="creditnote",
            old_name="total_nano_usd",
            new_name="total_nanos",
        ),
        migrations.RenameField(
            model_name="creditnoteline",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="creditthreshold",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="creditwithdrawal",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="invoice",
            old_name="charged_nano_usd",
            new_name="charged_nanos",
        ),
        migrations.RenameField(
            model_name="invoice",
            old_name="total_nano_usd",
            new_name="total_nanos",
        ),
        migrations.RenameField(
            model_name="ledgerbalance",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="ledgerentry",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="linedispute",
            old_name="derived_amount_nano_usd",
            new_name="derived_amount_nanos",
        ),
        migrations.RenameField(
            model_name="lineitem",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        migrations.RenameField(
            model_name="lineitem",
            old_name="discount_nano_usd",
            new_name="discount_nanos",
        ),
        migrations.RenameField(
            model_name="lineitem",
            old_name="gross_nano_usd",
            new_name="gross_nanos",
        ),
        migrations.RenameField(
            model_name="lineitem",
            old_name="rate_nano_usd_per_million",
            new_name="rate_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="cached_input_nano_usd_per_million",
            new_name="cached_input_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="disk_mb_s_nano_usd_per_million",
            new_name="disk_mb_s_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="hbm_mb_s_nano_usd_per_million",
            new_name="hbm_mb_s_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="host_mb_s_nano_usd_per_million",
            new_name="host_mb_s_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="image_nano_usd_per_million",
            new_name="image_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="new_input_nano_usd_per_million",
            new_name="new_input_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="priceversion",
            old_name="output_nano_usd_per_million",
            new_name="output_nanos_per_million",
        ),
        migrations.RenameField(
            model_name="ratedcharge",
            old_name="amount_nano_usd",
            new_name="amount_nanos",
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditdraw",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;\nIF EXISTS (\n    SELECT 1 FROM billing_creditgrant g,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditdraw WHERE grant_id = g.id) d,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditexpiry WHERE grant_id = g.id) e,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditwithdrawal WHERE grant_id = g.id) w\n    WHERE g.id = NEW.grant_id\n        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))\nTHEN\n    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="eaf0ea78629f9a7c249b5b4b30a70a2142f816b2",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_8adf9",
                    table="billing_creditdraw",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditexpiry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;\nIF EXISTS (\n    SELECT 1 FROM billing_creditgrant g,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditdraw WHERE grant_id = g.id) d,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditexpiry WHERE grant_id = g.id) e,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditwithdrawal WHERE grant_id = g.id) w\n    WHERE g.id = NEW.grant_id\n        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))\nTHEN\n    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="93de2df5339d9337d5c27a88517b5ad3b4890dc2",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_771e6",
                    table="billing_creditexpiry",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnote",
            trigger=pgtrigger.compiler.Trigger(
                name="totals_are_the_lines",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_creditnote c\n    LEFT JOIN billing_creditnoteline l ON l.credit_note_id = c.id\n    WHERE c.id = NEW.id GROUP BY c.id\n    HAVING c.total_nanos <> coalesce(sum(l.amount_nanos), 0)\n        OR c.lines_cents <> coalesce(sum(l.amount_cents), 0))\nTHEN\n    RAISE EXCEPTION 'the totals of credit note % are not the sums of its lines', NEW.id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="2646f5894d796adcc3d94a93564f1bd1c19d10b8",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_totals_are_the_lines_4b148",
                    table="billing_creditnote",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditnoteline",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_billed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_creditnoteline n JOIN billing_lineitem l ON l.id = n.line_id\n    WHERE n.line_id = NEW.line_id GROUP BY l.id\n    HAVING sum(n.amount_nanos) > l.amount_nanos\n        OR sum(n.amount_cents) > l.amount_cents OR sum(n.quantity) > l.quantity)\nTHEN\n    RAISE EXCEPTION 'credit notes take more from line % than it billed', NEW.line_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="2092936cdc2453421caf4d9a08ffc4ff525439ab",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_no_more_than_billed_543f0",
                    table="billing_creditnoteline",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="creditwithdrawal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_more_than_granted",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\nPERFORM 1 FROM billing_creditgrant WHERE id = NEW.grant_id FOR NO KEY UPDATE;\nIF EXISTS (\n    SELECT 1 FROM billing_creditgrant g,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditdraw WHERE grant_id = g.id) d,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditexpiry WHERE grant_id = g.id) e,\n        LATERAL (SELECT coalesce(sum(amount_nanos), 0) AS amount\n            FROM billing_creditwithdrawal WHERE grant_id = g.id) w\n    WHERE g.id = NEW.grant_id\n        AND (d.amount < 0 OR d.amount + e.amount + w.amount > g.amount_nanos))\nTHEN\n    RAISE EXCEPTION 'no more than was granted leaves credit grant %', NEW.grant_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="fee399721372c9e43a460282882e17241842ffe9",
                    operation="INSERT",
                    pgid="pgtrigger_no_more_than_granted_8b90c",
                    table="billing_creditwithdrawal",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="invoice",
            trigger=pgtrigger.compiler.Trigger(
                name="totals_are_the_lines",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF EXISTS (\n    SELECT 1 FROM billing_invoice i LEFT JOIN billing_lineitem l ON l.invoice_id = i.id\n    WHERE i.id = NEW.id GROUP BY i.id\n    HAVING i.total_nanos <> coalesce(sum(l.amount_nanos), 0)\n        OR i.lines_cents <> coalesce(sum(l.amount_cents), 0))\nTHEN\n    RAISE EXCEPTION 'the totals of invoice % are not the sums of its lines', NEW.id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="276d0a5da3bc324144ebe8abd9b896b250149e85",
                    operation="INSERT OR UPDATE",
                    pgid="pgtrigger_totals_are_the_lines_86f80",
                    table="billing_invoice",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="ledgerentry",
            trigger=pgtrigger.compiler.Trigger(
                name="sums_to_zero",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    constraint="CONSTRAINT",
                    func="\nIF (SELECT coalesce(sum(amount_nanos), 0) FROM billing_ledgerentry\n    WHERE transaction_id = NEW.transaction_id) <> 0\nTHEN\n    RAISE EXCEPTION 'ledger transaction % does not sum to zero', NEW.transaction_id\n        USING ERRCODE = 'check_violation';\nEND IF;\nRETURN NULL;\n",
                    hash="dd7804a2a1b4379e4a0536eaf7d317f6f8572ca7",
                    operation="INSERT",
                    pgid="pgtrigger_sums_to_zero_af3d9",
                    table="billing_ledgerentry",
                    timing="DEFERRABLE INITIALLY DEFERRED",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="autorecharge",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_cents__gt", 0),
                    ("monthly_max_cents__gte", models.F("amount_cents")),
                    ("threshold_nanos__gte", 0),
                ),
                name="auto_recharge_amounts_make_sense",
            ),
        ),
        migrations.AddConstraint(
            model_name="budgetalert",
            constraint=models.UniqueConstraint(
                fields=(
                    "budget",
                    "period_starts_on",
                    "threshold_percent",
                    "amount_nanos",
                ),
                name="budget_alert_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditalert",
            constraint=models.UniqueConstraint(
                fields=("grant", "threshold_nanos"), name="credit_alert_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditdraw",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nanos", 0), _negated=True),
                name="credit_draw_not_zero",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditdraw",
            constraint=models.UniqueConstraint(
                condition=models.Q(("amount_nanos__gt", 0)),
                fields=("grant", "invoice"),
                name="credit_draw_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditdraw",
            constraint=models.UniqueConstraint(
                condition=models.Q(("amount_nanos__lt", 0)),
                fields=("grant", "invoice"),
                name="credit_draw_returned_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditexpiry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nanos__gt", 0)),
                name="credit_expiry_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditgrant",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_nanos__gt", 0), ("amount_nanos__lte", 9007199254740991)
                ),
                name="credit_grant_amount_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("lines_cents__gte", 0),
                    ("tax_cents__gte", 0),
                    ("total_cents__gte", models.F("lines_cents")),
                    ("total_nanos__gte", 0),
                ),
                name="credit_note_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnoteline",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_cents__gte", 0),
                    ("amount_nanos__gte", 0),
                    ("quantity__gte", 0),
                ),
                name="credit_note_line_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditthreshold",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nanos__gt", 0)),
                name="credit_threshold_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="creditwithdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nanos__gt", 0)),
                name="credit_withdrawal_positive",
            ),
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("charged_nanos__gte", 0),
                    ("credit_applied_cents__gte", 0),
                    ("credit_applied_cents__lte", models.F("total_cents")),
                    ("lines_cents__gte", 0),
                    ("tax_cents__gte", 0),
                    ("total_nanos__gte", 0),
                ),
                name="invoice_totals_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nanos", 0), _negated=True),
                name="ledger_entry_not_zero",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amount_cents__gte", 0),
                    ("amount_nanos__gte", 0),
                    ("discount_nanos__gte", 0),
                    ("gross_nanos__gte", 0),
                    ("included_quantity__gte", 0),
                    ("included_quantity__lte", models.F("quantity")),
                    ("quantity__gte", 0),
                ),
                name="line_item_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount_nanos",
                        django.db.models.expressions.CombinedExpression(
                            models.F("gross_nanos"), "-", models.F("discount_nanos")
                        ),
                    )
                ),
                name="line_item_adds_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="lineitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "amount_cents",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("amount_nanos"), "+", models.Value(5000000)
                            ),
                            "/",
                            models.Value(10000000),
                        ),
                    )
                ),
                name="line_item_rounded_half_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="priceversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cached_input_nanos_per_million__gte", 0),
                    ("new_input_nanos_per_million__gte", 0),
                    ("output_nanos_per_million__gte", 0),
                ),
                name="price_rates_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="priceversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("image_nanos_per_million__gte", 0)),
                name="price_image_rate_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="priceversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("hbm_mb_s_nanos_per_million__gte", 0),
                    ("host_mb_s_nanos_per_million__gte", 0),
                    ("disk_mb_s_nanos_per_million__gte", 0),
                ),
                name="price_lease_rates_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="ratedcharge",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_nanos__gte", 0), ("quantity__gte", 0)),
                name="rated_charge_not_negative",
            ),
        ),
    ]

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0001_initial"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="engineepoch",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="cdc75cf28f2e10af0262129a72e463154fff2c2d",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_bf6af",
                    table="engine_epoch",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="leaseinterval",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'lease intervals are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="9527587ad3a177638f54efa0d165200dfd343227",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_c03b2",
                    table="lease_interval",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="leaseinterval",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'lease intervals are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="3016e968d99ef5afac783f00f4815cce82924ffe",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_698d2",
                    table="lease_interval",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receipt",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="100f82adeff0ee5c533bfee278ce11781a116665",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b3b06",
                    table="receipt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receipt",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="6fd2edbd7c8b01928aac99a3dc643564647d40f2",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_66da8",
                    table="receipt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receiptkey",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="2f73963381b64b8a1efed3be5ba5e775a478b39d",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_534d8",
                    table="receipt_key",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receiptkey",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="01ced4678a4d95c5454ec151ed7751a46478cbb7",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_2d5b0",
                    table="receipt_key",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receiptseal",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="bb2dc9eaa1b8d4aad89a35706344a0f4cd31b767",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_f7b03",
                    table="receipt_seal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="receiptseal",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="2a190907c7098504e344aab9730b69568fddd33e",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_15832",
                    table="receipt_seal",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="enginereading",
            trigger=pgtrigger.compiler.Trigger(
                name="never_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="650c181833a7302f4f1666da23e806d1fd63cadd",
                    operation="UPDATE",
                    pgid="pgtrigger_never_changed_67fb6",
                    table="engine_reading",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reconciliationstatement",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="4bf9782c5d8f6bde6bad6d44882c77726ecaed9e",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_f3d1e",
                    table="reconciliation_statement",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="reconciliationline",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="35a0a5e28c7059beda8fc17a4ca678f14efa0fc4",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_fb385",
                    table="reconciliation_line",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="statementacceptance",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="39c7e9ed3f740bd735f396e5b228f2e2d10d02ae",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_16c2b",
                    table="statement_acceptance",
                    when="BEFORE",
                ),
            ),
        ),
    ]

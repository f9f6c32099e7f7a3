import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0001_initial"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="cachedpromptevent",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the history of cached prompts is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="4dec0865730381a85cfb5595158650d771d974c0",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_b2c67",
                    table="cached_prompt_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="cachedpromptevent",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the history of cached prompts is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="de5e7aa9896b7903223000a640ca242ad5cf573c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_00ce3",
                    table="cached_prompt_event",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="leasereceipt",
            trigger=pgtrigger.compiler.Trigger(
                name="never_changed",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'lease receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="2cb5a7a1b24ac03da57caeec0a180d4865dbeeae",
                    operation="UPDATE",
                    pgid="pgtrigger_never_changed_b3fac",
                    table="lease_receipt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="leasereceipt",
            trigger=pgtrigger.compiler.Trigger(
                name="kept_for_days",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.stored_at > now() - interval '90 days')",
                    func="RAISE EXCEPTION 'lease receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="fea6bd5e48ec2d8bb8f05c7f7f79b7e4c6d70c1c",
                    operation="DELETE",
                    pgid="pgtrigger_kept_for_days_4bbd8",
                    table="lease_receipt",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="leasereceipt",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'lease receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="9b20b48a35454aca4f19091e1f74ac4fa186b4e5",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_6e5ba",
                    table="lease_receipt",
                    when="BEFORE",
                ),
            ),
        ),
    ]

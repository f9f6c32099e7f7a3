import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="auditentry",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit log is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="8e9893816ec2c8a238dc56fdb99fc909c5a3cb01",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_a385e",
                    table="tenants_auditentry",
                    when="BEFORE",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="auditentry",
            trigger=pgtrigger.compiler.Trigger(
                name="no_truncate",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'the audit log is kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="74aa206019fc994e04f511808bd994b77833299c",
                    level="STATEMENT",
                    operation="TRUNCATE",
                    pgid="pgtrigger_no_truncate_81401",
                    table="tenants_auditentry",
                    when="BEFORE",
                ),
            ),
        ),
    ]

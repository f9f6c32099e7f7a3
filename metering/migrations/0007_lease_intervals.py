import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0006_lease_meters"),
    ]

    operations = [
        migrations.CreateModel(
            name="LeaseInterval",
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
                ("tenant_id", models.BigIntegerField()),
                ("project_id", models.BigIntegerField()),
                ("api_key_id", models.BigIntegerField()),
                ("model", models.TextField()),
                ("price_version_id", models.BigIntegerField()),
                ("event_id", models.UUIDField()),
                ("lease_id", models.UUIDField()),
                ("engine_id", models.BigIntegerField()),
                ("epoch", models.TextField()),
                ("tier", models.TextField(choices=[("hbm", "hbm"), ("host", "host")])),
                ("bytes", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("first_sequence", models.BigIntegerField()),
                ("last_sequence", models.BigIntegerField()),
                ("mb_s", models.BigIntegerField()),
                (
                    "stored_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
            ],
            options={
                "db_table": "lease_interval",
                "indexes": [
                    models.Index(
                        fields=["tenant_id", "ended_at"],
                        name="lease_interval_tenant_time",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("lease_id", "engine_id", "epoch", "started_at"),
                        name="lease_interval_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bytes__gte", 0),
                            ("ended_at__gt", models.F("started_at")),
                            ("mb_s__gte", 0),
                        ),
                        name="lease_interval_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["hbm", "host"])),
                        name="lease_interval_tier_known",
                    ),
                ],
            },
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
    ]

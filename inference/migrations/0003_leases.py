import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0002_task_and_tokenizer"),
    ]

    operations = [
        migrations.CreateModel(
            name="LeaseCursor",
            fields=[
                (
                    "engine",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="lease_cursor",
                        serialize=False,
                        to="inference.engine",
                    ),
                ),
                ("epoch", models.CharField(blank=True, default="", max_length=128)),
                ("sequence", models.BigIntegerField(default=0)),
                ("proven_ms", models.BigIntegerField(default=0)),
                ("gap_proven_ms", models.BigIntegerField(null=True)),
            ],
            options={
                "db_table": "lease_cursor",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("sequence__gte", 0)),
                        name="lease_cursor_not_negative",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Lease",
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
                ("lease_id", models.UUIDField()),
                ("epoch", models.CharField(max_length=128)),
                ("tenant_id", models.CharField(max_length=128)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("reused", "Reused"),
                            ("expired", "Expired"),
                            ("released", "Released"),
                            ("revoked", "Revoked"),
                            ("lost", "Lost"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "tier",
                    models.CharField(
                        choices=[
                            ("auto", "auto"),
                            ("hbm", "hbm"),
                            ("host", "host"),
                            ("disk", "disk"),
                        ],
                        max_length=16,
                    ),
                ),
                ("tokens", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("granted_sequence", models.BigIntegerField()),
                ("granted_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField()),
                ("ended_ms", models.BigIntegerField(null=True)),
                ("is_measured", models.BooleanField(default=False)),
                (
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leases",
                        to="inference.engine",
                    ),
                ),
            ],
            options={
                "db_table": "lease",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "held")),
                        fields=["engine", "epoch"],
                        name="lease_held_by_engine",
                    ),
                    models.Index(
                        models.F("ended_ms"),
                        condition=models.Q(
                            models.Q(("state", "held"), _negated=True),
                            ("is_measured", False),
                        ),
                        name="lease_to_measure",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("lease_id", "engine", "epoch"), name="lease_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    "held",
                                    "reused",
                                    "expired",
                                    "released",
                                    "revoked",
                                    "lost",
                                ],
                            )
                        ),
                        name="lease_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_ms__isnull", True), ("state", "held")),
                            models.Q(
                                models.Q(("state", "held"), _negated=True),
                                ("ended_ms__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="lease_ended_or_held",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LeaseReceipt",
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
                ("epoch", models.CharField(max_length=128)),
                ("sequence", models.BigIntegerField()),
                ("is_inferred", models.BooleanField(default=False)),
                (
                    "fact",
                    models.CharField(
                        choices=[
                            ("granted", "granted"),
                            ("refused", "refused"),
                            ("renewed", "renewed"),
                            ("demoted", "demoted"),
                            ("reused", "reused"),
                            ("expired", "expired"),
                            ("released", "released"),
                            ("revoked", "revoked"),
                            ("lost", "lost"),
                        ],
                        max_length=16,
                    ),
                ),
                ("lease_id", models.CharField(max_length=128)),
                ("tenant_id", models.CharField(max_length=128)),
                (
                    "tier",
                    models.CharField(
                        choices=[
                            ("auto", "auto"),
                            ("hbm", "hbm"),
                            ("host", "host"),
                            ("disk", "disk"),
                        ],
                        max_length=16,
                    ),
                ),
                ("tokens", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("at_ms", models.BigIntegerField()),
                ("until_ms", models.BigIntegerField()),
                ("host_until_ms", models.BigIntegerField(default=0)),
                ("reason", models.CharField(blank=True, default="", max_length=32)),
                (
                    "previous_lease_id",
                    models.CharField(blank=True, default="", max_length=128),
                ),
                (
                    "stored_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "engine",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lease_receipts",
                        to="inference.engine",
                    ),
                ),
            ],
            options={
                "db_table": "lease_receipt",
                "indexes": [
                    models.Index(
                        fields=["lease_id", "engine", "epoch"],
                        name="lease_receipt_of_lease",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_inferred", False)),
                        fields=("engine", "epoch", "sequence"),
                        name="lease_receipt_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_inferred", True)),
                        fields=("engine", "epoch", "lease_id", "fact", "sequence"),
                        name="lease_receipt_inferred_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bytes__gte", 0), ("sequence__gte", 0), ("tokens__gte", 0)
                        ),
                        name="lease_receipt_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "fact__in",
                                [
                                    "granted",
                                    "refused",
                                    "renewed",
                                    "demoted",
                                    "reused",
                                    "expired",
                                    "released",
                                    "revoked",
                                    "lost",
                                ],
                            )
                        ),
                        name="lease_receipt_fact_known",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="leasereceipt",
            trigger=pgtrigger.compiler.Trigger(
                name="append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'lease receipts are kept: % refused on %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';",
                    hash="b1042e0852a46c49fff0a647ba68305312005eec",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_append_only_a1781",
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

import uuid

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inference", "0004_lease_receipt_retention"),
        ("tenants", "0005_retention"),
    ]

    operations = [
        migrations.CreateModel(
            name="CachedPrompt",
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
                ("public_id", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("name", models.CharField(max_length=100)),
                ("content", models.TextField()),
                ("content_sha256", models.CharField(max_length=64)),
                ("message_count", models.PositiveIntegerField()),
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
                (
                    "lease_class",
                    models.CharField(
                        choices=[("elastic", "elastic"), ("guaranteed", "guaranteed")],
                        max_length=16,
                    ),
                ),
                ("ttl_seconds", models.PositiveIntegerField()),
                ("auto_renew", models.BooleanField(default=False)),
                ("engine_count", models.PositiveSmallIntegerField(default=1)),
                ("expires_at", models.DateTimeField()),
                ("token_count", models.PositiveIntegerField(default=0)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("warming", "Warming"),
                            ("ready", "Ready"),
                            ("degraded", "Degraded"),
                            ("expired", "Expired"),
                            ("deleted", "Deleted"),
                        ],
                        default="warming",
                        max_length=16,
                    ),
                ),
                ("retry_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "api_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="tenants.apikey",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="tenants.project",
                    ),
                ),
                (
                    "served_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="inference.servedmodel",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "cached_prompt",
            },
        ),
        migrations.CreateModel(
            name="CachedPromptEvent",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("created", "Created"),
                            ("warmed", "Warmed"),
                            ("renewed", "Renewed"),
                            ("rewarmed", "Rewarmed"),
                            ("degraded", "Degraded"),
                            ("changed", "Changed"),
                            ("expired", "Expired"),
                            ("deleted", "Deleted"),
                        ],
                        max_length=16,
                    ),
                ),
                ("lease_id", models.CharField(blank=True, default="", max_length=32)),
                ("tokens", models.PositiveIntegerField(default=0)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
                ("happened_at", models.DateTimeField()),
                (
                    "cached_prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="inference.cachedprompt",
                    ),
                ),
                (
                    "engine",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inference.engine",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "cached_prompt_event",
            },
        ),
        migrations.CreateModel(
            name="CachedPromptPlacement",
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
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("held", "Held"),
                            ("committed", "Committed"),
                            ("void", "Void"),
                        ],
                        default="held",
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
                (
                    "lease_class",
                    models.CharField(
                        choices=[("elastic", "elastic"), ("guaranteed", "guaranteed")],
                        max_length=16,
                    ),
                ),
                ("blocks", models.PositiveIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("retained_tokens", models.PositiveIntegerField(default=0)),
                ("lease_id", models.UUIDField(null=True)),
                ("last_hash", models.CharField(blank=True, default="", max_length=64)),
                ("epoch", models.CharField(blank=True, default="", max_length=128)),
                ("lease_expires_at", models.DateTimeField(null=True)),
                ("verified_at", models.DateTimeField(null=True)),
                ("held_at", models.DateTimeField()),
                ("claimed_until", models.DateTimeField(null=True)),
                ("is_lost", models.BooleanField(default=False)),
                ("is_to_be_released", models.BooleanField(default=False)),
                ("refusal", models.CharField(blank=True, default="", max_length=100)),
                ("failures", models.PositiveIntegerField(default=0)),
                ("retry_at", models.DateTimeField(null=True)),
                (
                    "cached_prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="placements",
                        to="inference.cachedprompt",
                    ),
                ),
                (
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="placements",
                        to="inference.engine",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "db_table": "cached_prompt_placement",
            },
        ),
        migrations.CreateModel(
            name="EngineCapacity",
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
                ("sellable_blocks", models.BigIntegerField()),
                ("guaranteed_blocks", models.BigIntegerField()),
                ("tenant_blocks", models.BigIntegerField()),
                ("held_blocks", models.BigIntegerField()),
                ("block_tokens", models.PositiveIntegerField()),
                ("block_bytes", models.BigIntegerField()),
                ("epoch", models.CharField(max_length=128)),
                (
                    "unsupported",
                    models.CharField(blank=True, default="", max_length=500),
                ),
                ("read_at", models.DateTimeField()),
                (
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="capacities",
                        to="inference.engine",
                    ),
                ),
            ],
            options={
                "db_table": "engine_capacity",
            },
        ),
        migrations.AddIndex(
            model_name="cachedprompt",
            index=models.Index(
                models.F("expires_at"),
                condition=models.Q(("status__in", ["warming", "ready", "degraded"])),
                name="cached_prompt_to_expire",
            ),
        ),
        migrations.AddIndex(
            model_name="cachedprompt",
            index=models.Index(
                fields=["project", "-id"], name="cached_prompt_of_project"
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedprompt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["warming", "ready", "degraded"])),
                fields=("project", "name"),
                name="cached_prompt_name_once_per_project",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedprompt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        ["warming", "ready", "degraded", "expired", "deleted"],
                    )
                ),
                name="cached_prompt_status_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedprompt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("ended_at__isnull", True),
                        ("status__in", ["warming", "ready", "degraded"]),
                    ),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("status__in", ["expired", "deleted"]),
                    ),
                    _connector="OR",
                ),
                name="cached_prompt_ended_or_living",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedprompt",
            constraint=models.CheckConstraint(
                condition=models.Q(("engine_count__gte", 1), ("engine_count__lte", 8)),
                name="cached_prompt_engine_count_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedprompt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("message_count__gte", 1),
                    ("ttl_seconds__gte", 1),
                    models.Q(("name", ""), _negated=True),
                    ("expires_at__gt", models.F("created_at")),
                ),
                name="cached_prompt_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedprompt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "ready"), _negated=True),
                    ("token_count__gt", 0),
                    _connector="OR",
                ),
                name="cached_prompt_ready_is_counted",
            ),
        ),
        migrations.AddIndex(
            model_name="cachedpromptevent",
            index=models.Index(
                fields=["cached_prompt", "-id"], name="cached_prompt_history"
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedpromptevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "created",
                            "warmed",
                            "renewed",
                            "rewarmed",
                            "degraded",
                            "changed",
                            "expired",
                            "deleted",
                        ],
                    )
                ),
                name="cached_prompt_event_kind_known",
            ),
        ),
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
        migrations.AddIndex(
            model_name="cachedpromptplacement",
            index=models.Index(
                condition=models.Q(("state__in", ["held", "committed"])),
                fields=["engine", "tier"],
                name="cached_prompt_room_taken",
            ),
        ),
        migrations.AddIndex(
            model_name="cachedpromptplacement",
            index=models.Index(
                models.F("id"),
                condition=models.Q(("is_to_be_released", True)),
                name="cached_prompt_to_release",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedpromptplacement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["held", "committed"])),
                fields=("cached_prompt", "engine", "tier"),
                name="cached_prompt_placed_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedpromptplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["held", "committed", "void"])),
                name="cached_prompt_placement_state_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedpromptplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(("tier__in", ["hbm", "host"])),
                name="cached_prompt_placement_tier",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedpromptplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(("blocks__gte", 1), ("bytes__gte", 0)),
                name="cached_prompt_placement_not_empty",
            ),
        ),
        migrations.AddConstraint(
            model_name="cachedpromptplacement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "committed"), _negated=True),
                    models.Q(
                        ("lease_id__isnull", False),
                        ("retained_tokens__gt", 0),
                        models.Q(("last_hash", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="cached_prompt_placement_committed_is_leased",
            ),
        ),
        migrations.AddConstraint(
            model_name="enginecapacity",
            constraint=models.UniqueConstraint(
                fields=("engine", "tier"), name="engine_capacity_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="enginecapacity",
            constraint=models.CheckConstraint(
                condition=models.Q(("tier__in", ["hbm", "host"])),
                name="engine_capacity_tier",
            ),
        ),
        migrations.AddConstraint(
            model_name="enginecapacity",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("block_bytes__gt", 0),
                    ("block_tokens__gt", 0),
                    ("guaranteed_blocks__gte", 0),
                    ("guaranteed_blocks__lte", models.F("sellable_blocks")),
                    ("held_blocks__gte", 0),
                    ("sellable_blocks__gte", 0),
                    ("tenant_blocks__gte", 0),
                ),
                name="engine_capacity_in_range",
            ),
        ),
    ]

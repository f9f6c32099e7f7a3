import uuid

import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServedModel",
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
                ("name", models.CharField(max_length=100, unique=True)),
                ("title", models.CharField(max_length=100)),
                ("context_tokens", models.PositiveIntegerField()),
                ("is_default", models.BooleanField(default=False)),
                (
                    "task",
                    models.CharField(
                        choices=[
                            ("generate", "generate"),
                            ("embed", "embed"),
                            ("image", "image"),
                        ],
                        default="generate",
                        max_length=16,
                    ),
                ),
                (
                    "tokenizer_folder",
                    models.CharField(blank=True, max_length=500, null=True),
                ),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("task__in", ["generate", "embed", "image"])
                        ),
                        name="served_model_task_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tokenizer_folder", ""), _negated=True),
                        name="served_model_folder_not_empty",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_default_served_model",
                    ),
                ],
            },
        ),
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
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="tenants.tenant",
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
                    "api_key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="tenants.apikey",
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                (
                    "served_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cached_prompts",
                        to="inference.servedmodel",
                    ),
                ),
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
            ],
            options={
                "db_table": "cached_prompt",
                "indexes": [
                    models.Index(
                        models.F("expires_at"),
                        condition=models.Q(
                            ("status__in", ["warming", "ready", "degraded"])
                        ),
                        name="cached_prompt_to_expire",
                    ),
                    models.Index(
                        fields=["project", "-id"], name="cached_prompt_of_project"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(
                            ("status__in", ["warming", "ready", "degraded"])
                        ),
                        fields=("project", "name"),
                        name="cached_prompt_name_once_per_project",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                ["warming", "ready", "degraded", "expired", "deleted"],
                            )
                        ),
                        name="cached_prompt_status_known",
                    ),
                    models.CheckConstraint(
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
                    models.CheckConstraint(
                        condition=models.Q(
                            ("engine_count__gte", 1), ("engine_count__lte", 8)
                        ),
                        name="cached_prompt_engine_count_in_range",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("message_count__gte", 1),
                            ("ttl_seconds__gte", 1),
                            models.Q(("name", ""), _negated=True),
                            ("expires_at__gt", models.F("created_at")),
                        ),
                        name="cached_prompt_not_empty",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "ready"), _negated=True),
                            ("token_count__gt", 0),
                            _connector="OR",
                        ),
                        name="cached_prompt_ready_is_counted",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Engine",
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
                ("name", models.SlugField(max_length=100, unique=True)),
                (
                    "served_model",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="engines",
                        to="inference.servedmodel",
                    ),
                ),
                ("address", models.CharField(max_length=255, unique=True)),
                ("is_simulator", models.BooleanField(default=False)),
                ("is_draining", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("starting", "Starting"),
                            ("ready", "Ready"),
                            ("unreachable", "Unreachable"),
                        ],
                        default="starting",
                        max_length=16,
                    ),
                ),
                ("checked_at", models.DateTimeField(blank=True, null=True)),
                ("ready_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["starting", "ready", "unreachable"])
                        ),
                        name="engine_state_known",
                    )
                ],
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
                    "cached_prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="inference.cachedprompt",
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
                (
                    "engine",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="inference.engine",
                    ),
                ),
                ("lease_id", models.CharField(blank=True, default="", max_length=32)),
                ("tokens", models.PositiveIntegerField(default=0)),
                ("reason", models.CharField(blank=True, default="", max_length=200)),
                ("happened_at", models.DateTimeField()),
            ],
            options={
                "db_table": "cached_prompt_event",
                "indexes": [
                    models.Index(
                        fields=["cached_prompt", "-id"], name="cached_prompt_history"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
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
                    )
                ],
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
                    "cached_prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="placements",
                        to="inference.cachedprompt",
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
                (
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="placements",
                        to="inference.engine",
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
            ],
            options={
                "db_table": "cached_prompt_placement",
                "indexes": [
                    models.Index(
                        condition=models.Q(("state__in", ["held", "committed"])),
                        fields=["engine", "tier"],
                        name="cached_prompt_room_taken",
                    ),
                    models.Index(
                        models.F("id"),
                        condition=models.Q(("is_to_be_released", True)),
                        name="cached_prompt_to_release",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["held", "committed"])),
                        fields=("cached_prompt", "engine", "tier"),
                        name="cached_prompt_placed_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["held", "committed", "void"])
                        ),
                        name="cached_prompt_placement_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["hbm", "host", "disk"])),
                        name="cached_prompt_placement_tier",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("blocks__gte", 1), ("bytes__gte", 0)),
                        name="cached_prompt_placement_not_empty",
                    ),
                    models.CheckConstraint(
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
                ],
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
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="capacities",
                        to="inference.engine",
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
            ],
            options={
                "db_table": "engine_capacity",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("engine", "tier"), name="engine_capacity_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("tier__in", ["hbm", "host", "disk"])),
                        name="engine_capacity_tier",
                    ),
                    models.CheckConstraint(
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
                (
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leases",
                        to="inference.engine",
                    ),
                ),
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
                (
                    "engine",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lease_receipts",
                        to="inference.engine",
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
            ],
            options={
                "db_table": "lease_receipt",
                "indexes": [
                    models.Index(
                        fields=["lease_id", "engine", "epoch"],
                        name="lease_receipt_of_lease",
                    ),
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["stored_at"], name="lease_receipt_by_age"
                    ),
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
    ]

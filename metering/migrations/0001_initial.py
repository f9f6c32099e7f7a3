import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

# Django cannot declare partitions. The month's column must be in every unique key, so
# the true primary key is (event_id, happened_at): a replayed journal carries both.
USAGE_EVENT = """
CREATE TABLE usage_event (
    event_id uuid NOT NULL,
    tenant_id bigint NOT NULL,
    project_id bigint NOT NULL,
    api_key_id bigint NOT NULL,
    model text NOT NULL,
    engine_id bigint NOT NULL,
    price_version_id bigint NOT NULL,
    endpoint text NOT NULL,
    streamed boolean NOT NULL,
    outcome text NOT NULL CONSTRAINT usage_event_outcome_known
        CHECK (outcome IN ('completed', 'client_gone', 'engine_failed', 'unbilled')),
    usage_source text NOT NULL CONSTRAINT usage_event_source_known
        CHECK (usage_source IN ('engine', 'estimate')),
    input_tokens integer NOT NULL,
    cached_input_tokens integer NOT NULL,
    cache_write_tokens integer NOT NULL,
    output_tokens integer NOT NULL,
    reasoning_tokens integer NOT NULL,
    received_at timestamptz NOT NULL,
    first_token_at timestamptz,
    happened_at timestamptz NOT NULL,
    images integer NOT NULL DEFAULT 0,
    samples integer NOT NULL DEFAULT 1,
    tries integer NOT NULL DEFAULT 1,
    sent_at timestamptz,
    cost_nanos bigint NOT NULL DEFAULT 0,
    leased_input_tokens integer NOT NULL DEFAULT 0,
    lease_id uuid,
    lease_expires_at timestamptz,
    previous_lease_id uuid,
    lease_cost_nanos bigint NOT NULL DEFAULT 0,
    is_warming boolean NOT NULL DEFAULT false,
    cached_prompt_id uuid,
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, happened_at),
    CONSTRAINT usage_event_quantities_not_negative CHECK (
        cache_write_tokens >= 0 AND cached_input_tokens >= 0 AND cost_nanos >= 0
        AND images >= 0 AND input_tokens >= 0 AND lease_cost_nanos >= 0
        AND leased_input_tokens >= 0 AND output_tokens >= 0 AND reasoning_tokens >= 0
    ),
    CONSTRAINT usage_event_samples_and_tries_positive
        CHECK (samples >= 1 AND tries >= 1),
    CONSTRAINT usage_event_cached_within_input
        CHECK (cached_input_tokens <= input_tokens),
    CONSTRAINT usage_event_leased_within_input
        CHECK (leased_input_tokens <= input_tokens),
    CONSTRAINT usage_event_reasoning_within_output
        CHECK (reasoning_tokens <= output_tokens)
) PARTITION BY RANGE (happened_at);
CREATE INDEX usage_event_tenant_time ON usage_event (tenant_id, happened_at DESC);
CREATE INDEX usage_event_time ON usage_event (happened_at DESC);
CREATE INDEX usage_event_lease ON usage_event (lease_id) WHERE lease_id IS NOT NULL;
CREATE INDEX usage_event_previous_lease ON usage_event (previous_lease_id)
    WHERE previous_lease_id IS NOT NULL;
CREATE INDEX usage_event_cached_prompt ON usage_event
    (cached_prompt_id, happened_at DESC) WHERE cached_prompt_id IS NOT NULL;
CREATE TABLE usage_event_default PARTITION OF usage_event DEFAULT;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="EngineEpoch",
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
                ("engine_id", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("is_start_known", models.BooleanField()),
            ],
            options={
                "db_table": "engine_epoch",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("engine_id", "started_at"), name="engine_epoch_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JournalCursor",
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
                ("folder", models.TextField()),
                ("segment", models.TextField()),
                ("shipped_bytes", models.BigIntegerField(default=0)),
                ("boot_id", models.CharField(blank=True, default="", max_length=16)),
                ("sequence", models.BigIntegerField(default=0)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "journal_cursor",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("folder", "segment"),
                        name="journal_cursor_once_per_segment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("sequence__gte", 0), ("shipped_bytes__gte", 0)
                        ),
                        name="journal_cursor_not_negative",
                    ),
                ],
            },
        ),
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
                (
                    "tier",
                    models.TextField(
                        choices=[("hbm", "hbm"), ("host", "host"), ("disk", "disk")]
                    ),
                ),
                ("bytes", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("first_sequence", models.BigIntegerField()),
                ("last_sequence", models.BigIntegerField()),
                ("mb_s", models.BigIntegerField()),
                (
                    "credit_reason",
                    models.TextField(blank=True, db_default="", default=""),
                ),
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
                        condition=models.Q(("tier__in", ["hbm", "host", "disk"])),
                        name="lease_interval_tier_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OpenHour",
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
                ("hour_at", models.DateTimeField()),
                ("generation", models.BigIntegerField(default=1)),
            ],
            options={
                "db_table": "open_hour",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "hour_at"), name="open_hour_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="QuarantinedSegment",
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
                ("folder", models.TextField()),
                ("segment", models.TextField()),
                ("found_at", models.DateTimeField()),
            ],
            options={
                "db_table": "quarantined_segment",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("folder", "segment"), name="quarantined_segment_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "sequence",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                ("happened_at", models.DateTimeField()),
                ("event_id", models.UUIDField()),
                ("interval_id", models.BigIntegerField(null=True)),
                ("cache_salt_id", models.BinaryField(max_length=8)),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "db_table": "receipt",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "happened_at", "event_id", "interval_id"),
                        name="receipt_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("sequence__gt", 0)),
                        name="receipt_sequence_positive",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReceiptKey",
            fields=[
                (
                    "key_id",
                    models.CharField(max_length=16, primary_key=True, serialize=False),
                ),
                ("public_key", models.CharField(max_length=64)),
                ("first_used_at", models.DateTimeField()),
            ],
            options={
                "db_table": "receipt_key",
            },
        ),
        migrations.CreateModel(
            name="ReceiptSeal",
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
                ("last_sequence", models.BigIntegerField()),
                ("head", models.BinaryField(max_length=32)),
                ("key_id", models.CharField(max_length=16)),
                ("signature", models.BinaryField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "receipt_seal",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "last_sequence"), name="receipt_seal_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciledDay",
            fields=[
                ("day", models.DateField(primary_key=True, serialize=False)),
                ("judged_at", models.DateTimeField()),
            ],
            options={
                "db_table": "reconciled_day",
            },
        ),
        migrations.CreateModel(
            name="UnsealedHour",
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
                ("hour_at", models.DateTimeField()),
                ("generation", models.BigIntegerField(default=1)),
            ],
            options={
                "db_table": "unsealed_hour",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "hour_at"), name="unsealed_hour_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageDay",
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
                ("new_input_tokens", models.BigIntegerField(default=0)),
                ("cached_input_tokens", models.BigIntegerField(default=0)),
                ("leased_input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("images", models.BigIntegerField(default=0)),
                ("hbm_mb_s", models.BigIntegerField(default=0)),
                ("host_mb_s", models.BigIntegerField(default=0)),
                ("disk_mb_s", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("charged_nanos", models.BigIntegerField(default=0)),
                ("tenant_id", models.BigIntegerField()),
                ("day_at", models.DateTimeField()),
                ("project_id", models.BigIntegerField()),
                ("api_key_id", models.BigIntegerField()),
                ("model", models.TextField()),
                ("price_version_id", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_day",
                "indexes": [
                    models.Index(
                        fields=["tenant_id", "api_key_id", "day_at"],
                        name="usage_day_of_key",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "tenant_id",
                            "day_at",
                            "project_id",
                            "api_key_id",
                            "model",
                            "price_version_id",
                        ),
                        name="usage_day_once",
                    )
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(USAGE_EVENT, "DROP TABLE usage_event")
            ],
            state_operations=[
                migrations.CreateModel(
                    name="UsageEvent",
                    fields=[
                        (
                            "event_id",
                            models.UUIDField(primary_key=True, serialize=False),
                        ),
                        ("tenant_id", models.BigIntegerField()),
                        ("project_id", models.BigIntegerField()),
                        ("api_key_id", models.BigIntegerField()),
                        ("model", models.TextField()),
                        ("engine_id", models.BigIntegerField()),
                        ("price_version_id", models.BigIntegerField()),
                        ("endpoint", models.TextField()),
                        ("streamed", models.BooleanField()),
                        (
                            "outcome",
                            models.TextField(
                                choices=[
                                    ("completed", "completed"),
                                    ("client_gone", "client_gone"),
                                    ("engine_failed", "engine_failed"),
                                    ("unbilled", "unbilled"),
                                ]
                            ),
                        ),
                        (
                            "usage_source",
                            models.TextField(
                                choices=[("engine", "engine"), ("estimate", "estimate")]
                            ),
                        ),
                        ("input_tokens", models.IntegerField()),
                        ("cached_input_tokens", models.IntegerField()),
                        ("cache_write_tokens", models.IntegerField()),
                        ("output_tokens", models.IntegerField()),
                        ("reasoning_tokens", models.IntegerField()),
                        ("received_at", models.DateTimeField()),
                        ("first_token_at", models.DateTimeField(null=True)),
                        ("happened_at", models.DateTimeField()),
                        ("images", models.IntegerField(db_default=0)),
                        ("samples", models.IntegerField(db_default=1)),
                        ("tries", models.IntegerField(db_default=1)),
                        ("sent_at", models.DateTimeField(null=True)),
                        ("cost_nanos", models.BigIntegerField(db_default=0)),
                        ("leased_input_tokens", models.IntegerField(db_default=0)),
                        ("lease_id", models.UUIDField(null=True)),
                        ("lease_expires_at", models.DateTimeField(null=True)),
                        ("previous_lease_id", models.UUIDField(null=True)),
                        ("lease_cost_nanos", models.BigIntegerField(db_default=0)),
                        ("is_warming", models.BooleanField(db_default=False)),
                        ("cached_prompt_id", models.UUIDField(null=True)),
                        (
                            "stored_at",
                            models.DateTimeField(
                                db_default=django.db.models.functions.datetime.Now()
                            ),
                        ),
                    ],
                    options={
                        "db_table": "usage_event",
                        "indexes": [
                            models.Index(
                                fields=["tenant_id", "-happened_at"],
                                name="usage_event_tenant_time",
                            ),
                            models.Index(
                                fields=["-happened_at"], name="usage_event_time"
                            ),
                            models.Index(
                                condition=models.Q(("lease_id__isnull", False)),
                                fields=["lease_id"],
                                name="usage_event_lease",
                            ),
                            models.Index(
                                condition=models.Q(
                                    ("previous_lease_id__isnull", False)
                                ),
                                fields=["previous_lease_id"],
                                name="usage_event_previous_lease",
                            ),
                            models.Index(
                                condition=models.Q(("cached_prompt_id__isnull", False)),
                                fields=["cached_prompt_id", "-happened_at"],
                                name="usage_event_cached_prompt",
                            ),
                        ],
                        "constraints": [
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("cache_write_tokens__gte", 0),
                                    ("cached_input_tokens__gte", 0),
                                    ("cost_nanos__gte", 0),
                                    ("images__gte", 0),
                                    ("input_tokens__gte", 0),
                                    ("lease_cost_nanos__gte", 0),
                                    ("leased_input_tokens__gte", 0),
                                    ("output_tokens__gte", 0),
                                    ("reasoning_tokens__gte", 0),
                                ),
                                name="usage_event_quantities_not_negative",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("samples__gte", 1), ("tries__gte", 1)
                                ),
                                name="usage_event_samples_and_tries_positive",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "cached_input_tokens__lte",
                                        models.F("input_tokens"),
                                    )
                                ),
                                name="usage_event_cached_within_input",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "leased_input_tokens__lte",
                                        models.F("input_tokens"),
                                    )
                                ),
                                name="usage_event_leased_within_input",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("reasoning_tokens__lte", models.F("output_tokens"))
                                ),
                                name="usage_event_reasoning_within_output",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    (
                                        "outcome__in",
                                        [
                                            "completed",
                                            "client_gone",
                                            "engine_failed",
                                            "unbilled",
                                        ],
                                    )
                                ),
                                name="usage_event_outcome_known",
                            ),
                            models.CheckConstraint(
                                condition=models.Q(
                                    ("usage_source__in", ["engine", "estimate"])
                                ),
                                name="usage_event_source_known",
                            ),
                        ],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsageHour",
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
                ("new_input_tokens", models.BigIntegerField(default=0)),
                ("cached_input_tokens", models.BigIntegerField(default=0)),
                ("leased_input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("images", models.BigIntegerField(default=0)),
                ("hbm_mb_s", models.BigIntegerField(default=0)),
                ("host_mb_s", models.BigIntegerField(default=0)),
                ("disk_mb_s", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("charged_nanos", models.BigIntegerField(default=0)),
                ("tenant_id", models.BigIntegerField()),
                ("hour_at", models.DateTimeField()),
                ("project_id", models.BigIntegerField()),
                ("model", models.TextField()),
                ("price_version_id", models.BigIntegerField()),
                ("endpoint", models.TextField()),
            ],
            options={
                "db_table": "usage_hour",
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "tenant_id",
                            "hour_at",
                            "project_id",
                            "model",
                            "price_version_id",
                            "endpoint",
                        ),
                        name="usage_hour_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="UsageRollup",
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
                (
                    "meter",
                    models.TextField(
                        choices=[
                            ("new_input_tokens", "new_input_tokens"),
                            ("cached_input_tokens", "cached_input_tokens"),
                            ("leased_input_tokens", "leased_input_tokens"),
                            ("output_tokens", "output_tokens"),
                            ("images", "images"),
                            ("hbm_mb_s", "hbm_mb_s"),
                            ("host_mb_s", "host_mb_s"),
                            ("disk_mb_s", "disk_mb_s"),
                            ("requests", "requests"),
                            ("charged_nanos", "charged_nanos"),
                        ]
                    ),
                ),
                ("price_version_id", models.BigIntegerField()),
                ("hour_at", models.DateTimeField()),
                ("quantity", models.BigIntegerField()),
                ("event_count", models.IntegerField()),
            ],
            options={
                "db_table": "usage_rollup",
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "tenant_id",
                            "hour_at",
                            "project_id",
                            "api_key_id",
                            "model",
                            "meter",
                            "price_version_id",
                        ),
                        name="usage_rollup_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("quantity__gte", 0)),
                        name="usage_rollup_quantity_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("event_count__gt", 0)),
                        name="usage_rollup_has_events",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "meter__in",
                                [
                                    "new_input_tokens",
                                    "cached_input_tokens",
                                    "leased_input_tokens",
                                    "output_tokens",
                                    "images",
                                    "hbm_mb_s",
                                    "host_mb_s",
                                    "disk_mb_s",
                                    "requests",
                                    "charged_nanos",
                                ],
                            )
                        ),
                        name="usage_rollup_meter_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EngineReading",
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
                    "epoch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="readings",
                        to="metering.engineepoch",
                    ),
                ),
                ("model", models.TextField()),
                ("asked_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField()),
                ("computed_input_tokens", models.BigIntegerField()),
                ("cached_input_tokens", models.BigIntegerField()),
                ("external_input_tokens", models.BigIntegerField()),
                ("output_tokens", models.BigIntegerField()),
                ("running_requests", models.IntegerField()),
                ("waiting_requests", models.IntegerField()),
            ],
            options={
                "db_table": "engine_reading",
                "indexes": [
                    models.Index(fields=["-asked_at"], name="engine_reading_time")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("epoch", "model", "asked_at"),
                        name="engine_reading_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("cached_input_tokens__gte", 0),
                            ("computed_input_tokens__gte", 0),
                            ("external_input_tokens__gte", 0),
                            ("output_tokens__gte", 0),
                            ("running_requests__gte", 0),
                            ("waiting_requests__gte", 0),
                        ),
                        name="engine_reading_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("answered_at__gte", models.F("asked_at"))),
                        name="engine_reading_asked_before_answered",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciliationStatement",
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
                ("engine_id", models.BigIntegerField()),
                (
                    "epoch",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="metering.engineepoch",
                    ),
                ),
                ("model", models.TextField()),
                ("day", models.DateField()),
                ("version", models.IntegerField()),
                (
                    "status",
                    models.TextField(
                        choices=[
                            ("balanced", "balanced"),
                            ("explained", "explained"),
                            ("estimated", "estimated"),
                            ("bounded", "bounded"),
                            ("unread", "unread"),
                            ("drifted", "drifted"),
                        ]
                    ),
                ),
                (
                    "opening",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.enginereading",
                    ),
                ),
                (
                    "closing",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.enginereading",
                    ),
                ),
                (
                    "last",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="metering.enginereading",
                    ),
                ),
                ("events", models.IntegerField()),
                ("events_left", models.IntegerField()),
                ("unprovable_events", models.IntegerField()),
                ("unprovable_input_tokens", models.BigIntegerField()),
                ("unprovable_output_tokens", models.BigIntegerField()),
                ("shipped_up_to", models.DateTimeField()),
                ("judged_at", models.DateTimeField()),
            ],
            options={
                "db_table": "reconciliation_statement",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "engine_id", "model", "epoch", "version"),
                        name="reconciliation_statement_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    "balanced",
                                    "explained",
                                    "estimated",
                                    "bounded",
                                    "unread",
                                    "drifted",
                                ],
                            )
                        ),
                        name="reconciliation_statement_status_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReconciliationLine",
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
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lines",
                        to="metering.reconciliationstatement",
                    ),
                ),
                ("is_exact", models.BooleanField()),
                (
                    "source",
                    models.TextField(
                        choices=[
                            ("input", "input"),
                            ("new_input", "new_input"),
                            ("cached_input", "cached_input"),
                            ("output", "output"),
                        ]
                    ),
                ),
                ("engine", models.BigIntegerField()),
                ("billed", models.BigIntegerField()),
                ("client_gone", models.BigIntegerField()),
                ("unbilled", models.BigIntegerField()),
                ("estimated", models.BigIntegerField()),
                ("least", models.BigIntegerField()),
                ("most", models.BigIntegerField()),
                ("difference", models.BigIntegerField()),
            ],
            options={
                "db_table": "reconciliation_line",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("statement", "is_exact", "source"),
                        name="reconciliation_line_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StatementAcceptance",
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
                    "statement",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="acceptance",
                        to="metering.reconciliationstatement",
                    ),
                ),
                ("reason", models.TextField()),
                (
                    "accepted_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("accepted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "statement_acceptance",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="statement_acceptance_has_a_reason",
                    )
                ],
            },
        ),
    ]

from django.db import migrations, models

# Rollups can be made again from the events.
NO_LEASED_INPUT = "DELETE FROM usage_rollup WHERE meter = 'leased_input_tokens'"

METERS = [
    "new_input_tokens",
    "cached_input_tokens",
    "leased_input_tokens",
    "output_tokens",
    "images",
    "requests",
]
QUANTITIES = [
    "cache_write_tokens",
    "cached_input_tokens",
    "cost_nano_usd",
    "images",
    "input_tokens",
    "lease_cost_nano_usd",
    "leased_input_tokens",
    "output_tokens",
    "reasoning_tokens",
]


class Migration(migrations.Migration):
    dependencies = [("metering", "0004_engine_audit")]

    # An ALTER of the parent reaches every partition; no row is rewritten.
    operations = [
        migrations.RemoveConstraint(
            "usageevent", "usage_event_quantities_not_negative"
        ),
        migrations.RemoveConstraint("usagerollup", "usage_rollup_meter_known"),
        migrations.RunSQL(migrations.RunSQL.noop, NO_LEASED_INPUT),
        migrations.AddField(
            "usageevent", "leased_input_tokens", models.IntegerField(db_default=0)
        ),
        migrations.AddField("usageevent", "lease_id", models.UUIDField(null=True)),
        migrations.AddField(
            "usageevent", "lease_expires_at", models.DateTimeField(null=True)
        ),
        migrations.AddField(
            "usageevent", "previous_lease_id", models.UUIDField(null=True)
        ),
        migrations.AddField(
            "usageevent", "lease_cost_nano_usd", models.BigIntegerField(db_default=0)
        ),
        migrations.AlterField(
            "usagerollup",
            "meter",
            models.TextField(choices=[(name, name) for name in METERS]),
        ),
        migrations.AddIndex(
            "usageevent",
            models.Index(
                fields=["lease_id"],
                condition=models.Q(("lease_id__isnull", False)),
                name="usage_event_lease",
            ),
        ),
        migrations.AddConstraint(
            "usageevent",
            models.CheckConstraint(
                condition=models.Q(*[(f"{name}__gte", 0) for name in QUANTITIES]),
                name="usage_event_quantities_not_negative",
            ),
        ),
        migrations.AddConstraint(
            "usageevent",
            models.CheckConstraint(
                condition=models.Q(
                    ("leased_input_tokens__lte", models.F("input_tokens"))
                ),
                name="usage_event_leased_within_input",
            ),
        ),
        migrations.AddConstraint(
            "usagerollup",
            models.CheckConstraint(
                condition=models.Q(("meter__in", METERS)),
                name="usage_rollup_meter_known",
            ),
        ),
    ]

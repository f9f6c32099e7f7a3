from django.db import migrations, models

# An ALTER of the parent reaches every partition; no row is rewritten. The reverse
# leaves unbilled events where they are, since nothing may be deleted here.
OUTCOME = """
ALTER TABLE usage_event DROP CONSTRAINT usage_event_outcome_known;
ALTER TABLE usage_event ADD CONSTRAINT usage_event_outcome_known CHECK
    (outcome IN ('completed', 'client_gone', 'engine_failed', 'unbilled'));
"""
OLD_OUTCOME = """
ALTER TABLE usage_event DROP CONSTRAINT usage_event_outcome_known;
ALTER TABLE usage_event ADD CONSTRAINT usage_event_outcome_known CHECK
    (outcome IN ('completed', 'client_gone', 'engine_failed')) NOT VALID;
"""
# Rollups can be made again from the events.
NO_IMAGES = "DELETE FROM usage_rollup WHERE meter = 'images'"

OUTCOMES = ["completed", "client_gone", "engine_failed", "unbilled"]
METERS = [
    "new_input_tokens",
    "cached_input_tokens",
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
    "output_tokens",
    "reasoning_tokens",
]


class Migration(migrations.Migration):
    dependencies = [("metering", "0002_refuse_truncate")]

    operations = [
        migrations.RemoveConstraint(
            "usageevent", "usage_event_quantities_not_negative"
        ),
        migrations.RemoveConstraint("usagerollup", "usage_rollup_meter_known"),
        migrations.RunSQL(migrations.RunSQL.noop, NO_IMAGES),
        migrations.AddField(
            "usageevent", "cost_nano_usd", models.BigIntegerField(db_default=0)
        ),
        migrations.AddField("usageevent", "images", models.IntegerField(db_default=0)),
        migrations.AddField("usageevent", "samples", models.IntegerField(db_default=1)),
        migrations.AddField("usageevent", "sent_at", models.DateTimeField(null=True)),
        migrations.AddField("usageevent", "tries", models.IntegerField(db_default=1)),
        migrations.AlterField(
            "usageevent",
            "outcome",
            models.TextField(choices=[(name, name) for name in OUTCOMES]),
        ),
        migrations.AlterField(
            "usagerollup",
            "meter",
            models.TextField(choices=[(name, name) for name in METERS]),
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
                condition=models.Q(("samples__gte", 1), ("tries__gte", 1)),
                name="usage_event_samples_and_tries_positive",
            ),
        ),
        migrations.AddConstraint(
            "usagerollup",
            models.CheckConstraint(
                condition=models.Q(("meter__in", METERS)),
                name="usage_rollup_meter_known",
            ),
        ),
        migrations.RunSQL(
            OUTCOME,
            OLD_OUTCOME,
            state_operations=[
                migrations.RemoveConstraint("usageevent", "usage_event_outcome_known"),
                migrations.AddConstraint(
                    "usageevent",
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", OUTCOMES)),
                        name="usage_event_outcome_known",
                    ),
                ),
            ],
        ),
    ]

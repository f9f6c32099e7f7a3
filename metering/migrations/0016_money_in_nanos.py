from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("metering", "0015_mark_unsealed_hours"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="usageevent",
            name="usage_event_quantities_not_negative",
        ),
        migrations.RemoveConstraint(
            model_name="usagerollup",
            name="usage_rollup_meter_known",
        ),
        migrations.RenameField(
            model_name="usageevent",
            old_name="cost_nano_usd",
            new_name="cost_nanos",
        ),
        migrations.RenameField(
            model_name="usageevent",
            old_name="lease_cost_nano_usd",
            new_name="lease_cost_nanos",
        ),
        migrations.AlterField(
            model_name="usagerollup",
            name="meter",
            field=models.TextField(
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
        migrations.AddConstraint(
            model_name="usageevent",
            constraint=models.CheckConstraint(
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
        ),
    ]

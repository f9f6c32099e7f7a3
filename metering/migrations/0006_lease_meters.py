from django.db import migrations, models

# Rollups can be made again.
NO_LEASES = "DELETE FROM usage_rollup WHERE meter IN ('hbm_mb_s', 'host_mb_s')"

METERS = [
    "new_input_tokens",
    "cached_input_tokens",
    "leased_input_tokens",
    "output_tokens",
    "images",
    "hbm_mb_s",
    "host_mb_s",
    "requests",
]


class Migration(migrations.Migration):
    dependencies = [("metering", "0005_leased_input")]

    operations = [
        migrations.RemoveConstraint("usagerollup", "usage_rollup_meter_known"),
        migrations.RunSQL(migrations.RunSQL.noop, NO_LEASES),
        migrations.AlterField(
            "usagerollup",
            "meter",
            models.TextField(choices=[(name, name) for name in METERS]),
        ),
        migrations.AddConstraint(
            "usagerollup",
            models.CheckConstraint(
                condition=models.Q(("meter__in", METERS)),
                name="usage_rollup_meter_known",
            ),
        ),
    ]

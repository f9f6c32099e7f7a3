from django.db import migrations, models

METERS = [
    "new_input_tokens",
    "cached_input_tokens",
    "leased_input_tokens",
    "output_tokens",
    "images",
    "hbm_mb_s",
    "host_mb_s",
    "disk_mb_s",
    "requests",
    "charged_nano_usd",
]
# Rollups can be made again.
NO_CHARGED = "DELETE FROM usage_rollup WHERE meter = 'charged_nano_usd'"


class Migration(migrations.Migration):
    dependencies = [("metering", "0011_lease_credits")]

    operations = [
        migrations.RemoveConstraint("usagerollup", "usage_rollup_meter_known"),
        migrations.RunSQL(migrations.RunSQL.noop, NO_CHARGED),
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

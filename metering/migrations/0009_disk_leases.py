from django.db import migrations, models

# Rollups can be made again.
NO_DISK = "DELETE FROM usage_rollup WHERE meter = 'disk_mb_s'"

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
]
TIERS = ["hbm", "host", "disk"]


class Migration(migrations.Migration):
    dependencies = [("metering", "0008_warming_calls")]

    operations = [
        migrations.RemoveConstraint("usagerollup", "usage_rollup_meter_known"),
        migrations.RunSQL(migrations.RunSQL.noop, NO_DISK),
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
        migrations.RemoveConstraint("leaseinterval", "lease_interval_tier_known"),
        migrations.AlterField(
            "leaseinterval",
            "tier",
            models.TextField(choices=[(name, name) for name in TIERS]),
        ),
        migrations.AddConstraint(
            "leaseinterval",
            models.CheckConstraint(
                condition=models.Q(("tier__in", TIERS)),
                name="lease_interval_tier_known",
            ),
        ),
    ]

from django.db import migrations, models

METERS = (
    "new_input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "images",
    "hbm_mb_s",
    "host_mb_s",
)


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_credit_grant_of_one_tenant"),
        ("metering", "0006_lease_meters"),
    ]

    operations = [
        migrations.RemoveConstraint("lineitem", "line_item_meter_known"),
        migrations.RemoveConstraint("ratedusage", "rated_usage_meter_known"),
        migrations.AddField(
            "priceversion",
            "hbm_mb_s_nano_usd_per_million",
            models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            "priceversion",
            "host_mb_s_nano_usd_per_million",
            models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            "lineitem",
            models.CheckConstraint(
                condition=models.Q(("meter__in", METERS)),
                name="line_item_meter_known",
            ),
        ),
        migrations.AddConstraint(
            "ratedusage",
            models.CheckConstraint(
                condition=models.Q(("meter__in", METERS)),
                name="rated_usage_meter_known",
            ),
        ),
        migrations.AddConstraint(
            "priceversion",
            models.CheckConstraint(
                condition=models.Q(
                    ("hbm_mb_s_nano_usd_per_million__gte", 0),
                    ("host_mb_s_nano_usd_per_million__gte", 0),
                ),
                name="price_lease_rates_not_negative",
            ),
        ),
    ]

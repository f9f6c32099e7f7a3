from django.db import migrations, models

METERS = (
    "new_input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "images",
    "hbm_mb_s",
    "host_mb_s",
    "disk_mb_s",
)
_OF_METERS = {
    "lineitem": "line_item_meter_known",
    "ratedusage": "rated_usage_meter_known",
}


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0005_lease_prices"),
        ("metering", "0009_disk_leases"),
    ]

    operations = [
        *(
            migrations.RemoveConstraint(model, name)
            for model, name in _OF_METERS.items()
        ),
        *(
            migrations.AddConstraint(
                model,
                models.CheckConstraint(
                    condition=models.Q(("meter__in", METERS)), name=name
                ),
            )
            for model, name in _OF_METERS.items()
        ),
        migrations.RemoveConstraint("priceversion", "price_lease_rates_not_negative"),
        migrations.AddField(
            "priceversion",
            "disk_mb_s_nano_usd_per_million",
            models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            "priceversion",
            models.CheckConstraint(
                condition=models.Q(
                    ("hbm_mb_s_nano_usd_per_million__gte", 0),
                    ("host_mb_s_nano_usd_per_million__gte", 0),
                    ("disk_mb_s_nano_usd_per_million__gte", 0),
                ),
                name="price_lease_rates_not_negative",
            ),
        ),
    ]

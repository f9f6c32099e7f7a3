from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0017_charged_in_nanos")]

    operations = [
        migrations.AddConstraint(
            model_name="usagerollup",
            constraint=models.CheckConstraint(
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
        ),
    ]

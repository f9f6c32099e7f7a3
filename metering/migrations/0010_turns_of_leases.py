from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0009_disk_leases")]

    # An ALTER of the parent reaches every partition; no row is rewritten.
    operations = [
        migrations.AddField(
            "usageevent", "cached_prompt_id", models.UUIDField(null=True)
        ),
        migrations.AddIndex(
            "usageevent",
            models.Index(
                fields=["previous_lease_id"],
                condition=models.Q(("previous_lease_id__isnull", False)),
                name="usage_event_previous_lease",
            ),
        ),
        migrations.AddIndex(
            "usageevent",
            models.Index(
                fields=["cached_prompt_id", "-happened_at"],
                condition=models.Q(("cached_prompt_id__isnull", False)),
                name="usage_event_cached_prompt",
            ),
        ),
    ]

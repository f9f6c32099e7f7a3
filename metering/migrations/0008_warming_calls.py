from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0007_lease_intervals")]

    # An ALTER of the parent reaches every partition; no row is rewritten.
    operations = [
        migrations.AddField(
            "usageevent", "is_warming", models.BooleanField(db_default=False)
        )
    ]

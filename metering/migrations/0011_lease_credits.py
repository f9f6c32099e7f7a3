from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("metering", "0010_turns_of_leases")]

    operations = [
        migrations.AddField(
            "leaseinterval",
            "credit_reason",
            models.TextField(blank=True, db_default="", default=""),
        ),
    ]

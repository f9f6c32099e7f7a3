from django.db import migrations

RENAME = "UPDATE usage_rollup SET meter = '{}' WHERE meter = '{}'"
OLD, NEW = "charged_nano_usd", "charged_nanos"


class Migration(migrations.Migration):
    dependencies = [("metering", "0016_money_in_nanos")]

    operations = [
        migrations.RunSQL(RENAME.format(NEW, OLD), RENAME.format(OLD, NEW)),
    ]

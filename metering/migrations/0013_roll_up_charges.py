from django.db import migrations

# Every hour is folded once more, so that the new meter is there for the past as well.
# Safe twice: a mark only says that an hour is to be looked at.
OPEN_ALL_HOURS = """
INSERT INTO open_hour (tenant_id, hour_at, generation)
    SELECT DISTINCT tenant_id, hour_at, 1 FROM usage_rollup ORDER BY 1, 2
ON CONFLICT (tenant_id, hour_at)
    DO UPDATE SET generation = open_hour.generation + 1
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0012_charged_meter")]

    operations = [
        migrations.RunSQL(OPEN_ALL_HOURS, migrations.RunSQL.noop),
    ]

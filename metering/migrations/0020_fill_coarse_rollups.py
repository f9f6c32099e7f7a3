from django.db import migrations

METERS = (
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
)
SUMS = ", ".join(
    f"coalesce(sum(quantity) FILTER (WHERE meter = '{meter}'), 0)" for meter in METERS
)
# Safe twice, and beside roll-ups: one that comes later adds what it changes.
FILL_DAYS = f"""
LOCK TABLE usage_day IN SHARE ROW EXCLUSIVE MODE;
DELETE FROM usage_day;
INSERT INTO usage_day (tenant_id, day_at, project_id, api_key_id, model,
    price_version_id, {", ".join(METERS)})
SELECT tenant_id, date_trunc('day', hour_at, 'UTC'), project_id, api_key_id, model,
    price_version_id, {SUMS}
FROM usage_rollup GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608  names of our own columns
# The endpoints are in the events alone, so the roll-up folds all hours once more; not
# those of months whose events were dropped, which it would find empty.
OPEN_HOURS = """
INSERT INTO open_hour (tenant_id, hour_at, generation)
    SELECT DISTINCT tenant_id, hour_at, 1 FROM usage_rollup
    WHERE hour_at >= (SELECT date_trunc('month', min(happened_at)) FROM usage_event)
    ORDER BY 1, 2
ON CONFLICT (tenant_id, hour_at)
    DO UPDATE SET generation = open_hour.generation + 1
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0019_coarse_rollups")]

    operations = [
        migrations.RunSQL(FILL_DAYS, migrations.RunSQL.noop),
        migrations.RunSQL(OPEN_HOURS, migrations.RunSQL.noop),
    ]

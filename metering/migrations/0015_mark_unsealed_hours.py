from django.db import migrations

# Usage of before there were receipts gets one too.
MARK = """
    INSERT INTO unsealed_hour (tenant_id, hour_at, generation)
    SELECT tenant_id, date_trunc('hour', happened_at, 'UTC'), 1
    FROM usage_event GROUP BY 1, 2
    UNION
    SELECT tenant_id, date_trunc('hour', ended_at, 'UTC'), 1
    FROM lease_interval GROUP BY 1, 2
    ON CONFLICT (tenant_id, hour_at) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0014_receipts")]

    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]

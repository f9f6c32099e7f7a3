from django.db import migrations

# A key's two limits become rows; backwards, what the two columns can hold.
_FORWARD = """
    INSERT INTO tenants_ratelimit (tenant_id, api_key_id, kind, amount)
    SELECT tenant_id, id, 'requests_per_minute', requests_per_minute
        FROM tenants_apikey WHERE requests_per_minute IS NOT NULL
    UNION ALL
    SELECT tenant_id, id, 'tokens_per_minute', tokens_per_minute
        FROM tenants_apikey WHERE tokens_per_minute IS NOT NULL;
"""
_BACKWARD = """
    WITH moved AS (
        DELETE FROM tenants_ratelimit
        WHERE api_key_id IS NOT NULL AND model IS NULL
            AND kind IN ('requests_per_minute', 'tokens_per_minute')
        RETURNING api_key_id, kind, amount
    ), wide AS (
        SELECT api_key_id,
            max(least(amount, 2147483647))
                FILTER (WHERE kind = 'requests_per_minute') AS requests,
            max(amount) FILTER (WHERE kind = 'tokens_per_minute') AS tokens
        FROM moved GROUP BY api_key_id
    )
    UPDATE tenants_apikey
    SET requests_per_minute = wide.requests,
        tokens_per_minute = wide.tokens
    FROM wide WHERE wide.api_key_id = tenants_apikey.id;
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_limits")]

    operations = [migrations.RunSQL(_FORWARD, _BACKWARD)]

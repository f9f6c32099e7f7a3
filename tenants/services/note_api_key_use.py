"""Note when API keys were last used; metering calls it with what it rolled up."""

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

# Rows are locked in the order of their ids, so that two calls cannot deadlock.
_UPDATE = """
WITH used AS (
    SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]) AS used (id, used_at)
), locked AS (
    SELECT id FROM tenants_apikey
    WHERE id IN (SELECT id FROM used) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tenants_apikey AS api_key SET last_used_at = used.used_at
FROM used JOIN locked USING (id)
WHERE api_key.id = used.id
  AND (api_key.last_used_at IS NULL OR api_key.last_used_at < used.used_at)
"""


def note_api_key_use(last_used: Mapping[int, datetime]) -> int:
    """Moves `last_used_at` of each key id forward, never back; returns how many moved.

    Unknown ids are passed over, so repeating or reordering calls changes nothing.
    """
    if not last_used:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [list(last_used), list(last_used.values())])
        return int(cursor.rowcount)

"""Delete the texts of calls whose time is over."""

from datetime import datetime

from django.db import connection

# A project that wants none kept has no days, and an age is never more than NULL: so it
# is asked for by itself.
_FORGET = """
    DELETE FROM kept_text USING tenants_project AS its
    WHERE kept_text.project_id = its.id AND (
        its.text_retention_days IS NULL
        OR kept_text.happened_at < %s - make_interval(days => its.text_retention_days)
    )
"""


def forget_texts(*, now: datetime) -> int:
    """How many were deleted: those older than their project keeps them, and all of
    projects that keep none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [now])
        return int(cursor.rowcount)

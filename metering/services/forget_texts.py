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
_OF_PROJECT = " AND kept_text.project_id = %s"


def forget_texts(*, now: datetime, project_id: int | None = None) -> int:
    """How many were deleted: those older than their project keeps them, and all of
    projects that keep none. With `project_id`: of that project alone, for a person
    waits for it.
    """
    with connection.cursor() as cursor:
        if project_id is None:
            cursor.execute(_FORGET, [now])
        else:
            cursor.execute(_FORGET + _OF_PROJECT, [now, project_id])
        return int(cursor.rowcount)

"""What import-linter cannot see: a foreign key to a model named by a string, and one
that a migration writes in SQL.
"""

import pytest
from django.apps import apps
from django.db import connection, models

from tests.architecture.sources import APPS, app_of, our_models

_FOREIGN_KEYS = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0
"""


def _rank(app: str) -> int:
    """A framework's tables lie below all of ours."""
    return APPS.index(app) if app in APPS else -1


def _references() -> list[tuple[type[models.Model], str, type[models.Model]]]:
    """(model, field, model that it refers to)."""
    return [
        (model, field.name, field.remote_field.model)
        for model in our_models()
        for field in [*model._meta.fields, *model._meta.many_to_many]
        if field.remote_field
    ]


def test_models_refer_to_their_own_app_or_one_below():
    upward = [
        f"{model._meta.label}.{field} -> {target._meta.label}"
        for model, field, target in _references()
        if _rank(app_of(target)) > _rank(app_of(model))
    ]
    assert upward == []
    assert len(_references()) > 10


@pytest.mark.django_db
def test_so_do_the_tables():
    owner = {
        model._meta.db_table: app_of(model)
        for model in apps.get_models(include_auto_created=True)
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOREIGN_KEYS)
        keys = cursor.fetchall()
    ours = [key for key in keys if owner.get(key[0]) in APPS]
    upward = [
        f"{table} -> {target}"
        for table, target in ours
        if _rank(owner.get(target, "")) > _rank(owner[table])
    ]
    assert upward == []
    assert len(ours) > 10

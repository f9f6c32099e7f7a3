"""Migrations say what the models say, know no code of today, and can be taken back."""

import ast

import pytest
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader

from tests.architecture.sources import (
    APPS,
    imported_modules,
    tracked_files,
    tree_of,
)
from tests.fresh_database import fresh_database, migrate

# Django writes the manager of a custom user into its migration.
ALLOWED_IMPORTS = {("tenants/migrations/0001_initial.py", "tenants.models")}


def _migration_files() -> list[str]:
    return [
        name
        for name in tracked_files()
        if "/migrations/0" in name and name.endswith(".py")
    ]


@pytest.mark.django_db
def test_the_models_have_not_drifted():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_migration_imports_an_app():
    """The code it would find is that of another day."""
    found = {
        (name, module)
        for name in _migration_files()
        for module in imported_modules(name)
        if module.partition(".")[0] in APPS
    }
    assert found - ALLOWED_IMPORTS == set()
    assert len(_migration_files()) >= 4


def test_every_operation_can_be_taken_back():
    loader = MigrationLoader(None, ignore_no_migrations=True)
    lasting = [
        f"{app}.{name}: {operation.describe()}"
        for (app, name), migration in loader.disk_migrations.items()
        if app in APPS
        for operation in migration.operations
        if not operation.reversible
    ]
    assert lasting == []


def test_schema_and_data_are_apart():
    mixed = [
        name
        for name in _migration_files()
        if "RunPython" in (source := ast.unparse(tree_of(name)))
        and ("CreateModel(" in source or "AddField(" in source)
    ]
    assert mixed == []


def test_all_of_them_run_forward_back_and_forward():
    with fresh_database() as url:
        migrate(url)
        for app in ("billing", "metering", "inference"):
            migrate(url, app, "zero")
        migrate(url)

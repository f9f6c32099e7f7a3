from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_migrate

from tenants.row_security import secure_rows


class TenantsConfig(AppConfig):
    name = "tenants"

    def import_models(self) -> None:
        """Django itself looks only into `tenants.models`."""
        super().import_models()
        import_module("tenants.audit_models")
        import_module("tenants.invitation_models")
        import_module("tenants.mail_models")
        import_module("tenants.saved_view_models")
        import_module("tenants.switches_models")

    def ready(self) -> None:
        # Sent when all apps have been migrated.
        post_migrate.connect(_secure_rows, sender=self)


def _secure_rows(**_: Any) -> None:
    secure_rows(settings.SHARED_TABLES)

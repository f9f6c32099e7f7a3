from importlib import import_module

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def import_models(self) -> None:
        """Django itself looks only into `tenants.models`."""
        super().import_models()
        import_module("tenants.audit_models")
        import_module("tenants.invitation_models")

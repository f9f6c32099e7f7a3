from importlib import import_module

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "metering"

    def import_models(self) -> None:
        """Django itself looks only into `metering.models`."""
        import_module("metering.audit_models")
        import_module("metering.coarse_models")
        import_module("metering.engine_usage_models")
        import_module("metering.lease_models")
        import_module("metering.receipt_models")
        import_module("metering.status_models")
        import_module("metering.text_models")
        super().import_models()

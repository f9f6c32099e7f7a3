from importlib import import_module

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def import_models(self) -> None:
        """Django itself looks only into `inference.models`."""
        import_module("inference.lease_models")
        super().import_models()

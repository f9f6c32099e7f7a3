from importlib import import_module

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def import_models(self) -> None:
        """Django itself looks only into `inference.models`."""
        for name in (
            "lease_models",
            "cached_prompt_models",
            "capacity_models",
            "cost_models",
        ):
            import_module(f"inference.{name}")
        super().import_models()

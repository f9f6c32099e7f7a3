from django.apps import AppConfig


class FrontendConfig(AppConfig):
    name = "frontend"

    def ready(self) -> None:
        from frontend import signing_out  # noqa: F401, PLC0415  connects its receiver

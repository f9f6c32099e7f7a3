"""`manage.py register_default_engine`: run at each start, before the data plane."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from inference.engine.convert import model_folder
from inference.errors import InferenceError
from inference.services.publish_routes import publish_routes
from inference.services.register_default_engines import register_default_engines
from tenants.services.publish_key_policies import publish_key_policies

_LOCAL_ENGINE_NAME = "local"


class Command(BaseCommand):
    help = (
        "Registers the model and the engines of this installation, drains all other "
        "engines and publishes routes and keys. Running it again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--address",
            action="append",
            help="unix:/path or http://host:port; may be repeated "
            "(default: ENGINE_URLS, else the local engine's socket)",
        )
        parser.add_argument("--name", help="name of the engine, if it is one")
        parser.add_argument(
            "--model",
            default=settings.SERVED_MODEL_NAME,
            help="public name of the model (default: %(default)s)",
        )
        parser.add_argument(
            "--context-tokens",
            type=int,
            default=settings.ENGINE_CONTEXT_TOKENS,
            help="longest prompt plus answer (default: %(default)s)",
        )
        parser.add_argument(
            "--simulator",
            action="store_true",
            default=settings.ENGINE_IS_SIMULATOR,
            help="the engine is simulated",
        )
        parser.add_argument(
            "--tokenizer-folder",
            help="where the model's tokenizer.json and chat template lie for the "
            "proxies (default: the model that our own engine loads)",
        )

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 Django's
        try:
            engines = register_default_engines(
                model_name=options["model"],
                addresses=options["address"] or settings.ENGINE_ADDRESSES,
                engine_name=options["name"] or self._usual_name(options["address"]),
                context_tokens=options["context_tokens"],
                is_simulator=options["simulator"],
                tokenizer_folder=options["tokenizer_folder"]
                or self._usual_folder(options),
                now=timezone.now(),
            )
        except InferenceError as error:
            raise CommandError(str(error)) from error
        # The services did so after their commit, but only log a failure; a start that
        # the data plane never hears of must not look like one that worked.
        publish_routes()
        publish_key_policies()
        for engine in engines:
            self.stdout.write(f"{options['model']} is served by {engine.address}")

    def _usual_name(self, addresses: list[str] | None) -> str:
        """Our own engine keeps its row when its socket moves; others go by address."""
        is_ours = not addresses and not settings.ENGINE_URLS
        return _LOCAL_ENGINE_NAME if is_ours else ""

    def _usual_folder(self, options: dict[str, Any]) -> str | None:
        """Where our own engine's model lies, or will lie once it is made."""
        is_ours = not options["address"] and not settings.ENGINE_URLS
        if not is_ours or options["simulator"]:
            return None
        return model_folder(settings.ENGINE_MODEL, models=settings.ENGINE_MODELS)
